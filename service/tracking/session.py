"""The people of one stream, frame by frame: look or carry, estimate, follow, smooth.

Frames are followed one after the other. While one is, poses of the next ones are computed already, in the boxes in
which their people are expected: else the networks would idle while a frame is followed, and it while they compute.
"""

import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from model.contract.arrays import ImageArray
from model.contract.coco import PersonPose
from model.contract.crop import Box
from model.contract.detections import ScoredBox
from model.contract.poses import without_repeats
from model.contract.skeleton import Skeleton
from service.jobs import ImageId, ImageResult, PoseOptions
from service.pipeline import Pipeline
from service.threads import StageClock
from service.tracking.cadence import Cadence
from service.tracking.guess import Guess
from service.tracking.options import DETECT_EVERY, TrackingOptions
from service.tracking.scene import Scene, glance
from service.tracking.tracker import LOW_PART, Change, Look, Tracker
from service.tracking.turns import Turn

AHEAD = 2
"""Frames behind the one that is followed whose poses are computed already."""
WARY = 6
"""Frames in which nothing is guessed after a guess that was of no use: where people jump, guesses only cost."""


class Frame(NamedTuple):
    """One decoded frame, and what is asked of it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        time_s: when it was taken, on a clock of the stream.
        image_id: echoed.
        options: as of a photograph.
        tracking: how its people are followed.
        known: where the people are, if the request says so.
    """

    image: ImageArray
    time_s: float
    image_id: ImageId
    options: PoseOptions
    tracking: TrackingOptions
    known: list[ScoredBox] | None = None


@dataclass(eq=False)
class InLine:
    """A frame that waits for the ones before it, or is followed.

    Attributes:
        pipeline: what answers it.
        frame: itself.
        clock: of its stages.
        guess: its poses, begun before its turn.
    """

    pipeline: Pipeline
    frame: Frame
    clock: StageClock
    guess: Guess | None = None

    def estimate(self, people: list[ScoredBox]) -> Coroutine[Any, Any, list[PersonPose]]:
        """The poses in some boxes."""
        return self.pipeline.estimate_people(self.frame.image, people, self.frame.options, self.clock)

    def drop(self) -> None:
        """Nobody waits for it any more."""
        if self.guess is not None:
            self.guess.drop()


class TrackingSession:
    """Follows the people of one stream."""

    def __init__(self) -> None:
        """A stream of which no frame has come."""
        self._scene, self._cadence = Scene(), Cadence(DETECT_EVERY)
        self._skeleton: Skeleton | None = None
        self._tracker = Tracker(())
        self._line: list[InLine] = []
        self._wary = 0

    async def run(self, pipeline: Pipeline, frame: Frame, clock: StageClock, turn: Turn) -> ImageResult:
        """Answer one frame once its turn has come; to be called in the order of the frames.

        Raises:
            ServiceError: a model cannot compute it.
        """
        place = InLine(pipeline, frame, clock)
        self._line.append(place)
        self._look_ahead()
        try:
            await _wait(turn, clock)
            self._prepare(place)
            await self._follow(place)
            return self._result(frame, clock)
        finally:
            self._wary = WARY if place.guess and not place.guess.taken else max(0, self._wary - 1)
            place.drop()
            self._line.remove(place)
            self._look_ahead()

    def _look_ahead(self) -> None:
        """Begin with the poses of the next frames, where the detector will probably not look."""
        if self._wary or not self._tracker.answered:
            return
        for before, place in enumerate(self._line[: AHEAD + 1]):
            looks = place.frame.known is not None or self._cadence.due_after(before)
            if before and place.guess is None and not looks:
                boxes = self._tracker.expected(place.frame.time_s)
                place.guess = Guess(self._tracker.answered, boxes, place.estimate(boxes))

    def _prepare(self, place: InLine) -> None:
        """Begin anew where the pose network was replaced by one with another skeleton."""
        frame, skeleton = place.frame, place.pipeline.estimator.spec.skeleton
        if self._skeleton != skeleton:
            self._skeleton = skeleton
            self._tracker = Tracker(skeleton.sigmas, self._tracker.next_number)
        self._tracker.enter_image(frame.image.shape[1], frame.image.shape[0])
        self._cadence.most = frame.tracking.detect_every

    async def _follow(self, place: InLine) -> None:
        frame, clock = place.frame, place.clock
        began = time.perf_counter()
        now = glance(frame.image)
        cut = self._scene.is_new(now)
        alarmed = self._cadence.alert and self._scene.changed_at_border(now, self._boxes())
        clock.seconds["postprocess"] += time.perf_counter() - began
        must_look = frame.known is not None or cut or alarmed or self._cadence.due or self._scene.is_revealed()
        if not must_look and await self._carry(place):
            self._cadence.pass_frame()
            return
        change = await self._look(place, anew=cut)
        self._scene.look(now)
        self._cadence.look(change, alarmed=alarmed)

    async def _carry(self, place: InLine) -> bool:
        time_s = place.frame.time_s
        people = self._tracker.expected(time_s)
        if place.guess is not None and place.guess.fits(self._tracker.answered, people):
            place.guess.taken = True
            poses = await place.guess.poses
        else:
            poses = await place.estimate(people)
        return self._tracker.carry(poses, time_s, patient=self._cadence.patient)

    async def _look(self, place: InLine, *, anew: bool) -> Change:
        frame, pipeline = place.frame, place.pipeline
        if frame.known is not None:  # whom the request names is answered
            poses = await place.estimate(frame.known)
            return self._tracker.look(Look(poses, [], 0.0, len(poses), anew), frame.time_s)
        threshold = frame.options.person_threshold
        low = replace(frame.options, person_threshold=LOW_PART * threshold)
        found = await pipeline.find_people(frame.image, low, place.clock)
        found = self._tracker.worth_posing(found, threshold, frame.time_s)
        missed = self._tracker.missed(found, frame.time_s)
        poses = await place.estimate(found + missed)
        best = without_repeats(poses[: len(found)], pipeline.estimator.spec)
        seen = Look(best, poses[len(found) :], threshold, frame.options.max_persons, anew)
        return self._tracker.look(seen, frame.time_s)

    def _result(self, frame: Frame, clock: StageClock) -> ImageResult:
        began = time.perf_counter()
        people = self._answered(frame)
        clock.seconds["postprocess"] += time.perf_counter() - began
        height, width = frame.image.shape[:2]
        poses, numbers = [pose for _, pose in people], tuple(number for number, _ in people)
        return ImageResult(frame.image_id, width, height, poses, clock.seconds, frame.image, numbers)

    def _answered(self, frame: Frame) -> list[tuple[int, PersonPose]]:
        """Ids and poses, highest score first."""
        smooth = frame.tracking.smooth
        people = [(track.number, track.smoothed() if smooth else track.pose) for track in self._tracker.answered]
        people.sort(key=lambda person: person[1].score, reverse=True)
        return people if frame.known is not None else people[: frame.options.max_persons]

    def _boxes(self) -> list[Box]:
        return [track.pose.box for track in self._tracker.followed]


async def _wait(turn: Turn, clock: StageClock) -> None:
    """Wait for the frames before; what is computed of this one meanwhile is not `queue`."""
    began, worked = time.perf_counter(), sum(clock.seconds.values())
    await turn.came.wait()
    worked = sum(clock.seconds.values()) - worked
    clock.seconds["queue"] += max(0.0, time.perf_counter() - began - worked)
