"""Decoding a heatmap as a distribution: expected positions instead of the highest pixel's."""

import numpy as np

from model.contract.arrays import DoubleArray, FloatArray

TINY = 1e-30
"""What every pixel weighs at least, so that an empty map has its middle as its mean."""


def soft_argmax(maps: FloatArray, beta: float) -> DoubleArray:
    """Expected positions of softmax(beta * map) (LPN, arXiv 1911.10346; its code takes beta 160).

    Args:
        maps: (N, K, h, w) heatmaps.
        beta: how much the highest pixel outweighs the others.

    Returns:
        (N, K, 2) x and y, heatmap pixels.
    """
    highest = maps.max(axis=(-2, -1), keepdims=True)
    return centre_of_mass(np.exp(beta * (maps - highest)))


def centre_of_mass(maps: FloatArray) -> DoubleArray:
    """Expected positions of maps that are distributions up to a factor; what is negative counts as nothing.

    Args:
        maps: (N, K, h, w).

    Returns:
        (N, K, 2) x and y, heatmap pixels.
    """
    weights = np.maximum(maps, TINY)
    return np.stack([_mean(weights.sum(axis=-2)), _mean(weights.sum(axis=-1))], axis=-1)


def mass_around(maps: FloatArray, points: DoubleArray, reach: float) -> FloatArray:
    """The share of each map's mass that lies in a square around a point: how sure an expected position is.

    Args:
        maps: (N, K, h, w).
        points: (N, K, 2) x and y, heatmap pixels.
        reach: half the square's side, heatmap pixels.

    Returns:
        (N, K) float32 in [0, 1].
    """
    weights = np.maximum(maps.astype(np.float64), TINY)
    height, width = maps.shape[2:]
    in_columns = np.abs(_pixels(width) - points[..., :1]) <= reach  # (N, K, w)
    in_rows = np.abs(_pixels(height) - points[..., 1:]) <= reach  # (N, K, h)
    inside = np.einsum("nkhw,nkw,nkh->nk", weights, in_columns.astype(np.float64), in_rows.astype(np.float64))
    return np.minimum(inside / weights.sum(axis=(-2, -1)), 1).astype(np.float32)


def _mean(profiles: FloatArray) -> DoubleArray:
    """(N, K, n) weights of pixels 0 .. n - 1 -> (N, K) their mean place."""
    weights = profiles.astype(np.float64)
    return np.sum(weights * _pixels(profiles.shape[-1]), axis=-1) / np.sum(weights, axis=-1)


def _pixels(count: int) -> DoubleArray:
    return np.arange(count, dtype=np.float64)
