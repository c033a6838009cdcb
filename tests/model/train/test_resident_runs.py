"""A run whose crops are cut on the device learns what one with the loader's learns."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.train import train
from tests.model.tiny_run import QUIET, Finished, resume, same_weights, train_until_killed, with_schedule


def test_a_run_with_resident_crops_learns_the_same_and_resumes_bit_for_bit(unbroken: Finished, tmp_path: Path) -> None:
    recipe = with_schedule(unbroken.recipe, epochs=2)
    options = replace(unbroken.options, output=tmp_path / "whole", crops="resident", checkpoint_steps=2)
    whole = Finished(recipe, options, train(recipe, options, QUIET))
    losses, expected = ([entry["loss"] for entry in run.metrics() if "loss" in entry][:6] for run in (whole, unbroken))
    assert losses == pytest.approx(expected, rel=0.02)  # some pixels are a grey level apart
    broken = replace(whole, options=replace(options, output=tmp_path / "broken"))
    train_until_killed(recipe, broken.options, 3)
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
