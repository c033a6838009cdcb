"""Results in the forms that clients read: native, COCO results, CVAT."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.contract.coco import PersonPose, to_result
from model.contract.skeleton import Skeleton
from service.errors import ServiceError
from service.jobs import ImageId, ImageResult
from service.pipeline import Pipeline

Outcome = ImageResult | tuple[ImageId, ServiceError]
"""An image's result, or its id and why it failed."""

TIMINGS = ("decode", "detect", "queue", "estimate")


def native(pipeline: Pipeline, outcomes: Sequence[Outcome], total_seconds: float) -> dict[str, Any]:
    """The native response.

    Args:
        pipeline: whose networks answered.
        outcomes: one for each image of the request.
        total_seconds: since the request's arrival.
    """
    results = [outcome for outcome in outcomes if isinstance(outcome, ImageResult)]
    timings = {stage: _milliseconds(sum(result.seconds[stage] for result in results)) for stage in TIMINGS}
    pose = pipeline.estimator.spec.provenance
    return {
        "model": {"name": pose.name, "version": pose.version, "detector": pipeline.detector.spec.provenance.name},
        "images": [image_entry(outcome) for outcome in outcomes],
        "results": coco_results(results),
        "timings_ms": timings | {"total": _milliseconds(total_seconds)},
    }


def coco_results(results: Sequence[ImageResult], with_box: bool = True) -> list[dict[str, Any]]:
    """A COCO results list, of each image highest score first; tracked people have a `track_id` too."""
    return [entry for result in results for entry in _entries(result, with_box)]


def _entries(result: ImageResult, with_box: bool) -> list[dict[str, Any]]:
    entries = [to_result(pose, result.image_id, with_box) for pose in result.people]
    if result.track_ids is None:
        return entries
    return [entry | {"track_id": number} for entry, number in zip(entries, result.track_ids, strict=True)]


def all_results(outcomes: Sequence[Outcome]) -> list[ImageResult]:
    """The results of all images, for a form that has no place for the error of one.

    Raises:
        ServiceError: one of them failed.
    """
    for outcome in outcomes:
        if not isinstance(outcome, ImageResult):
            image_id, error = outcome
            raise type(error)(f"image {image_id!r}: {error.detail} (format=native answers the others)")
    return [outcome for outcome in outcomes if isinstance(outcome, ImageResult)]


def image_entry(outcome: Outcome) -> dict[str, Any]:
    """An image's entry in `images`: its id and upright size, or its id and why it failed."""
    if isinstance(outcome, ImageResult):
        return {"id": outcome.image_id, "width": outcome.width, "height": outcome.height}
    image_id, error = outcome
    return {"id": image_id, "error": error.problem()}


def cvat(result: ImageResult, skeleton: Skeleton, keypoint_threshold: float) -> list[dict[str, Any]]:
    """What CVAT's automatic annotation reads: one skeleton shape a person.

    Args:
        result: one image's people.
        skeleton: names of the keypoints.
        keypoint_threshold: a point with a lower score, and one beside the picture, is marked `outside`; its place is
            kept.
    """
    size = np.array([result.width, result.height])
    return [_cvat_shape(pose, size, skeleton, keypoint_threshold) for pose in result.people]


def _cvat_shape(
    pose: PersonPose, image_size: NDArray[np.int_], skeleton: Skeleton, keypoint_threshold: float
) -> dict[str, Any]:
    within = ((pose.keypoints >= 0) & (pose.keypoints <= image_size)).all(axis=1)
    seen = within & (pose.keypoint_scores >= keypoint_threshold)
    points = zip(skeleton.keypoint_names, pose.keypoints, pose.keypoint_scores, seen, strict=True)
    elements = [
        {
            "label": name,
            "type": "points",
            "outside": int(not is_seen),
            "points": [round(float(x), 1), round(float(y), 1)],
            "confidence": f"{score:.3f}",
        }
        for name, (x, y), score, is_seen in points
    ]
    return {"confidence": f"{pose.score:.3f}", "label": "person", "type": "skeleton", "elements": elements}


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)
