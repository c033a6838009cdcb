"""How many items a model takes at once: measured at warm-up, or set."""

import time
from dataclasses import dataclass

import numpy as np

from model.contract.arrays import ImageArray
from model.contract.crop import Size
from service.runtime.base import Runtime

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
ROUNDS = 5
NEAR_BEST = 1.05
"""A batch whose time an item is within this factor of the best is as good, and smaller ones answer sooner."""
LONGEST_BATCH_S = 0.1
"""Batches that may take longer than this are not tried: others would wait for them."""
MISSES = 2
"""Sizes that may bring no gain before the trying ends."""


@dataclass(frozen=True)
class BatchLimit:
    """The largest batch of a model.

    Attributes:
        size: items.
        seconds: batch size -> seconds, as measured at warm-up; empty if the size was set.
    """

    size: int
    seconds: dict[int, float]

    def describe(self) -> str:
        """One line for the log."""
        if not self.seconds:
            return f"batches of up to {self.size} (set)"
        times = ", ".join(f"{size}: {1000 * seconds:.1f} ms" for size, seconds in self.seconds.items())
        return f"batches of up to {self.size} (measured: {times})"


def choose_limit(runtime: Runtime, setting: int, item_size: Size) -> BatchLimit:
    """The setting, or where it is 0 the smallest batch that computes an item nearly as fast as any.

    The runtime is warmed up either way.

    Args:
        runtime: what is timed.
        setting: the largest batch, or 0.
        item_size: (width, height) in pixels of a usual item.
    """
    if setting:
        runtime.warm_up(_noise(setting, item_size))
        return BatchLimit(setting, {})
    seconds = measure_batches(runtime, item_size)
    return BatchLimit(smallest_useful(seconds), seconds)


def measure_batches(runtime: Runtime, item_size: Size) -> dict[int, float]:
    """Batch size -> the fastest of some rounds, seconds; larger sizes are tried while they bring a gain."""
    seconds: dict[int, float] = {}
    for size in SIZES:
        items = _noise(size, item_size)
        runtime.warm_up(items)
        seconds[size] = min(_time(runtime, items) for _ in range(ROUNDS))
        useful = smallest_useful(seconds)
        if 2 * seconds[size] > LONGEST_BATCH_S or useful * 2**MISSES <= size:
            break
    return seconds


def smallest_useful(seconds: dict[int, float]) -> int:
    """The smallest batch whose time an item is within 5% of the best."""
    best = min(time / size for size, time in seconds.items())
    return min(size for size, time in seconds.items() if time / size <= NEAR_BEST * best)


def _time(runtime: Runtime, items: ImageArray) -> float:
    began = time.perf_counter()
    runtime.infer(items)
    return time.perf_counter() - began


def _noise(count: int, item_size: Size) -> ImageArray:
    width, height = item_size
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
