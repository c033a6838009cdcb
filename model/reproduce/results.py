"""What a finished training of a reproduction leaves: result.json beside its checkpoint."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from model.config import Recipe, RecipeError
from model.whole_file import write_whole

RESULT = "result.json"


class Result(BaseModel):
    """A finished training.

    Attributes:
        recipe: what was trained, complete.
        figures: `source/figure` -> 0..1, with the flip test; empty if it failed.
        curve: figures after every epoch, without the flip test.
        failure: why it ended early; none.
        steps: optimiser steps.
        seconds: from start to end; of what came before an interruption, the training alone.
        initial_weights: name of the file that it started from; none for fresh weights.
        device: torch's name.
        bf16: whether it computed in bfloat16.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: Recipe
    figures: dict[str, float]
    curve: list[dict[str, float]]
    failure: str | None = None
    steps: int
    seconds: float
    initial_weights: str | None
    device: str
    bf16: bool


def write_result(folder: Path, result: Result) -> None:
    """Write it, whole or not at all."""
    write_whole(folder / RESULT, json.dumps(result.model_dump(mode="json"), indent=1).encode())


def read_result(folder: Path, recipe: Recipe) -> Result | None:
    """The result of a recipe's training; None before it has one.

    Raises:
        RecipeError: it is another recipe's, or cannot be read.
    """
    path = folder / RESULT
    if not path.is_file():
        return None
    try:
        result = Result.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RecipeError(f"{path} cannot be read as a result of this release: {error}") from error
    if result.recipe != recipe:
        raise RecipeError(f"{path} is of another scale or recipe; choose another --output folder")
    return result
