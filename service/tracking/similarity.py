"""How alike people are: by their boxes, and by their poses."""

from collections.abc import Sequence

import numpy as np

from model.contract.arrays import DoubleArray
from model.contract.coco import PersonPose
from model.contract.crop import Box
from model.contract.scoring import oks
from service.tracking.carrying import SEEN


def box_overlaps(boxes: Sequence[Box], others: Sequence[Box]) -> DoubleArray:
    """(N, M) intersection over union of N boxes with M others, 0..1."""
    if not boxes or not others:
        return np.zeros((len(boxes), len(others)))
    first, second = np.array(boxes, dtype=np.float64), np.array(others, dtype=np.float64)
    ends, other_ends = first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:]
    sides = np.minimum(ends[:, None], other_ends) - np.maximum(first[:, None, :2], second[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=-1)
    areas, other_areas = np.prod(first[:, 2:], axis=1), np.prod(second[:, 2:], axis=1)
    return np.asarray(shared / (areas[:, None] + other_areas - shared), dtype=np.float64)


def paired_overlaps(boxes: Sequence[Box], others: Sequence[Box]) -> DoubleArray:
    """(N,) intersection over union of each of N boxes with the one at its place among N others, 0..1."""
    return np.diagonal(box_overlaps(boxes, others))


def pose_similarities(
    poses: Sequence[PersonPose], others: Sequence[PersonPose], sigmas: Sequence[float]
) -> DoubleArray:
    """(N, M) object keypoint similarity of N poses with M others by the keypoints seen in both, 0..1; 0 if none is.

    Args:
        poses: N people.
        others: M people.
        sigmas: the skeleton's, one a keypoint.
    """
    values = [[_similarity(pose, other, sigmas) for other in others] for pose in poses]
    return np.array(values, dtype=np.float64).reshape(len(poses), len(others))


def _similarity(pose: PersonPose, other: PersonPose, sigmas: Sequence[float]) -> float:
    area = (pose.box[2] * pose.box[3] + other.box[2] * other.box[3]) / 2
    seen = np.minimum(pose.keypoint_scores, other.keypoint_scores) >= SEEN
    return oks(pose.keypoints, other.keypoints, area, sigmas, seen)
