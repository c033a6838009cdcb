"""Checkpoints that survive a kill: written beside, then renamed."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from model.config import Recipe
from model.whole_file import write_whole

CHECKPOINT_VERSION = 1


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        epoch: the epoch under way, from 0, counted through all rounds.
        samples: training samples of this epoch that were used.
        step: optimiser steps since the start.
        seconds: training time so far.
        best: the highest figure of a validation so far; none before the first.
    """

    epoch: int = 0
    samples: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float | None = None


def save_checkpoint(path: Path, recipe: Recipe, progress: Progress, states: dict[str, Any]) -> None:
    """Write the recipe, the progress and the named state dicts; the old file stays until the new one is whole.

    Raises:
        OSError: it cannot be written.
    """
    content = {
        "version": CHECKPOINT_VERSION,
        "recipe": recipe.model_dump(mode="json"),
        "progress": vars(progress),
        "states": states,
    }
    buffer = io.BytesIO()  # torch's own writer answers a full disk with a RuntimeError
    torch.save(content, buffer)
    write_whole(path, buffer.getbuffer())


def load_checkpoint(path: Path) -> tuple[Recipe, Progress, dict[str, Any]]:
    """Read a checkpoint: its recipe, its progress and its state dicts (on the CPU).

    Raises:
        CheckpointError: it is missing, damaged or of another version.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        version = content.get("version", "none")
    except Exception as error:  # torch raises many types for a damaged file
        raise CheckpointError(f"checkpoint {path} cannot be read: {error}") from error
    if version != CHECKPOINT_VERSION:
        raise CheckpointError(
            f"checkpoint {path} has version {version}; this release reads {CHECKPOINT_VERSION}. "
            "Go on with the release that wrote it, or train anew"
        )
    try:
        return Recipe.model_validate(content["recipe"]), Progress(**content["progress"]), content["states"]
    except (KeyError, TypeError, ValidationError) as error:
        raise CheckpointError(f"checkpoint {path} is not one of this release: {error}") from error
