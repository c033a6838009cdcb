"""Poses that are computed before it is known where the people are, in the boxes in which they were expected."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from model.contract.boxes import paired_overlaps
from model.contract.coco import PersonPose
from model.contract.detections import ScoredBox
from service.tracking.track import Track

NEAR = 0.8
"""Overlap of a guessed box with the expected one from which on the guess counts: the crop's padding holds the rest."""


class Guess:
    """The poses of one frame, computed while the frames before it are followed.

    Attributes:
        poses: in the order of the tracks.
        taken: they were of use.
    """

    def __init__(
        self, tracks: Sequence[Track], boxes: Sequence[ScoredBox], poses: Coroutine[Any, Any, list[PersonPose]]
    ) -> None:
        """Begin to compute.

        Args:
            tracks: who is followed.
            boxes: where they are expected.
            poses: computes the poses in these boxes.
        """
        self._tracks, self._boxes = list(tracks), [box for box, _ in boxes]
        self.poses = asyncio.create_task(poses)
        self.taken = False

    def fits(self, tracks: Sequence[Track], expected: Sequence[ScoredBox]) -> bool:
        """Whether the same people are followed still, and are expected about where they were guessed."""
        if self._tracks != list(tracks):
            return False
        return bool((paired_overlaps(self._boxes, [box for box, _ in expected]) >= NEAR).all())

    def drop(self) -> None:
        """Compute no further, and keep quiet about a fault in what nobody waits for."""
        self.poses.cancel()
        self.poses.add_done_callback(lambda task: None if task.cancelled() else task.exception())
