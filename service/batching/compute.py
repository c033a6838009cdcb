"""One batch through a runtime: an outcome for each item, whatever the others do."""

import logging
from collections.abc import Callable, Sequence

import numpy as np

from model.contract.arrays import FloatArray, ImageArray
from service.runtime.base import OutOfMemoryError, Runtime, RuntimeLostError

logger = logging.getLogger("fasterpose.model")

OUT_OF_MEMORY = (OutOfMemoryError, MemoryError)
"""The device's memory, and the machine's: numpy and OpenVINO raise the latter."""

Outcomes = FloatArray | list[FloatArray | Exception]
"""The (N, ...) float32 outputs of N items; or, if not all could be computed, each one's output or error."""


def assemble(parts: Sequence[ImageArray]) -> ImageArray:
    """Items of several callers as one (N, H, W, 3) batch; those of one caller without a copy."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def compute(runtime: Runtime, items: ImageArray, too_large: Callable[[int], None]) -> Outcomes:
    """Compute a batch. One that memory does not hold is halved; if it fails otherwise, each item is tried by itself.

    Args:
        runtime: called from this thread only.
        items: (N, H, W, 3) uint8 RGB.
        too_large: told the size of each batch that memory did not hold.

    Raises:
        RuntimeLostError: the runtime cannot compute any more.
    """
    try:
        return _infer(runtime, items)
    except RuntimeLostError:
        raise
    except Exception as error:
        if len(items) == 1:
            logger.exception("an item failed in %s", runtime.name)
            return [error]
        most = 1
        if isinstance(error, OUT_OF_MEMORY):
            too_large(len(items))
            most = len(items) // 2
        logger.warning(
            "a batch of %d failed in %s, its items are tried by %d: %r", len(items), runtime.name, most, error
        )
    pieces = (items[i : i + most] for i in range(0, len(items), most))
    return [outcome for piece in pieces for outcome in compute(runtime, piece, too_large)]


def output_of(outcomes: Outcomes) -> FloatArray:
    """The outputs of items, (n, ...) float32.

    Raises:
        Exception: the error of the first that has none.
    """
    if isinstance(outcomes, np.ndarray):
        return outcomes
    outputs: list[FloatArray] = []
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
        outputs.append(outcome)
    return np.stack(outputs)


def _infer(runtime: Runtime, items: ImageArray) -> FloatArray:
    outputs = runtime.infer(items)
    if len(outputs) != len(items):
        raise ValueError(f"{runtime.name} gave {len(outputs)} outputs for {len(items)} items")
    return outputs
