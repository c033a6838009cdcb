"""Where a person's box is now, told by the pose alone, so that the detector need not look."""

from typing import NamedTuple

import numpy as np

from model.contract.arrays import DoubleArray
from model.contract.coco import PersonPose
from model.contract.crop import Box

SEEN = 0.2
"""Keypoints with a lower score are not seen."""
LEAST_POINTS = 4
"""So many keypoints must be seen then and now."""
MOST_SCALED = 2.0
"""A person does not become larger or smaller by more than this between two looks of the detector."""
OUTLYING = 0.1
"""Of the box's diagonal: a keypoint so far off the others' common motion counts half."""
ROUNDS = 2
"""Of weighting the keypoints by how well they agree."""


class Motion(NamedTuple):
    """Maps a point p of the earlier frame to scale * p + offset, (x, y) image pixels."""

    scale: float
    offset: DoubleArray

    def moved(self, box: Box) -> Box:
        """The box after the motion."""
        x, y = self.scale * np.array(box[:2]) + self.offset
        return float(x), float(y), self.scale * box[2], self.scale * box[3]


def common_motion(then: PersonPose, now: PersonPose) -> Motion | None:
    """How a person moved as a whole; the scores weight the keypoints, and those that go their own way count less.

    Args:
        then: an earlier pose.
        now: a later one, in the same image coordinates; its box is not used.

    Returns:
        The motion; None: too few keypoints are seen both times.
    """
    weights = np.minimum(then.keypoint_scores, now.keypoint_scores).astype(np.float64)
    weights[weights < SEEN] = 0
    if np.count_nonzero(weights) < LEAST_POINTS:
        return None
    return _fit(then.keypoints, now.keypoints, weights, OUTLYING * float(np.hypot(*then.box[2:])))


def carried_box(then: PersonPose, now: PersonPose) -> Box | None:
    """The box of an earlier pose, moved and scaled as its keypoints have, and grown to hold the ones seen now.

    `then` is the pose at the detector's last look, not at the last frame, so that errors do not add up. The crop
    around the box is padded by the bundle's `box_padding`, as around every other.

    Args:
        then: box and pose at the detector's last look.
        now: the newest pose; its box is not used.

    Returns:
        The box in image pixels; None: too few keypoints are seen both times.
    """
    motion = common_motion(then, now)
    seen = np.minimum(then.keypoint_scores, now.keypoint_scores) >= SEEN
    return None if motion is None else _grown(motion.moved(then.box), now.keypoints[seen])


def _fit(points: DoubleArray, moved: DoubleArray, weights: DoubleArray, spread: float) -> Motion:
    """Scale and offset that map (K, 2) points onto where they moved, by weighted least squares."""
    motion = _fit_once(points, moved, weights)
    for _ in range(ROUNDS):
        errors = np.linalg.norm(motion.scale * points + motion.offset - moved, axis=1)
        motion = _fit_once(points, moved, weights / (1 + (errors / spread) ** 2))
    return motion


def _fit_once(points: DoubleArray, moved: DoubleArray, weights: DoubleArray) -> Motion:
    shares = weights[:, None] / weights.sum()
    centre, moved_centre = (shares * points).sum(axis=0), (shares * moved).sum(axis=0)
    around, moved_around = points - centre, moved - moved_centre
    extent = float((shares * around**2).sum())
    scale = float((shares * around * moved_around).sum()) / extent if extent > 1 else 1.0
    scale = float(np.clip(scale, 1 / MOST_SCALED, MOST_SCALED))
    return Motion(scale, moved_centre - scale * centre)


def _grown(box: Box, points: DoubleArray) -> Box:
    """The box, grown to hold (N, 2) points."""
    corners = np.array([[box[0], box[1]], [box[0] + box[2], box[1] + box[3]]])
    low, high = np.vstack([corners, points]).min(axis=0), np.vstack([corners, points]).max(axis=0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])
