"""Runs of the tiny recipe, as the tests of training make, kill and resume them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from model import train as train_module
from model.config import Recipe
from model.engine import Step, train_epoch
from model.metrics_file import METRICS
from model.train import WEIGHTS, TrainingOptions, train

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


def killed_at_step(number: int) -> Callable[..., Iterator[Step]]:
    """`train_epoch` that is killed when step `number` is done and not yet recorded."""

    def broken(*args: Any, **options: Any) -> Iterator[Step]:
        for step in train_epoch(*args, **options):
            if step.step == number:
                raise Killed
            yield step

    return broken


def train_until_killed(recipe: Recipe, options: TrainingOptions, step: int) -> None:
    """Train; the run is killed when step `step` is done and not yet recorded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "train_epoch", killed_at_step(step))
        with pytest.raises(Killed):
            train(recipe, options, QUIET)


def same_weights(first: Finished, second: Finished) -> bool:
    ours, theirs = first.weights(), second.weights()
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


def resume(run: Finished, output: Path, **changes: Any) -> Finished:
    options = replace(run.options, output=output, resume=True, **changes)
    return Finished(run.recipe, options, train(run.recipe, options, QUIET))


def with_schedule(recipe: Recipe, **changes: Any) -> Recipe:
    return recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update=changes), "validation": ()})
