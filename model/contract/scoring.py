"""Scores of people: the person score, OKS, and the suppression of duplicate poses."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.contract.arrays import BoolArray, DoubleArray, FloatArray

Floats = NDArray[np.float64 | np.float32]
"""float64 or float32 array."""


def person_score(box_score: float, keypoint_scores: FloatArray, threshold: float = 0.2) -> float:
    """Box score x mean score of the keypoints above `threshold`, 0 if none is (SimpleBaseline's rescoring).

    Args:
        box_score: detector's score in [0, 1].
        keypoint_scores: (K,) in [0, 1].
        threshold: keypoints at or below it do not count.
    """
    counted = keypoint_scores[keypoint_scores > threshold]
    return float(box_score) * float(counted.mean(dtype=np.float64)) if counted.size else 0.0


def oks(
    points_a: Floats, points_b: Floats, area: float, sigmas: Sequence[float], visible: BoolArray | None = None
) -> float:
    """Object keypoint similarity: mean of exp(-d^2 / (2 area (2 sigma)^2)), as cocoapi.

    Args:
        points_a: (K, 2) image pixels.
        points_b: (K, 2) image pixels.
        area: the person's area, square pixels.
        sigmas: K per-keypoint constants.
        visible: (K,) which keypoints count; all if None.

    Returns:
        Similarity in [0, 1]; 0 where no keypoint counts.
    """
    similarity = _similarities(np.asarray(points_a)[None], np.asarray(points_b), np.array([area]), sigmas)[0]
    counted = similarity if visible is None else similarity[visible]
    return float(counted.mean()) if counted.size else 0.0


def oks_nms(
    points: Floats, scores: Floats, areas: Floats, sigmas: Sequence[float], threshold: float = 0.9
) -> list[int]:
    """Keep the best of poses that lie on one person: greedy by score, as SimpleBaseline.

    A pose is dropped when its OKS with a kept one is above `threshold`; the area is the mean of the two.

    Args:
        points: (N, K, 2) image pixels.
        scores: (N,) person scores; of equal ones the first is better.
        areas: (N,) areas of the people's windows, square pixels.
        sigmas: K per-keypoint constants.
        threshold: OKS above which a pose is a duplicate.

    Returns:
        Kept indices, highest score first.
    """
    waiting = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    kept: list[int] = []
    while waiting.size:
        best, rest = int(waiting[0]), waiting[1:]
        kept.append(best)
        mean_areas = (areas[rest] + areas[best]) / 2.0
        overlap = _similarities(points[rest], points[best], mean_areas, sigmas).mean(axis=1)
        waiting = rest[overlap <= threshold]
    return kept


def _similarities(points: Floats, other: Floats, areas: DoubleArray, sigmas: Sequence[float]) -> DoubleArray:
    """(N, K, 2), (K, 2) and (N,) areas -> (N, K) similarity of each keypoint."""
    variances = (2 * np.asarray(sigmas, dtype=np.float64)) ** 2
    squared = ((np.asarray(points, dtype=np.float64) - other) ** 2).sum(axis=-1)
    spread = 2 * variances * (areas[:, None] + np.spacing(1.0))  # cocoapi's guard against an area of 0
    return np.exp(-squared / spread)
