"""A tiny run on drawn figures, whole: what it learns, what it writes, and that a seed repeats it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from model.checkpoint import load_checkpoint
from model.config import AugmentationRecipe
from model.evaluate import Predictor
from model.train import BEST_WEIGHTS, LAST, WEIGHTS, train
from model.validation import Validation
from tests.model.tiny_run import QUIET, Finished, resume, same_weights, train_until_killed, with_schedule


def test_the_loss_falls(unbroken: Finished, tmp_path: Path) -> None:
    """On figures that stand still: the network learns them by heart."""
    still = AugmentationRecipe(scale=0, rotation_probability=0, flip_probability=0, half_body_probability=0)
    schedule = unbroken.recipe.schedule.model_copy(update={"epochs": 10})
    recipe = unbroken.recipe.model_copy(update={"augmentation": still, "schedule": schedule, "validation": ()})
    options = replace(unbroken.options, output=tmp_path / "run", checkpoint_steps=100)
    run = Finished(recipe, options, train(recipe, options, QUIET))
    losses = [entry["loss"] for entry in run.metrics() if "loss" in entry]
    assert np.mean(losses[-3:]) < 0.6 * np.mean(losses[:3])


def test_metrics_hold_every_step_and_every_validation(unbroken: Finished) -> None:
    entries = unbroken.metrics()
    assert [entry["step"] for entry in entries if "loss" in entry] == list(range(1, 13))
    assert [entry["learning_rate"] for entry in entries if "loss" in entry] == [0.005, *[0.01] * 11]
    validations = [entry for entry in entries if "epoch" in entry]
    assert [(entry["epoch"], entry["step"]) for entry in validations] == [(1, 3), (2, 6), (3, 9), (4, 12)]
    assert unbroken.figures.items() <= validations[-1].items()
    assert {"ap/AP", "ap/AR_L", "pck/PCK@0.2"} <= set(unbroken.figures)


def test_tensorboard_shows_the_same_numbers(unbroken: Finished) -> None:
    # files that begin in one second are read in no fixed order, which the reader takes for a restart
    events = EventAccumulator(str(unbroken.options.output), purge_orphaned_data=False)
    events.Reload()
    losses = [entry["loss"] for entry in unbroken.metrics() if "loss" in entry]
    shown = {event.step: event.value for event in events.Scalars("train/loss")}
    assert [shown[step] for step in sorted(shown)] == pytest.approx(losses)
    assert {event.step for event in events.Scalars("pck/PCK@0.2")} == {3, 6, 9, 12}


def test_the_written_weights_are_the_averaged_ones(unbroken: Finished) -> None:
    recipe, progress, states = load_checkpoint(unbroken.options.output / LAST)
    assert recipe == unbroken.recipe
    assert (progress.epoch, progress.samples, progress.step) == (4, 0, 12)
    weights = unbroken.weights()
    assert all(torch.equal(value, states["average"][name]) for name, value in weights.items())
    assert not torch.equal(weights["regressor.conv.weight"], states["network"]["regressor.conv.weight"])


def test_without_averaging_the_networks_own_weights_are_written(unbroken: Finished, tmp_path: Path) -> None:
    """The network trains with its weights in channels-last order; the file holds them in the plain one."""
    schedule = unbroken.recipe.schedule.model_copy(update={"epochs": 1, "ema_decay": None})
    recipe = unbroken.recipe.model_copy(update={"schedule": schedule, "validation": ()})
    options = replace(unbroken.options, output=tmp_path / "run", checkpoint_steps=100)
    assert train(recipe, options, QUIET) == {}
    weights = load_file(tmp_path / "run" / WEIGHTS)
    states = load_checkpoint(tmp_path / "run" / LAST)[2]
    assert states["average"] is None
    assert all(torch.equal(value, states["network"][name]) for name, value in weights.items())


def test_the_same_seed_repeats_every_bit(unbroken: Finished, tmp_path: Path) -> None:
    options = replace(unbroken.options, output=tmp_path / "run", workers=1)
    assert same_weights(unbroken, Finished(unbroken.recipe, options, train(unbroken.recipe, options, QUIET)))


def test_another_seed_gives_other_weights(unbroken: Finished, tmp_path: Path) -> None:
    recipe = with_schedule(unbroken.recipe, epochs=4).model_copy(update={"seed": 6})
    options = replace(unbroken.options, output=tmp_path / "run")
    train(recipe, options, QUIET)
    assert not same_weights(unbroken, Finished(recipe, options, {}))


def test_accumulated_parts_give_nearly_the_same_losses(unbroken: Finished, tmp_path: Path) -> None:
    """Only nearly: batch norms see a part at a time."""
    recipe = with_schedule(unbroken.recipe, epochs=1, accumulate=2)
    options = replace(unbroken.options, output=tmp_path / "run")
    train(recipe, options, QUIET)
    losses, expected = (
        [entry["loss"] for entry in run.metrics() if "loss" in entry][:3]
        for run in (Finished(recipe, options, {}), unbroken)
    )
    assert losses == pytest.approx(expected, rel=0.1)
    assert losses != expected


def test_a_round_begins_at_the_best_weights_with_a_fresh_optimiser(
    unbroken: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter([0.3, 0.2, 0.1, 0.4])

    def figures(validation: Validation, _: Predictor) -> dict[str, float]:
        return {f"{validation.source.name}/AP": next(told)}

    monkeypatch.setattr(Validation, "figures", figures)
    schedule = unbroken.recipe.schedule.model_copy(update={"epochs": 2, "rounds": 2})
    first = unbroken.recipe.validation[:1]
    recipe = unbroken.recipe.model_copy(update={"schedule": schedule, "validation": first})
    options = replace(unbroken.options, output=tmp_path / "run", checkpoint_steps=1)
    train_until_killed(recipe, options, 7)
    _, progress, states = load_checkpoint(tmp_path / "run" / LAST)
    best = load_file(tmp_path / "run" / BEST_WEIGHTS)
    assert (progress.epoch, progress.best) == (2, 0.3)
    assert states["optimiser"]["state"] == {}
    assert all(torch.equal(value, states["network"][name]) for name, value in best.items())
    finished = Finished(recipe, options, {})
    assert any(not torch.equal(value, best[name]) for name, value in finished.weights().items())
    resume(finished, options.output)
    assert load_checkpoint(tmp_path / "run" / LAST)[1].best == 0.4
    assert all(
        torch.equal(value, finished.weights()[n]) for n, value in load_file(options.output / BEST_WEIGHTS).items()
    )
