"""People as COCO writes them: result entries here, annotation files in `coco_annotations`, one name for both."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.contract.arrays import DoubleArray, FloatArray
from model.contract.coco_annotations import (
    PERSON_CATEGORY,
    CocoDetection,
    CocoImage,
    CocoKeypoints,
    CocoPerson,
    dropped_people,
    labelled_outside,
    read_detections,
    read_keypoints,
    survey_keypoints,
    training_people,
)
from model.contract.coco_entry import AnnotationError
from model.contract.crop import Box

__all__ = [
    "PERSON_CATEGORY",
    "AnnotationError",
    "CocoDetection",
    "CocoImage",
    "CocoKeypoints",
    "CocoPerson",
    "PersonPose",
    "dropped_people",
    "labelled_outside",
    "order_by_score",
    "read_detections",
    "read_keypoints",
    "survey_keypoints",
    "to_result",
    "training_people",
    "write_results",
]


@dataclass(frozen=True)
class PersonPose:
    """One person's box and keypoints in an image.

    Attributes:
        box: x, y, width, height in image pixels.
        box_score: the detector's score in [0, 1].
        score: the person's score in [0, 1] (`scoring.person_score`).
        keypoints: (K, 2) float64 image pixels.
        keypoint_scores: (K,) float32 in [0, 1].
    """

    box: Box
    box_score: float
    score: float
    keypoints: DoubleArray
    keypoint_scores: FloatArray


def to_result(
    pose: PersonPose, image_id: int | str, with_box: bool = True, category_id: int = PERSON_CATEGORY
) -> dict[str, Any]:
    """One entry of a COCO keypoint results list, which `loadRes` of COCO's evaluators accepts.

    Args:
        pose: the person.
        image_id: the image's id in the client's annotations.
        with_box: write `bbox`. An evaluator that finds one takes the person's area from it, which moves AP of
            medium and large people: leave it out of files that are compared with published figures.
        category_id: the annotations' category of people, 1 in COCO.

    Returns:
        `image_id`, `category_id`, `bbox` [x, y, width, height], `bbox_score`, `score` and `keypoints`, K triples
        x, y, keypoint score in one flat list. Coordinates are rounded to 0.1 pixel, scores to six decimals.
    """
    box = {"bbox": _rounded(np.array(pose.box), 1)} if with_box else {}
    triples = np.column_stack([np.round(pose.keypoints, 1), np.round(pose.keypoint_scores.astype(np.float64), 6)])
    return {
        "image_id": image_id,
        "category_id": category_id,
        **box,
        "bbox_score": round(float(pose.box_score), 6),
        "score": round(float(pose.score), 6),
        "keypoints": _rounded(triples.reshape(-1), 6),
    }


def order_by_score(poses: Iterable[PersonPose]) -> list[PersonPose]:
    """The people by `score`, highest first; equal ones keep their order."""
    return sorted(poses, key=lambda pose: pose.score, reverse=True)


def write_results(path: Path, results: Sequence[dict[str, Any]]) -> None:
    """Write result entries as a COCO results file, a JSON list.

    Raises:
        ValueError: a number is not finite, which JSON cannot hold.
    """
    path.write_text(json.dumps(list(results), allow_nan=False))


def _rounded(values: DoubleArray, decimals: int) -> list[float]:
    rounded: DoubleArray = np.round(values, decimals) + 0.0  # no -0.0 in the JSON
    return rounded.tolist()
