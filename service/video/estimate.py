"""The people of every frame of a video: what `fasterpose predict VIDEO` calls."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from model.contract.coco import order_by_score
from model.contract.detections import ScoredBox
from model.contract.poses import without_repeats
from service.jobs import ImageResult, PoseOptions
from service.pipeline import Pipeline
from service.threads import StageClock
from service.tracking.options import TrackingOptions
from service.tracking.session import Frame, TrackingSession
from service.tracking.turns import Turn, Turns
from service.video.errors import VideoBrokenError
from service.video.feed import FrameFeed
from service.video.reader import VideoFrame, VideoInfo

AT_ONCE = 4
"""Frames of a file under way together; of a live source one, the newest."""
AnswerFrame = Callable[[VideoFrame], Coroutine[Any, Any, ImageResult]]


@dataclass(frozen=True)
class VideoOptions:
    """How a video is answered.

    Attributes:
        pose: as of a request.
        tracking: how people are followed; None: each frame is answered for itself, as a photograph.
    """

    pose: PoseOptions = field(default_factory=PoseOptions)
    tracking: TrackingOptions | None = field(default_factory=TrackingOptions)


@dataclass(frozen=True)
class FrameResult:
    """The people of one frame.

    Attributes:
        video: what the video's head says: its rate, and how many frames are to be expected.
        index: the frame's place, from 0; its `result.image_id` too.
        time_s: since the first frame, by the video's own clock.
        result: the people with their track ids, if they were tracked, and the frame's pixels.
    """

    video: VideoInfo
    index: int
    time_s: float
    result: ImageResult


async def estimate_video(source: str, pipeline: Pipeline, options: VideoOptions) -> AsyncGenerator[FrameResult]:
    """Answer the frames of a video in order; of a live source only those that come when the last one is answered.

    Args:
        source: a file, a camera (/dev/video0) or a network stream (rtsp://...).
        pipeline: the loaded networks.
        options: what is asked.

    Raises:
        VideoPackageError: PyAV is not installed.
        VideoOpenError: there is no such source, or no video in it.
        VideoBrokenError: the video breaks off; every frame before that has been answered.
        ServiceError: a model cannot compute a frame.
    """
    feed = FrameFeed(source)
    try:
        video = await feed.open()
        answer = _alone(pipeline, options.pose) if options.tracking is None else _followed(pipeline, options)
        async with aclosing(_in_order(feed.frames(), answer, 1 if video.live else AT_ONCE)) as answers:
            async for frame, result in answers:
                yield FrameResult(video, frame.index, frame.time_s, result)
    finally:
        await feed.close()


def _alone(pipeline: Pipeline, options: PoseOptions) -> AnswerFrame:
    """Answers each frame for itself."""
    return lambda frame: _answer(frame, pipeline, options)


def _followed(pipeline: Pipeline, options: VideoOptions) -> AnswerFrame:
    """Follows the people from frame to frame."""
    session, turns = TrackingSession(), Turns()
    tracking = options.tracking or TrackingOptions()

    def answer(frame: VideoFrame) -> Coroutine[Any, Any, ImageResult]:
        known = _known(frame, options.pose)
        seen = Frame(frame.pixels, frame.time_s, frame.index, options.pose, tracking, known)
        return follow(seen, turns.stand())

    async def follow(frame: Frame, turn: Turn) -> ImageResult:
        try:
            return await session.run(pipeline, frame, StageClock(), turn)
        finally:
            turn.leave()

    return answer


async def _in_order(
    frames: AsyncIterator[VideoFrame], answer: AnswerFrame, at_once: int
) -> AsyncGenerator[tuple[VideoFrame, ImageResult]]:
    """Some frames together, answered in order; those before a break of the video are answered before it is told."""
    under_way: deque[tuple[VideoFrame, asyncio.Task[ImageResult]]] = deque()
    broken: VideoBrokenError | None = None
    try:
        try:
            async for frame in frames:
                under_way.append((frame, asyncio.create_task(answer(frame))))
                if len(under_way) == at_once:
                    yield await _first(under_way)
        except VideoBrokenError as error:
            broken = error
        while under_way:
            yield await _first(under_way)
        if broken is not None:
            raise broken
    finally:
        for _, task in under_way:
            task.cancel()


async def _first(
    under_way: deque[tuple[VideoFrame, asyncio.Task[ImageResult]]],
) -> tuple[VideoFrame, ImageResult]:
    frame, task = under_way.popleft()
    return frame, await task


async def _answer(frame: VideoFrame, pipeline: Pipeline, options: PoseOptions) -> ImageResult:
    clock = StageClock()
    known = _known(frame, options)
    people = known or await pipeline.find_people(frame.pixels, options, clock)
    poses = await pipeline.estimate_people(frame.pixels, people, options, clock)
    best = order_by_score(poses if known else without_repeats(poses, pipeline.estimator.spec))
    height, width = frame.pixels.shape[:2]
    return ImageResult(frame.index, width, height, best, clock.seconds, frame.pixels)


def _known(frame: VideoFrame, options: PoseOptions) -> list[ScoredBox] | None:
    """Where the people are, if they are not to be looked for: the whole frame is one."""
    height, width = frame.pixels.shape[:2]
    return None if options.detect else [ScoredBox((0.0, 0.0, float(width), float(height)), 1.0)]
