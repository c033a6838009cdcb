"""A person of an answer."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from model.contract.arrays import DoubleArray
from model.contract.coco import PersonPose
from model.contract.crop import Box
from model.contract.skeleton import COCO_17, Skeleton


class Person:
    """A person of an answer, a view of its COCO result.

    Attributes:
        result: the entry as the server sent it.
    """

    def __init__(self, result: Mapping[str, Any]) -> None:
        self.result = result

    @property
    def image_id(self) -> int | str:
        """Of the image that shows the person."""
        return self.result["image_id"]

    @property
    def box(self) -> Box:
        """x, y, width, height, pixels of the upright image."""
        x, y, width, height = self.result["bbox"]
        return x, y, width, height

    @property
    def box_score(self) -> float:
        """The detector's, 0 to 1; 1 for a given box."""
        return self.result["bbox_score"]

    @property
    def score(self) -> float:
        """Box score x mean score of the keypoints above `keypoint_threshold`, 0 to 1."""
        return self.result["score"]

    @property
    def track_id(self) -> int | None:
        """Who it is in a stream that tracks people, from 1; None: not tracked."""
        return self.result.get("track_id")

    @property
    def points(self) -> DoubleArray:
        """(K, 2) float64 keypoints, pixels of the upright image."""
        return self._triples[:, :2]

    @property
    def point_scores(self) -> DoubleArray:
        """(K,) float64 keypoint scores, 0 to 1; never visibility flags."""
        return self._triples[:, 2]

    def keypoint(self, name: str, skeleton: Skeleton = COCO_17) -> tuple[float, float, float]:
        """x, y, score of a keypoint given by its name, for example `left_wrist`.

        Raises:
            ValueError: the skeleton has no such keypoint.
        """
        if name not in skeleton.keypoint_names:
            raise ValueError(f"{skeleton.name} has no keypoint {name!r}; it has {', '.join(skeleton.keypoint_names)}")
        x, y, score = self._triples[skeleton.keypoint_names.index(name)].tolist()
        return x, y, score

    def as_pose(self) -> PersonPose:
        """As the project's own code takes people."""
        scores = self.point_scores.astype(np.float32)
        return PersonPose(self.box, self.box_score, self.score, self.points, scores)

    @property
    def _triples(self) -> DoubleArray:
        return np.asarray(self.result["keypoints"], dtype=np.float64).reshape(-1, 3)

    def __repr__(self) -> str:
        """Short, for a prompt."""
        return f"Person(score={self.score:.2f}, box={self.box})"
