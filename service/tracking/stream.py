"""The frames of a stream that a transport works on together, answered with or without tracking."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from service.calls import PoseCall, answer_call
from service.errors import InvalidOptionError
from service.formats import Outcome
from service.jobs import ImageJob, ImageResult
from service.pipeline import Pipeline, known_people
from service.schemas import StreamOptions
from service.threads import StageClock
from service.tracking.options import TrackingOptions
from service.tracking.session import Frame, TrackingSession
from service.tracking.turns import Turn, Turns


class FrameStream:
    """The people of one stream, and the order of its frames."""

    def __init__(self) -> None:
        """A stream of which no frame has come."""
        self._session = TrackingSession()
        self._decoding, self._following = Turns(), Turns()
        self._count = 0

    @contextmanager
    def place(self) -> Generator["FramePlace"]:
        """A frame's place in the stream while the context lasts; to be taken in the order of the frames."""
        place = FramePlace(self._session, self._count, self._decoding.stand(), self._following.stand())
        self._count += 1
        try:
            yield place
        finally:
            place.leave()


class FramePlace:
    """One frame of a stream. While one frame is followed, the next is decoded."""

    def __init__(self, session: TrackingSession, number: int, decoding: Turn, following: Turn) -> None:
        self._session = session
        self._number = number
        self._decoding, self._following = decoding, following

    def leave(self) -> None:
        """Let the next frame go on."""
        self._decoding.leave()
        self._following.leave()

    async def answer(self, pipeline: Pipeline, call: PoseCall, arrival: float) -> list[Outcome]:
        """Answer a request of the stream, as `answer_call` does; tracked if it asks for that.

        Args:
            pipeline: what answers.
            call: the request.
            arrival: of the frame, seconds by a clock of the stream.

        Raises:
            InvalidOptionError: tracking is asked for several images.
            ServiceError: the only image cannot be answered, or the wait would be too long.
        """
        tracking = call.options.for_tracking() if isinstance(call.options, StreamOptions) else None
        if tracking is None:
            self.leave()
            return await answer_call(pipeline, call)
        if len(call.images) > 1:
            raise InvalidOptionError("track: a request that asks for it holds one image; send one request a frame")
        pipeline.backlog.check()
        with pipeline.backlog.hold():
            result = await self._track(pipeline, call, call.images[0], tracking, arrival)
            pipeline.backlog.count_answer()
            return [result]

    async def _track(
        self, pipeline: Pipeline, call: PoseCall, job: ImageJob, tracking: TrackingOptions, arrival: float
    ) -> ImageResult:
        options, clock = call.options.for_pipeline(), StageClock()
        time_s = self._number / tracking.frame_rate if tracking.frame_rate else arrival
        began = time.perf_counter()
        await self._decoding.came.wait()  # before it takes room, so that no later frame keeps an earlier one out
        clock.seconds["queue"] += time.perf_counter() - began
        async with pipeline.decoded(job, clock) as image:
            self._decoding.leave()
            frame = Frame(image, time_s, job.image_id, options, tracking, known_people(image, job, options))
            result = await self._session.run(pipeline, frame, clock, self._following)
        return replace(result, pixels=None)
