"""A tiny run on drawn figures, whole; and everything that stops a run before its first epoch."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from rich.console import Console
from safetensors.torch import load_file, save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torchvision.models import resnet

from model import train as train_module
from model.build import build_loss
from model.checkpoint import CheckpointError, load_checkpoint
from model.config import AugmentationRecipe, Recipe, RecipeError, read_recipe
from model.contract.coco import AnnotationError
from model.data.dataset import DataError
from model.data.shares import Part, StepBatch
from model.engine import DeviceError, DivergedError, ServedNetwork, Step, train_epoch
from model.evaluate import Predictor
from model.graph import as_stored, write_graph
from model.interruption import InterruptedRunError
from model.metrics_file import METRICS
from model.networks.backbones import BUILDERS
from model.networks.fasterpose import FasterPose
from model.precisions import GRAPH
from model.train import BEST_WEIGHTS, LAST, WEIGHTS, TrainingOptions, train
from model.validation import Validation
from tests.model import drawn
from tests.model.narrow import NarrowResNet, use_narrow_trunks

QUIET = Console(quiet=True)


class Killed(BaseException):
    """Ends a run as a signal does."""


@dataclass(frozen=True)
class Finished:
    """A run that went to its end."""

    recipe: Recipe
    options: TrainingOptions
    figures: dict[str, float]

    def metrics(self) -> list[dict[str, Any]]:
        lines = (self.options.output / METRICS).read_text().splitlines()
        return [json.loads(line) for line in lines]

    def weights(self) -> dict[str, torch.Tensor]:
        return load_file(self.options.output / WEIGHTS)


@pytest.fixture(scope="module", autouse=True)
def _narrow() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_narrow_trunks(monkeypatch)
        yield


@pytest.fixture(scope="module")
def unbroken(_narrow: None, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of four epochs, three steps each, with a checkpoint in the middle of the third."""
    folder = tmp_path_factory.mktemp("unbroken")
    (folder / "tiny.toml").write_text(drawn.RECIPE)
    recipe = read_recipe(folder / "tiny.toml")
    options = TrainingOptions(
        data=drawn.draw_set(folder / "data"), output=folder / "run", workers=0, checkpoint_steps=7
    )
    return Finished(recipe, options, train(recipe, options, QUIET))


def killed_at_step(number: int) -> Callable[..., Iterator[Step]]:
    """`train_epoch` that is killed when step `number` is done and not yet recorded."""

    def broken(*args: Any, **options: Any) -> Iterator[Step]:
        for step in train_epoch(*args, **options):
            if step.step == number:
                raise Killed
            yield step

    return broken


def same_weights(first: Finished, second: Finished) -> bool:
    ours, theirs = first.weights(), second.weights()
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


def resume(run: Finished, output: Path, **changes: Any) -> Finished:
    options = replace(run.options, output=output, resume=True, **changes)
    return Finished(run.recipe, options, train(run.recipe, options, QUIET))


def test_a_run_killed_in_an_epoch_and_resumed_ends_in_the_same_weights(
    unbroken: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_module, "train_epoch", killed_at_step(8))
    with pytest.raises(Killed):
        train(unbroken.recipe, replace(unbroken.options, output=tmp_path / "run"), QUIET)
    monkeypatch.undo()
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


def with_schedule(recipe: Recipe, **changes: Any) -> Recipe:
    return recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update=changes), "validation": ()})


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


@pytest.fixture
def options(data: Path, tmp_path: Path) -> TrainingOptions:
    return TrainingOptions(data=data, output=tmp_path / "run", workers=0)


def test_a_missing_photograph_is_named_before_the_first_epoch(recipe_file: Path, options: TrainingOptions) -> None:
    (options.data / "images" / "train-3.png").unlink()
    with pytest.raises(DataError, match=r"photograph .*train-3\.png is missing"):
        train(read_recipe(recipe_file), options, QUIET)
    assert not options.output.exists()


def test_a_broken_photograph_is_named_before_the_first_epoch(recipe_file: Path, options: TrainingOptions) -> None:
    path = options.data / "images" / "train-4.png"
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(DataError, match=r"photograph .*train-4\.png: "):
        train(read_recipe(recipe_file), options, QUIET)


def test_a_missing_validation_photograph_is_named_before_the_first_epoch(
    recipe_file: Path, options: TrainingOptions
) -> None:
    (options.data / "images" / "val-2.png").unlink()
    with pytest.raises(DataError, match=r"photograph .*val-2\.png is missing"):
        train(read_recipe(recipe_file), options, QUIET)


def test_a_broken_annotation_is_named_with_file_and_entry(recipe_file: Path, options: TrainingOptions) -> None:
    content = json.loads((options.data / "train.json").read_text())
    content["annotations"][2]["keypoints"].pop()
    (options.data / "train.json").write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match=r"train\.json: annotation 20: its keypoints has 50 numbers"):
        train(read_recipe(recipe_file), options, QUIET)


def test_a_missing_annotation_file_is_named(recipe_file: Path, options: TrainingOptions) -> None:
    (options.data / "val.json").unlink()
    with pytest.raises(AnnotationError, match=r"annotation file .*val\.json cannot be read"):
        train(read_recipe(recipe_file), options, QUIET)


def test_an_unknown_device_is_named_before_anything_is_read(recipe_file: Path, options: TrainingOptions) -> None:
    with pytest.raises(DeviceError, match="device 'tpu' cannot be used"):
        train(read_recipe(recipe_file), replace(options, device="tpu", data=Path("absent")), QUIET)


def test_a_run_starts_from_given_weights(recipe_file: Path, options: TrainingOptions, tmp_path: Path) -> None:
    start = FasterPose("resnet18", 17)
    save_file(start.state_dict(), tmp_path / "start.safetensors")
    recipe = read_recipe(recipe_file)
    frozen = recipe.network.model_copy(update={"frozen_stages": 5})
    schedule = recipe.schedule.model_copy(update={"epochs": 1})
    recipe = recipe.model_copy(update={"network": frozen, "schedule": schedule, "validation": ()})
    train(recipe, replace(options, initial_weights=tmp_path / "start.safetensors", checkpoint_steps=100), QUIET)
    weights = load_file(options.output / WEIGHTS)
    assert torch.equal(weights["trunk.layer4.0.conv2.weight"], start.state_dict()["trunk.layer4.0.conv2.weight"])
    assert not torch.equal(weights["regressor.conv.weight"], start.regressor.conv.weight)


def test_a_run_starts_from_a_bundle(recipe_file: Path, options: TrainingOptions, tmp_path: Path) -> None:
    recipe = read_recipe(recipe_file)
    start = as_stored(ServedNetwork(FasterPose("resnet18", 17), build_loss(recipe.loss)))
    write_graph(start, np.zeros((2, 64, 64, 3), dtype=np.uint8), tmp_path / GRAPH, "heatmaps")
    frozen = recipe.network.model_copy(update={"frozen_stages": 5})
    recipe = with_schedule(recipe, epochs=1).model_copy(update={"network": frozen})
    train(recipe, replace(options, initial_weights=tmp_path, checkpoint_steps=100), QUIET)
    weights, expected = load_file(options.output / WEIGHTS), start.state_dict()
    assert torch.equal(weights["trunk.layer4.0.conv2.weight"], expected["network.trunk.layer4.0.conv2.weight"])
    assert not torch.equal(weights["regressor.conv.weight"], expected["network.regressor.conv.weight"])


def test_a_diverging_run_keeps_its_last_checkpoint(
    unbroken: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(
        network: Any, loss: Any, optimiser: Any, batches: Any, rates: Any, first: int, **options: Any
    ) -> Iterator[Step]:
        later = (batch if first + i < 8 else _with_nan(batch) for i, batch in enumerate(batches))
        return train_epoch(network, loss, optimiser, later, rates, first, **options)

    monkeypatch.setattr(train_module, "train_epoch", poisoned)
    options = replace(unbroken.options, output=tmp_path / "run")
    with pytest.raises(DivergedError, match="at step 8"):
        train(unbroken.recipe, options, QUIET)
    assert load_checkpoint(tmp_path / "run" / LAST)[1].step == 7


def _with_nan(step: StepBatch) -> StepBatch:
    (part,) = step.parts
    spoilt = part.batch._replace(heatmaps=part.batch.heatmaps * float("nan"))
    return StepBatch(step.samples, [Part(spoilt, part.weight)])


def test_the_same_seed_repeats_every_bit(unbroken: Finished, tmp_path: Path) -> None:
    options = replace(unbroken.options, output=tmp_path / "run", workers=1)
    assert same_weights(unbroken, Finished(unbroken.recipe, options, train(unbroken.recipe, options, QUIET)))


def test_another_seed_gives_other_weights(unbroken: Finished, tmp_path: Path) -> None:
    recipe = with_schedule(unbroken.recipe, epochs=4).model_copy(update={"seed": 6})
    options = replace(unbroken.options, output=tmp_path / "run")
    train(recipe, options, QUIET)
    assert not same_weights(unbroken, Finished(recipe, options, {}))


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
    with monkeypatch.context() as killed:
        killed.setattr(train_module, "train_epoch", killed_at_step(3))
        with pytest.raises(Killed):
            train(recipe, broken.options, QUIET)
    assert same_weights(whole, resume(broken, broken.options.output))


def test_a_run_with_resident_crops_learns_the_same_and_resumes_bit_for_bit(
    unbroken: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = with_schedule(unbroken.recipe, epochs=2)
    options = replace(unbroken.options, output=tmp_path / "whole", crops="resident", checkpoint_steps=2)
    whole = Finished(recipe, options, train(recipe, options, QUIET))
    losses, expected = ([entry["loss"] for entry in run.metrics() if "loss" in entry][:6] for run in (whole, unbroken))
    assert losses == pytest.approx(expected, rel=0.02)  # some pixels are a grey level apart
    broken = replace(whole, options=replace(options, output=tmp_path / "broken"))
    with monkeypatch.context() as context:
        context.setattr(train_module, "train_epoch", killed_at_step(3))
        with pytest.raises(Killed):
            train(recipe, broken.options, QUIET)
    assert same_weights(whole, resume(broken, broken.options.output))


def test_resident_crops_train_in_bf16_and_parts(unbroken: Finished, tmp_path: Path) -> None:
    recipe = with_schedule(unbroken.recipe, epochs=1, accumulate=2)
    options = replace(unbroken.options, output=tmp_path / "run", crops="resident", bf16=True)
    train(recipe, options, QUIET)
    losses, expected = (
        [entry["loss"] for entry in run.metrics() if "loss" in entry][:3]
        for run in (Finished(recipe, options, {}), unbroken)
    )
    assert losses == pytest.approx(expected, rel=0.15)


def test_crops_that_memory_does_not_hold_stop_the_run_before_it_begins(
    recipe_file: Path, options: TrainingOptions
) -> None:
    tight = replace(options, crops="resident", resident_gib=1e-4)
    with pytest.raises(DataError, match="raise --resident-gib or take --crops loader"):
        train(read_recipe(recipe_file), tight, QUIET)
    assert not options.output.exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_the_step_under_way_and_a_resumed_run_ends_the_same(
    unbroken: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    def signalled(*arguments: Any, **options: Any) -> Iterator[Step]:
        for step in train_epoch(*arguments, **options):
            if step.step == 5:
                os.kill(os.getpid(), number)
            yield step

    broken = replace(unbroken, options=replace(unbroken.options, output=tmp_path / "run", checkpoint_steps=100))
    with monkeypatch.context() as context:
        context.setattr(train_module, "train_epoch", signalled)
        with pytest.raises(InterruptedRunError, match=rf"stopped by {number.name} at epoch 2, step 5") as stopped:
            train(broken.recipe, broken.options, QUIET)
    assert stopped.value.exit_code == code
    assert load_checkpoint(tmp_path / "run" / LAST)[1].step == 5
    assert signal.getsignal(number) not in (signal.SIG_IGN, None)
    assert same_weights(unbroken, resume(broken, broken.options.output))


def test_a_signal_while_it_validates_stops_there_and_validates_again(
    unbroken: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = Validation.figures

    def signalled(validation: Validation, predict: Any) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGTERM)
        return figures(validation, predict)

    broken = replace(unbroken, options=replace(unbroken.options, output=tmp_path / "run"))
    with monkeypatch.context() as context:
        context.setattr(Validation, "figures", signalled)
        with pytest.raises(InterruptedRunError, match="at epoch 1, step 3"):
            train(broken.recipe, broken.options, QUIET)
    assert all("epoch" not in entry for entry in broken.metrics())
    assert resume(broken, broken.options.output).figures == unbroken.figures


def test_a_resumed_run_writes_no_metric_twice(
    unbroken: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(unbroken, options=replace(unbroken.options, output=tmp_path / "run", checkpoint_steps=2))
    with monkeypatch.context() as context:
        context.setattr(train_module, "train_epoch", killed_at_step(6))
        with pytest.raises(Killed):
            train(broken.recipe, broken.options, QUIET)
    with (tmp_path / "run" / METRICS).open("a") as file:
        file.write('{"step": 6, "lo')
    resume(broken, broken.options.output)
    told = [[(entry["step"], entry.get("loss")) for entry in run.metrics()] for run in (unbroken, broken)]
    assert told[0] == told[1]


def test_a_full_disk_stops_the_run_and_keeps_the_checkpoint(
    unbroken: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) > 4:  # each file is flushed, then its folder
            raise OSError(28, "No space left on device")

    broken = replace(unbroken, options=replace(unbroken.options, output=tmp_path / "run", checkpoint_steps=1))
    with monkeypatch.context() as context:
        context.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"last\.pt was not written and stays as it was: No space left on device"):
            train(broken.recipe, broken.options, QUIET)
    assert load_checkpoint(tmp_path / "run" / LAST)[1].step == 2
    assert not list((tmp_path / "run").glob("*.part"))
    assert same_weights(unbroken, resume(broken, broken.options.output))


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
    with monkeypatch.context() as context:
        context.setattr(train_module, "train_epoch", killed_at_step(7))
        with pytest.raises(Killed):
            train(recipe, options, QUIET)
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
