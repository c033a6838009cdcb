"""Who is who from frame to frame: ByteTrack's two passes (arXiv 2110.06864) on boxes and poses.

At a look of the detector, people above the threshold are paired with the tracks by the overlap of the boxes and the
OKS of the poses; then people down to half the threshold with the tracks that are left, by boxes alone: who is half
hidden is not lost. Between two looks every track's pose is estimated in the box that its last pose carried along.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from model.contract.boxes import box_overlaps
from model.contract.coco import PersonPose
from model.contract.crop import Box
from model.contract.detections import ScoredBox
from service.tracking.assignment import Matches, match
from service.tracking.carrying import carried_box
from service.tracking.similarity import pose_similarities
from service.tracking.track import Track

LOW_PART = 0.5
"""Of the threshold: what a person who is known already must still score."""
LEAST_ALIKE = 0.25
"""Mean of box overlap and OKS."""
LEAST_ALIKE_LOST = 0.45
"""Of somebody who is lost: in a crowd a neighbour comes to lie where it was last seen."""
LEAST_ALIKE_AFTER_CUT = 0.6
"""A flash of light keeps the ids, another scene does not."""
LEAST_OVERLAP = 0.4
"""Of the boxes, for people below the threshold."""
KEPT_LOST_S = 1.0
"""Time in which who is lost gets the same id again."""
LEAST_AT_ONCE = 0.2
"""Above the threshold: who scores so much is answered at once, anybody else when found at the next look again."""
MOST_MISSES = 3
"""Looks in a row at which the detector may miss somebody whose pose is still sure."""
SURE_SCORE = 0.6
"""Part of the keypoints' mean score at the last look that a carried pose must have."""
STEADY_POSE, STEADY_BOX = 0.5, 0.7
"""OKS of a carried pose, and overlap of its box, with what is expected: with less it has slid onto a neighbour."""
SURE_OVERLAP = 0.5
"""Of a carried box with the one that the detector finds then: with less, it has looked too late."""
SAME_PLACE = 0.85
"""Overlap of two carried boxes from which on they are on one person."""


class Change(NamedTuple):
    """What a look of the detector brought: people who came, who were lost, whose carried box had gone astray."""

    came: int
    lost: int
    strayed: int


class Look(NamedTuple):
    """What a look of the detector showed.

    Attributes:
        found: poses of the people that are `worth_posing`.
        missed: poses in the boxes of those who were `missed`.
        threshold: least box score of somebody new.
        most: people at a time.
        anew: another scene than a frame before, or the first: only who is very alike is the same, and all are answered.
    """

    found: Sequence[PersonPose]
    missed: Sequence[PersonPose]
    threshold: float
    most: int
    anew: bool


class Tracker:
    """The people of one stream."""

    def __init__(self, sigmas: Sequence[float], first_number: int = 1) -> None:
        """A tracker of nobody yet.

        Args:
            sigmas: the skeleton's, one a keypoint.
            first_number: the first track's.
        """
        self.next_number = first_number
        self._sigmas = sigmas
        self._size = (1, 1)
        self._tracks: list[Track] = []

    @property
    def followed(self) -> list[Track]:
        """The tracks that are in the picture."""
        return [track for track in self._tracks if not track.lost]

    @property
    def answered(self) -> list[Track]:
        """Those of them that were found more than once, or clearly."""
        return [track for track in self.followed if track.number]

    def enter_image(self, width: int, height: int) -> None:
        """The size of the frame that comes, pixels."""
        self._size = width, height

    def expected(self, time_s: float) -> list[ScoredBox]:
        """The boxes in which to look for the people who are answered, within the image.

        Whoever was found only once costs no pose until the detector finds it again.
        """
        return [
            ScoredBox(_clipped(track.expected(time_s).box, *self._size), track.seen.box_score)
            for track in self.answered
        ]

    def carry(self, poses: Sequence[PersonPose], time_s: float, *, patient: bool = False) -> bool:
        """Follow everybody without the detector.

        Args:
            poses: in the `expected` boxes.
            time_s: of the frame.
            patient: who is not surely where it is thought to be is held there for now, as the detector has just looked.

        Returns:
            Whether all are surely where they are thought to be; if not, nothing is changed and the detector must look.
        """
        tracks = self.answered
        carried = [self._carried(track, pose, time_s) for track, pose in zip(tracks, poses, strict=True)]
        sure = [pose for pose in carried if pose is not None]
        if not patient and (len(sure) < len(carried) or _share_a_place(sure)):
            return False
        for track, pose, moved in zip(tracks, poses, carried, strict=True):
            if moved is None:
                track.hold(pose, time_s)
            else:
                track.follow(moved, time_s)
        return True

    def worth_posing(self, found: Sequence[ScoredBox], threshold: float, time_s: float) -> list[ScoredBox]:
        """The detections above the threshold, and of those below it the ones that lie where somebody is expected."""
        high = [person for person in found if person.score >= threshold]
        low = [person for person in found if person.score < threshold]
        known = box_overlaps([track.expected(time_s).box for track in self._tracks], [box for box, _ in low])
        taken = box_overlaps([box for box, _ in high], [box for box, _ in low])
        kept = (known.max(axis=0, initial=0) >= LEAST_OVERLAP) & (taken.max(axis=0, initial=0) < LEAST_OVERLAP)
        return high + [person for person, keep in zip(low, kept, strict=True) if keep]

    def missed(self, found: Sequence[ScoredBox], time_s: float) -> list[ScoredBox]:
        """The boxes of people who are answered and not among those that the detector found."""
        expected = self.expected(time_s)
        overlaps = box_overlaps([box for box, _ in expected], [box for box, _ in found]).max(axis=1, initial=0)
        return [person for person, overlap in zip(expected, overlaps, strict=True) if overlap < LEAST_OVERLAP]

    def look(self, seen: Look, time_s: float) -> Change:
        """Pair what the detector found with the tracks; who is new begins one."""
        self._tracks = [track for track in self._tracks if time_s - track.time_s <= KEPT_LOST_S]
        before = self.followed
        high = [pose for pose in seen.found if pose.box_score >= seen.threshold]
        low = [pose for pose in seen.found if pose.box_score < seen.threshold]
        first = self._pair(self._tracks, high, time_s, LEAST_ALIKE_AFTER_CUT if seen.anew else LEAST_ALIKE)
        strayed = self._follow(self._tracks, high, first.pairs, time_s)
        left = [self._tracks[row] for row in first.rows]
        second = match(box_overlaps([t.expected(time_s).box for t in left], [p.box for p in low]), LEAST_OVERLAP)
        strayed += self._follow(left, low, second.pairs, time_s)
        self._carry_or_lose([left[row] for row in second.rows], [] if seen.anew else seen.missed, time_s)
        came = self._begin([high[column] for column in first.columns], seen, time_s)
        self._tracks = [track for track in self._tracks if track.number or not track.lost]
        return Change(came, sum(track.lost and track.number > 0 for track in before), strayed)

    def _pair(self, tracks: list[Track], poses: list[PersonPose], time_s: float, least: float) -> Matches:
        expected = [track.expected(time_s) for track in tracks]
        overlaps = box_overlaps([pose.box for pose in expected], [pose.box for pose in poses])
        alike = (overlaps + pose_similarities(expected, poses, self._sigmas)) / 2
        lost = np.array([track.lost for track in tracks], dtype=np.bool_)[:, None]
        return match(np.where(lost & (alike < LEAST_ALIKE_LOST), 0.0, alike), least)

    def _follow(self, tracks: list[Track], poses: list[PersonPose], pairs: list[tuple[int, int]], time_s: float) -> int:
        """Give the tracks their detections; returns how many carried boxes had gone astray."""
        strayed = 0
        for row, column in pairs:
            track, pose = tracks[row], poses[column]
            overlap = box_overlaps([track.expected(time_s).box], [pose.box])[0, 0]
            strayed += bool(overlap < SURE_OVERLAP and not track.lost)
            track.follow(pose, time_s)
            track.seen, track.misses = pose, 0
            self._number(track)
        return strayed

    def _carry_or_lose(self, tracks: list[Track], poses: Sequence[PersonPose], time_s: float) -> None:
        """Go on with whom the detector missed, while the pose is sure; the others are lost."""
        expected = [track.expected(time_s).box for track in tracks]
        taken = [track.pose.box for track in self.followed if track not in tracks]
        partners = dict(match(box_overlaps(expected, [pose.box for pose in poses]), LEAST_OVERLAP).pairs)
        for row, track in enumerate(tracks):
            track.misses += 1
            pose = self._carried(track, poses[partners[row]], time_s) if row in partners else None
            hidden = pose is not None and box_overlaps([pose.box], taken).max(initial=0) > SAME_PLACE
            if pose is None or hidden or track.misses > MOST_MISSES or not track.number:
                track.lost = True
            else:
                track.follow(pose, time_s)

    def _number(self, track: Track) -> None:
        """Give a track that is answered from now on its id."""
        if not track.number:
            track.number = self.next_number
            self.next_number += 1

    def _begin(self, poses: list[PersonPose], seen: Look, time_s: float) -> int:
        poses = poses[: max(0, seen.most - len(self.followed))]
        for pose in poses:
            track = Track(pose, pose, time_s)
            self._tracks.append(track)
            if seen.anew or pose.box_score >= seen.threshold + LEAST_AT_ONCE:
                self._number(track)
        return len(poses)

    def _carried(self, track: Track, pose: PersonPose, time_s: float) -> PersonPose | None:
        """The pose with the box that it carries; None: it is not sure to be the track's."""
        box, expected = carried_box(track.seen, pose), track.expected(time_s)
        if box is None or pose.keypoint_scores.mean() < SURE_SCORE * track.seen.keypoint_scores.mean():
            return None
        if pose_similarities([expected], [pose], self._sigmas)[0, 0] < STEADY_POSE:
            return None
        clipped, wanted = _clipped(box, *self._size), _clipped(expected.box, *self._size)
        leaves = clipped[2] * clipped[3] < box[2] * box[3] / 2
        return None if leaves or box_overlaps([clipped], [wanted])[0, 0] < STEADY_BOX else replace(pose, box=clipped)


def _share_a_place(poses: Sequence[PersonPose]) -> bool:
    overlaps = box_overlaps([pose.box for pose in poses], [pose.box for pose in poses])
    return bool((np.triu(overlaps, 1) > SAME_PLACE).any())


def _clipped(box: Box, width: int, height: int) -> Box:
    """The part of a box that lies within an image, at least one pixel."""
    left, top = min(max(box[0], 0.0), width - 1.0), min(max(box[1], 0.0), height - 1.0)
    right, bottom = min(max(box[0] + box[2], left + 1), width), min(max(box[1] + box[3], top + 1), height)
    return left, top, right - left, bottom - top
