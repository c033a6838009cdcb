"""The people of one stream, frame by frame: look or carry, estimate, follow, smooth."""

import time
from dataclasses import replace
from typing import NamedTuple

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
from service.tracking.options import DETECT_EVERY, TrackingOptions
from service.tracking.scene import Scene, glance
from service.tracking.tracker import LOW_PART, Change, Look, Tracker


class Frame(NamedTuple):
    """One decoded frame.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        time_s: when it was taken, on a clock of the stream.
        known: where the people are, if the request says so.
    """

    image: ImageArray
    time_s: float
    known: list[ScoredBox] | None = None


class TrackingSession:
    """Follows the people of one stream; its frames come here one after the other."""

    def __init__(self) -> None:
        """A stream of which no frame has come."""
        self._scene, self._cadence = Scene(), Cadence(DETECT_EVERY)
        self._skeleton: Skeleton | None = None
        self._tracker = Tracker(())

    async def run(
        self,
        pipeline: Pipeline,
        frame: Frame,
        image_id: ImageId,
        options: PoseOptions,
        tracking: TrackingOptions,
        clock: StageClock,
    ) -> ImageResult:
        """Answer one decoded frame; the frames before it have been answered.

        Raises:
            ServiceError: a model cannot compute it.
        """
        self._prepare(pipeline, frame, tracking)
        await self._follow(pipeline, frame, options, clock)
        began = time.perf_counter()
        people = self._answered(tracking, frame, options)
        clock.seconds["postprocess"] += time.perf_counter() - began
        height, width = frame.image.shape[:2]
        poses, numbers = [pose for _, pose in people], tuple(number for number, _ in people)
        return ImageResult(image_id, width, height, poses, clock.seconds, frame.image, numbers)

    def _prepare(self, pipeline: Pipeline, frame: Frame, tracking: TrackingOptions) -> None:
        """Begin anew where the pose network was replaced by one with another skeleton."""
        skeleton = pipeline.estimator.spec.skeleton
        if self._skeleton != skeleton:
            self._skeleton = skeleton
            self._tracker = Tracker(skeleton.sigmas, self._tracker.next_number)
        self._tracker.enter_image(frame.image.shape[1], frame.image.shape[0])
        self._cadence.most = tracking.detect_every

    async def _follow(self, pipeline: Pipeline, frame: Frame, options: PoseOptions, clock: StageClock) -> None:
        began = time.perf_counter()
        now = glance(frame.image)
        cut = self._scene.is_new(now)
        alarmed = self._cadence.alert and self._scene.changed_at_border(now, self._boxes())
        clock.seconds["postprocess"] += time.perf_counter() - began
        must_look = frame.known is not None or cut or alarmed or self._cadence.due or self._scene.is_revealed()
        if not must_look and await self._carry(pipeline, frame, options, clock):
            self._cadence.pass_frame()
            return
        change = await self._look(pipeline, frame, options, clock, anew=cut)
        self._scene.look(now)
        self._cadence.look(change, alarmed=alarmed)

    async def _carry(self, pipeline: Pipeline, frame: Frame, options: PoseOptions, clock: StageClock) -> bool:
        people = self._tracker.expected(frame.time_s)
        poses = await pipeline.estimate_people(frame.image, people, options, clock)
        return self._tracker.carry(poses, frame.time_s)

    async def _look(
        self, pipeline: Pipeline, frame: Frame, options: PoseOptions, clock: StageClock, *, anew: bool
    ) -> Change:
        if frame.known is not None:  # whom the request names is answered
            poses = await pipeline.estimate_people(frame.image, frame.known, options, clock)
            return self._tracker.look(Look(poses, [], 0.0, len(poses), anew=True), frame.time_s)
        threshold, time_s = options.person_threshold, frame.time_s
        low = replace(options, person_threshold=LOW_PART * threshold)
        found = await pipeline.find_people(frame.image, low, clock)
        found = self._tracker.worth_posing(found, threshold, time_s)
        missed = self._tracker.missed(found, time_s)
        poses = await pipeline.estimate_people(frame.image, found + missed, options, clock)
        best = without_repeats(poses[: len(found)], pipeline.estimator.spec)
        seen = Look(best, poses[len(found) :], threshold, options.max_persons, anew)
        return self._tracker.look(seen, time_s)

    def _answered(self, tracking: TrackingOptions, frame: Frame, options: PoseOptions) -> list[tuple[int, PersonPose]]:
        """Ids and poses, highest score first."""
        people = [
            (track.number, track.smoothed() if tracking.smooth else track.pose) for track in self._tracker.answered
        ]
        people.sort(key=lambda person: person[1].score, reverse=True)
        return people if frame.known is not None else people[: options.max_persons]

    def _boxes(self) -> list[Box]:
        return [track.pose.box for track in self._tracker.followed]
