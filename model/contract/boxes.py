"""How far boxes overlap: one formula for tracking, for a detector's figures and for self-training."""

from collections.abc import Sequence

import numpy as np

from model.contract.arrays import DoubleArray
from model.contract.crop import Box

SMALLEST_UNION = 1e-9
"""Square pixels: two boxes without area overlap by 0, not by 0 / 0."""


def box_overlaps(boxes: Sequence[Box] | DoubleArray, others: Sequence[Box] | DoubleArray) -> DoubleArray:
    """(N, M) intersection over union of N boxes with M others, 0..1; boxes are x, y, width, height in pixels."""
    first, second = (np.asarray(some, dtype=np.float64).reshape(-1, 4) for some in (boxes, others))
    ends, other_ends = first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:]
    sides = np.minimum(ends[:, None], other_ends) - np.maximum(first[:, None, :2], second[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=-1)
    areas, other_areas = np.prod(first[:, 2:], axis=1), np.prod(second[:, 2:], axis=1)
    union = areas[:, None] + other_areas - shared
    return np.asarray(shared / np.maximum(union, SMALLEST_UNION), dtype=np.float64)


def paired_overlaps(boxes: Sequence[Box], others: Sequence[Box]) -> DoubleArray:
    """(N,) intersection over union of each of N boxes with the one at its place among N others, 0..1."""
    return np.diagonal(box_overlaps(boxes, others))
