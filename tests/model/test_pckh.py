"""PCKh against a slow transcript of the published evaluation, and from a recipe to the figures."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from rich.console import Console

from model.config import RecipeError, read_recipe
from model.contract.arrays import DoubleArray
from model.contract.spec import load_pose_spec
from model.data.dataset import DataError
from model.data.mpii import PckhTruth
from model.export import Identity, export_run
from model.pckh import pckh
from model.train import TrainingOptions, train
from tests.model import drawn, mpii_set
from tests.model.narrow import use_narrow_trunks
from tests.model.test_cli import call

RECIPE = (
    drawn.RECIPE[: drawn.RECIPE.index("[[training]]")].replace("epochs = 4", "epochs = 1")
    + """
[skeleton]
name = "mpii-16"
[[training]]
annotations = "train.json"
images = "images"
format = "mpii"
repeat = 4
[[validation]]
name = "mpii"
annotations = "valid.json"
images = "images"
metric = "pckh"
ground_truth = "gt_valid.mat"
"""
)
JOINTS = {
    "Head": [9],
    "Shoulder": [13, 12],
    "Elbow": [14, 11],
    "Wrist": [15, 10],
    "Hip": [3, 2],
    "Knee": [4, 1],
    "Ankle": [5, 0],
}


def published(points: DoubleArray, truth: PckhTruth) -> dict[str, float]:
    """Joint by joint and person by person, as lib/dataset/mpii.py says it."""
    grid = np.arange(0, 0.5 + 0.01, 0.01)
    at_half, at_tenth, counts = [], [], []
    for joint in range(16):
        correct, fine, count = 0, 0, 0
        for person in range(len(points)):
            if not truth.present[person, joint]:
                continue
            dx, dy = points[person, joint] + 1.0 - truth.points[person, joint]
            error = (dx**2 + dy**2) ** 0.5 / (truth.head_diagonals[person] * 0.6)
            count += 1
            correct += error <= 0.5
            fine += error <= grid[11]
        at_half.append(correct / count)
        at_tenth.append(fine / count)
        counts.append(0 if joint in {6, 7} else count)
    figures = {part: sum(at_half[joint] for joint in joints) / len(joints) for part, joints in JOINTS.items()}
    figures["Mean"] = sum(at_half[joint] * counts[joint] for joint in range(16)) / sum(counts)
    figures["Mean@0.1"] = sum(at_tenth[joint] * counts[joint] for joint in range(16)) / sum(counts)
    return figures


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_the_published_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth_points = rng.uniform(0, 600, (40, 16, 2))
    truth = PckhTruth(truth_points, rng.random((40, 16)) < rng.uniform(0.3, 1, 16), rng.uniform(30, 90, 40))
    points = truth_points - 1 + rng.normal(0, 12, truth_points.shape)
    figures = pckh(points, truth)
    assert list(figures) == [*JOINTS, "Mean", "Mean@0.1"]
    assert figures == pytest.approx(published(points, truth), abs=1e-12)
    assert 0 < figures["Mean@0.1"] < figures["Mean"] < 1


def one_person(error: float) -> dict[str, float]:
    """Figures of a person whose head is 100 pixels long (0.6 x diagonal) and whose every joint is off by `error`."""
    truth = PckhTruth(np.full((1, 16, 2), 200.0), np.ones((1, 16), dtype=np.bool_), np.array([100 / 0.6]))
    return pckh(np.full((1, 16, 2), 199.0) + np.array([error, 0]), truth)


@pytest.mark.parametrize(("error", "mean", "fine"), [(10.9, 1, 1), (11.1, 1, 0), (49.9, 1, 0), (50.1, 0, 0)])
def test_thresholds_lie_at_half_a_head_and_at_0_11(error: float, mean: float, fine: float) -> None:
    figures = one_person(error)
    assert (figures["Mean"], figures["Mean@0.1"]) == (mean, fine)


def test_pelvis_and_thorax_do_not_count_for_the_mean() -> None:
    truth = PckhTruth(np.full((1, 16, 2), 200.0), np.ones((1, 16), dtype=np.bool_), np.array([100.0]))
    points = np.full((1, 16, 2), 199.0)
    points[0, 6:8] += 500
    assert pckh(points, truth)["Mean"] == 1


def test_a_part_that_nobody_has_is_no_figure() -> None:
    present = np.ones((1, 16), dtype=np.bool_)
    present[0, 9] = False
    figures = pckh(np.full((1, 16, 2), 199.0), PckhTruth(np.full((1, 16, 2), 200.0), present, np.array([100.0])))
    assert (figures["Head"], figures["Mean"]) == (-1, 1)


def test_another_number_of_people_is_refused() -> None:
    truth = PckhTruth(np.zeros((2, 16, 2)), np.ones((2, 16), dtype=np.bool_), np.ones(2))
    with pytest.raises(DataError, match="holds 2 people; 3 were estimated"):
        pckh(np.zeros((3, 16, 2)), truth)


def test_a_recipe_trains_validates_exports_and_is_evaluated_on_mpii(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_narrow_trunks(monkeypatch)
    data = mpii_set.write_set(tmp_path / "data")
    (tmp_path / "mpii.toml").write_text(RECIPE)
    figures = train(
        read_recipe(tmp_path / "mpii.toml"),
        TrainingOptions(data=data, output=tmp_path / "run", workers=0),
        Console(quiet=True),
    )
    assert list(figures) == [f"mpii/{name}" for name in (*JOINTS, "Mean", "Mean@0.1")]
    identity = Identity("tiny", "0.1", "Apache-2.0", {})
    export_run(tmp_path / "run", data, tmp_path / "bundle", identity, Console(quiet=True))
    spec = load_pose_spec(tmp_path / "bundle")
    assert spec.skeleton.name == "mpii-16"
    capsys.readouterr()
    files = ("--annotations", data / "valid.json", "--images", data / "images")
    pckh_options = ("--metric", "pckh", "--ground-truth", data / "gt_valid.mat")
    assert call("evaluate", "--model", tmp_path / "bundle", *files, *pckh_options) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured == pytest.approx(
        {name.removeprefix("mpii/"): value for name, value in spec.provenance.accuracy["fp32"].items()}, abs=1e-4
    )
    assert call("evaluate", "--model", tmp_path / "bundle", *files, "--metric", "pckh") == 2
    assert "go together" in capsys.readouterr().err


@pytest.mark.parametrize("change", [('metric = "pckh"', 'metric = "pck"'), ('ground_truth = "gt_valid.mat"\n', "")])
def test_pckh_and_its_ground_truth_go_together(tmp_path: Path, change: tuple[str, str]) -> None:
    (tmp_path / "mpii.toml").write_text(RECIPE.replace(*change))
    with pytest.raises(RecipeError, match="pckh needs ground_truth"):
        read_recipe(tmp_path / "mpii.toml")
