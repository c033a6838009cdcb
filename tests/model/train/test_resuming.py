"""A run that was killed ends as if it had not been, and a checkpoint goes on by its own recipe alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torchvision.models import resnet

from model.checkpoint import CheckpointError, load_checkpoint
from model.config import RecipeError
from model.metrics_file import METRICS
from model.networks.backbones import BUILDERS
from model.train import LAST, WEIGHTS, train
from model.validation import Validation
from tests.model.narrow import NarrowResNet
from tests.model.tiny_run import QUIET, Finished, Killed, resume, same_weights, train_until_killed, with_schedule


def test_a_run_killed_in_an_epoch_and_resumed_ends_in_the_same_weights(unbroken: Finished, tmp_path: Path) -> None:
    train_until_killed(unbroken.recipe, replace(unbroken.options, output=tmp_path / "run"), 8)
    progress = load_checkpoint(tmp_path / "run" / LAST)[1]
    assert (progress.epoch, progress.samples, progress.step) == (2, 4, 7)
    resumed = resume(unbroken, tmp_path / "run", workers=1)
    assert same_weights(unbroken, resumed)
    assert resumed.figures == unbroken.figures
    losses = [(entry["step"], entry["loss"]) for entry in unbroken.metrics() if "loss" in entry]
    assert [(entry["step"], entry["loss"]) for entry in resumed.metrics() if "loss" in entry] == losses


def test_a_run_killed_while_it_validates_validates_after_the_resume(
    unbroken: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = unbroken.recipe.model_copy(update={"schedule": unbroken.recipe.schedule.model_copy(update={"epochs": 1})})

    def killed(*_: Any) -> dict[str, float]:
        raise Killed

    short = replace(unbroken, recipe=recipe, options=replace(unbroken.options, output=tmp_path / "run"))
    monkeypatch.setattr(Validation, "figures", killed)
    with pytest.raises(Killed):
        train(recipe, short.options, QUIET)
    monkeypatch.undo()
    assert not (tmp_path / "run" / WEIGHTS).exists()
    resumed = resume(short, tmp_path / "run")
    assert set(resumed.figures) == set(unbroken.figures)
    assert load_checkpoint(tmp_path / "run" / LAST)[1].epoch == 1
    average = load_checkpoint(tmp_path / "run" / LAST)[2]["average"]
    assert all(torch.equal(value, average[name]) for name, value in resumed.weights().items())


class _Forgetful(NarrowResNet):
    """A narrow trunk that drops features at random while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.layer4.append(torch.nn.Dropout2d(0.5))


def _forgetful(**_: bool) -> resnet.ResNet:
    return cast("resnet.ResNet", _Forgetful())


def test_a_resumed_run_drops_the_features_that_it_would_have_dropped(
    unbroken: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUILDERS, "resnet18", _forgetful)
    recipe = with_schedule(unbroken.recipe, epochs=2)
    options = replace(unbroken.options, output=tmp_path / "whole", checkpoint_steps=2)
    whole = Finished(recipe, options, train(recipe, options, QUIET))
    broken = replace(whole, options=replace(options, output=tmp_path / "broken"))
    train_until_killed(recipe, broken.options, 3)
    assert same_weights(whole, resume(broken, broken.options.output))


def test_a_resumed_run_writes_no_metric_twice(unbroken: Finished, tmp_path: Path) -> None:
    broken = replace(unbroken, options=replace(unbroken.options, output=tmp_path / "run", checkpoint_steps=2))
    train_until_killed(broken.recipe, broken.options, 6)
    with (tmp_path / "run" / METRICS).open("a") as file:
        file.write('{"step": 6, "lo')
    resume(broken, broken.options.output)
    told = [[(entry["step"], entry.get("loss")) for entry in run.metrics()] for run in (unbroken, broken)]
    assert told[0] == told[1]


def test_a_finished_run_that_is_resumed_stays_as_it_is(unbroken: Finished) -> None:
    before = (unbroken.options.output / WEIGHTS).stat()
    resume(unbroken, unbroken.options.output)
    assert (unbroken.options.output / WEIGHTS).stat() == before


def test_an_output_that_holds_a_run_is_refused_before_anything_is_read(unbroken: Finished) -> None:
    options = replace(unbroken.options, data=Path("absent"))
    with pytest.raises(CheckpointError, match=r"last\.pt exists: go on with --resume, or choose another --output"):
        train(unbroken.recipe, options, QUIET)


def test_resuming_nothing_is_refused_before_anything_is_read(unbroken: Finished, tmp_path: Path) -> None:
    options = replace(unbroken.options, data=Path("absent"), output=tmp_path / "run", resume=True)
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*last\.pt"):
        train(unbroken.recipe, options, QUIET)
    assert not (tmp_path / "run").exists()


def test_resuming_by_another_recipe_is_refused(unbroken: Finished) -> None:
    recipe = unbroken.recipe.model_copy(update={"seed": 6})
    with pytest.raises(RecipeError, match=r"last\.pt was made by another recipe than tiny"):
        train(recipe, replace(unbroken.options, resume=True), QUIET)


def test_a_run_whose_rate_has_not_fallen_yet_may_be_made_longer(unbroken: Finished, tmp_path: Path) -> None:
    options = replace(unbroken.options, output=tmp_path / "whole", checkpoint_steps=100)
    whole = Finished(with_schedule(unbroken.recipe, kind="cooldown", epochs=2, cooldown_epochs=1), options, {})
    train(whole.recipe, options, QUIET)
    short = replace(whole, options=replace(options, output=tmp_path / "short"))
    train(with_schedule(whole.recipe, epochs=1, cooldown_epochs=0), short.options, QUIET)
    assert not same_weights(whole, short)
    assert same_weights(whole, resume(short, short.options.output))


@pytest.mark.parametrize("epochs", [1, 3], ids=["shorter than it is", "its rate has fallen"])
def test_another_length_that_would_change_steps_already_taken_is_refused(
    unbroken: Finished, tmp_path: Path, epochs: int
) -> None:
    options = replace(unbroken.options, output=tmp_path / "run", checkpoint_steps=100)
    recipe = with_schedule(unbroken.recipe, kind="cooldown", epochs=2, cooldown_epochs=1)
    train(recipe, options, QUIET)
    with pytest.raises(RecipeError, match="another recipe"):
        train(with_schedule(recipe, epochs=epochs), replace(options, resume=True), QUIET)
