"""How alike people are by their poses; `model.contract.boxes` compares their boxes."""

from collections.abc import Sequence

import numpy as np

from model.contract.arrays import DoubleArray
from model.contract.coco import PersonPose
from model.contract.scoring import oks
from service.tracking.carrying import SEEN


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
