"""Roboflow supervision's `KeyPoints`, for its annotators, trackers and metrics."""

import importlib
from types import ModuleType

import numpy as np

from model.contract.skeleton import COCO_17, Skeleton
from service.client.answer import ImagePoses


def to_supervision(image: ImagePoses, skeleton: Skeleton = COCO_17) -> object:
    """The people as `supervision.KeyPoints`.

    Args:
        image: its people.
        skeleton: says how many keypoints an image of nobody has.

    Returns:
        `KeyPoints` with `xy` (N, K, 2) float32 pixels, `keypoint_confidence` (N, K) float32 (named `confidence` before
        supervision 0.28) and `class_id` zeros.

    Raises:
        ModuleNotFoundError: supervision is not installed.
    """
    library = importlib.import_module("supervision")
    shape = (len(image.people), skeleton.num_keypoints)
    points = np.array([person.points for person in image.people], dtype=np.float32).reshape(*shape, 2)
    scores = np.array([person.point_scores for person in image.people], dtype=np.float32).reshape(shape)
    confidence = {_confidence_name(library): scores}
    return library.KeyPoints(xy=points, class_id=np.zeros(len(points), dtype=np.int64), **confidence)


def _confidence_name(library: ModuleType) -> str:
    fields = library.KeyPoints.__dataclass_fields__
    return "keypoint_confidence" if "keypoint_confidence" in fields else "confidence"
