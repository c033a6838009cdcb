"""What stops a run under way leaves its last checkpoint, from which it goes on."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model import train as train_module
from model.checkpoint import load_checkpoint
from model.data.shares import Part, StepBatch
from model.engine import DivergedError, Step, train_epoch
from model.interruption import InterruptedRunError
from model.train import LAST, train
from model.validation import Validation
from tests.model.tiny_run import QUIET, Finished, resume, same_weights


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
