"""A table on drawn figures: whole, interrupted, called again, and with what stops it before its first row."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from rich.console import Console
from safetensors.torch import load_file

from model import train as train_module
from model.config import RecipeError
from model.engine import DivergedError, Step, train_epoch
from model.interruption import InterruptedRunError
from model.reproduce.jobs import plan_jobs
from model.reproduce.results import RESULT, read_result
from model.reproduce.run import reproduce
from model.reproduce.tables import TABLE6
from model.train import WEIGHTS
from tests.model.reproduce.conftest import jobs_of, machine, scale

QUIET = Console(quiet=True)


def fails_to_train(*_: Any, **__: Any) -> Iterator[Step]:
    pytest.fail("nothing is left to train")


@pytest.fixture(scope="module")
def whole(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of two rows with two seeds."""
    output = tmp_path_factory.mktemp("whole")
    reproduce(TABLE6, jobs_of(place, output, seeds=2), machine(place, output), QUIET)
    return output


def test_the_report_stands_beside_the_papers_figures(whole: Path) -> None:
    lines = (whole / "table6.md").read_text().splitlines()
    head = next(line for line in lines if line.startswith("| row |"))
    rows = [line.split(" | ") for line in lines if line.startswith(("| MSE", "| RCE"))]
    assert head.startswith("| row | AP, paper | AP | AP50, paper | AP50 | AP75, paper")
    assert head.endswith("| again/PCK@0.2 | seeds |")
    assert [(row[0], row[1], row[3]) for row in rows] == [("| MSE", "70.3", "88.6"), ("| RCE", "70.9", "89.5")]
    assert all("±" in row[2] and row[-1] == "2 of 2 |" for row in rows)
    assert "fasterpose-resnet18 at 64x64, 2 epochs at batch 4, 4 steps from fresh weights, fp32 on cpu." in lines


def test_the_json_holds_every_training(whole: Path) -> None:
    content = json.loads((whole / "table6.json").read_text())
    assert [row["label"] for row in content["rows"]] == ["MSE", "RCE"]
    for row in content["rows"]:
        trainings = row["trainings"]
        assert [training["recipe"]["seed"] for training in trainings] == [0, 1]
        assert [[entry["epoch"] for entry in training["curve"]] for training in trainings] == [[1, 2], [1, 2]]
        assert set(trainings[0]["figures"]) >= {"drawn/AP", "drawn/AR", "again/PCK@0.2"}
        assert "drawn/PCK@0.2" not in trainings[0]["figures"]
        values = [100 * training["figures"]["again/PCK@0.2"] for training in trainings]
        assert row["figures"]["again/PCK@0.2"]["mean"] == pytest.approx(np.mean(values))
        assert row["figures"]["again/PCK@0.2"]["deviation"] == pytest.approx(np.std(values, ddof=1))


def test_the_plot_is_a_picture(whole: Path) -> None:
    picture = cv2.imread(str(whole / "table6.png"))
    assert picture is not None
    assert picture.std() > 5


def test_losses_lead_to_other_weights_and_so_do_seeds(whole: Path) -> None:
    runs = [whole / name / seed / WEIGHTS for name in ("table6-mse", "table6-rce") for seed in ("seed-0", "seed-1")]
    regressors = [load_file(path)["regressor.conv.weight"].numpy() for path in runs]
    assert len({regressor.tobytes() for regressor in regressors}) == 4


def test_what_is_finished_is_not_run_again(place: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_module, "train_epoch", fails_to_train)
    before = (whole / "table6.json").read_bytes()
    reproduce(TABLE6, jobs_of(place, whole, seeds=2), machine(place, whole), QUIET)
    assert (whole / "table6.json").read_bytes() == before


def test_an_interrupted_row_resumes_and_ends_as_if_it_had_not_been(
    place: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def signalled(*arguments: Any, **options: Any) -> Iterator[Step]:
        for step in train_epoch(*arguments, **options):
            if step.step == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            yield step

    jobs = jobs_of(place, tmp_path)
    with monkeypatch.context() as context:
        context.setattr(train_module, "train_epoch", signalled)
        with pytest.raises(InterruptedRunError, match=r"epoch 2, step 3; the same command goes on") as stopped:
            reproduce(TABLE6, jobs, machine(place, tmp_path), QUIET)
    assert stopped.value.exit_code == 143
    assert read_result(jobs[0].folder, jobs[0].recipe) is None
    reproduce(TABLE6, jobs, machine(place, tmp_path), QUIET)
    for job in jobs:
        ours, theirs = (
            json.loads((folder / job.row.recipe / "seed-0" / RESULT).read_text()) for folder in (tmp_path, whole)
        )
        assert ours["figures"] == theirs["figures"]
        assert ours["curve"] == theirs["curve"]
        assert ours["steps"] == theirs["steps"] == 4


def test_a_row_that_diverges_is_told_and_the_others_go_on(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverging(*arguments: Any, **options: Any) -> Iterator[Step]:
        if type(arguments[1]).__name__ == "MeanSquaredError":
            raise DivergedError("the loss is nan at step 0; lower the learning rate")
        yield from train_epoch(*arguments, **options)

    monkeypatch.setattr(train_module, "train_epoch", diverging)
    page = reproduce(TABLE6, jobs_of(place, tmp_path), machine(place, tmp_path), QUIET).read_text()
    assert "| MSE | 70.3 | - |" in page
    assert "- MSE, seed 0, did not reach its end: the loss is nan at step 0" in page
    assert "| RCE | 70.9 | - |" not in page


def test_another_scale_needs_another_output(place: Path, whole: Path) -> None:
    jobs = plan_jobs(TABLE6, replace(scale(place), epochs=1), whole)
    with pytest.raises(RecipeError, match=r"result\.json is of another scale or recipe; choose another --output"):
        reproduce(TABLE6, jobs, machine(place, whole), QUIET)


def test_a_result_that_is_none_is_named(place: Path, tmp_path: Path) -> None:
    jobs = jobs_of(place, tmp_path)
    jobs[0].folder.mkdir(parents=True)
    (jobs[0].folder / RESULT).write_text("{}")
    with pytest.raises(RecipeError, match=r"seed-0/result\.json cannot be read"):
        reproduce(TABLE6, jobs, machine(place, tmp_path), QUIET)


def test_initial_weights_of_no_row_are_refused(place: Path, tmp_path: Path) -> None:
    lost = replace(machine(place, tmp_path), initial_weights={"resnet50": tmp_path / "w.safetensors"})
    with pytest.raises(RecipeError, match=r"resnet50: no row has this trunk; the rows' are \['resnet18'\]"):
        reproduce(TABLE6, jobs_of(place, tmp_path), lost, QUIET)


def test_initial_weights_reach_the_rows_with_their_trunk(place: Path, tmp_path: Path) -> None:
    lost = replace(machine(place, tmp_path), initial_weights={"resnet18": tmp_path / "absent.safetensors"})
    with pytest.raises(RecipeError, match=r"absent\.safetensors cannot be read"):
        reproduce(TABLE6, jobs_of(place, tmp_path), lost, QUIET)


def test_torchrun_is_told_what_to_run(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RecipeError, match="start `fasterpose train` by torchrun"):
        reproduce(TABLE6, jobs_of(place, tmp_path), machine(place, tmp_path), QUIET)
