"""One-Euro smoothing: still points are held still, moving ones are followed.

The filter of Casiez, Roussel and Vogel (CHI 2012, https://gery.casiez.net/1euro/): a low pass whose cutoff frequency
grows with the speed. Speeds count in sizes of the person a second, so that near and far people are smoothed alike.

The filter moves along with the person as a whole: where a person goes, or a camera pans, at a steady pace, nothing
lags. What lags is a point that moves against the person, by 1 / (2 pi f) seconds at cutoff f. `lag_seconds` is that:
199 ms for a point at rest (where a lag shows nothing), 57 ms at one person's size a second, 23 ms at three and above.
No frame is held back: the answer to a frame comes at once, and its lag is in the coordinates.

Two things are not the paper's. A point of which the network is not sure is followed more slowly, in proportion to its
score: such points jump between two places, and a jump is a high speed, which would open the filter. And no point is
taken to be faster than three sizes a second, for the same reason.
"""

import math

import numpy as np

from model.contract.arrays import DoubleArray

CUTOFF_AT_REST = 0.8
"""Hz."""
CUTOFF_PER_SPEED = 2.0
"""Hz for each size of the person a second."""
SPEED_CUTOFF = 1.0
"""Hz: of the low pass over the speed itself."""
FASTEST = 3.0
"""Sizes of the person a second: what seems faster from one frame to the next is a jump of the estimate."""
SURE = 0.7
"""Score from which on a keypoint is followed at full cutoff."""
LEAST_TRUST = 0.3
"""Part of the cutoff that a point keeps, however low its score is."""


def lag_seconds(speed: float, score: float = 1.0) -> float:
    """How far behind a point in steady motion its smoothed place is, s.

    Args:
        speed: against the person, sizes of the person (square root of the box's area) a second.
        score: of the keypoint, 0 to 1.
    """
    cutoff = CUTOFF_AT_REST + CUTOFF_PER_SPEED * min(abs(speed), FASTEST)
    return 1 / (2 * math.pi * cutoff * float(trust_in(np.array(score))))


def trust_in(scores: DoubleArray) -> DoubleArray:
    """What part of their cutoffs keypoints with these scores have, 0..1."""
    return np.clip(scores / SURE, LEAST_TRUST, 1)


class OneEuro:
    """Smooths the points of one person."""

    def __init__(self) -> None:
        self._points: DoubleArray | None = None
        self._raw: DoubleArray | None = None
        self._speeds: DoubleArray | None = None
        self._time = 0.0

    def smooth(
        self, points: DoubleArray, size: float, time_s: float, velocity: DoubleArray, trust: DoubleArray
    ) -> DoubleArray:
        """The smoothed place of the points.

        Args:
            points: (K, 2) image pixels, K the same at each call.
            size: of the person, pixels; the square root of the box's area.
            time_s: of the frame, later than at the call before.
            velocity: (2,) of the person as a whole, pixels a second.
            trust: (K,) what part of its cutoff each point has, see `trust_in`.

        Returns:
            (K, 2) image pixels; the first call's points are as they came.
        """
        if self._points is None or self._raw is None or self._speeds is None or time_s <= self._time:
            self._points, self._raw, self._speeds = points.copy(), points.copy(), np.zeros_like(points)
            self._time = time_s
            return points.copy()
        elapsed, self._time = time_s - self._time, time_s
        speeds = ((points - self._raw) / elapsed - velocity) / size
        self._speeds = self._speeds + _gain(SPEED_CUTOFF, elapsed) * (_bounded(speeds) - self._speeds)
        cutoffs = CUTOFF_AT_REST + CUTOFF_PER_SPEED * np.linalg.norm(self._speeds, axis=1, keepdims=True)
        along = self._points + velocity * elapsed
        self._points = along + _gain(trust[:, None] * cutoffs, elapsed) * (points - along)
        self._raw = points.copy()
        return self._points.copy()


def _bounded(speeds: DoubleArray) -> DoubleArray:
    """(K, 2) speeds, none above the fastest."""
    lengths = np.linalg.norm(speeds, axis=1, keepdims=True)
    return speeds * np.minimum(1, FASTEST / np.maximum(lengths, FASTEST))


def _gain(cutoff: DoubleArray | float, elapsed: float) -> DoubleArray:
    """How much of the way to the new value a low pass goes in `elapsed` seconds."""
    return np.asarray(1 / (1 + 1 / (2 * math.pi * np.asarray(cutoff) * elapsed)), dtype=np.float64)
