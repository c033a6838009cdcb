"""Videos, cameras and network streams, one after the other, frame by frame."""

import asyncio
import logging
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from service.errors import InternalError, ServiceError
from service.overlay import draw_people
from service.pipeline import Pipeline
from service.predict.account import Account
from service.predict.entry import Entry
from service.predict.outputs import Outputs
from service.progress import RateBar
from service.video.errors import VideoWriteError
from service.video.estimate import FrameResult, VideoOptions, estimate_video
from service.video.reader import shown
from service.video.writer import VideoWriter

logger = logging.getLogger("fasterpose.files")


@dataclass(frozen=True)
class VideoWork:
    """How videos are answered.

    Attributes:
        pipeline: the loaded networks.
        options: as of a stream.
        drawn: for each video the file that is drawn, if any.
        most_frames: that are answered of each video; None: all.
        first_id: of the first frame, in COCO's files.
    """

    pipeline: Pipeline
    options: VideoOptions
    drawn: dict[str, Path]
    most_frames: int | None
    first_id: int


async def answer_videos(work: VideoWork, videos: list[str], outputs: Outputs, account: Account) -> None:
    """Answer videos until all are answered or the account is stopped; one that breaks off has an entry that says so.

    Raises:
        OSError: an output cannot be written.
        VideoWriteError: a drawn video cannot be written.
    """
    for video in videos:
        if account.stopped:
            return
        with RateBar("frames", None) as bar:
            try:
                account.videos += await _answer_video(work, video, outputs, account, bar)
            except (OSError, VideoWriteError):  # of an output: no other video could be written either
                raise
            except ServiceError as error:
                _fail(work, video, error, outputs, account, bar)
            except Exception:
                logger.exception("%s: a fault of ours", shown(video))
                _fail(work, video, InternalError(), outputs, account, bar)


async def _answer_video(work: VideoWork, video: str, outputs: Outputs, account: Account, bar: RateBar) -> bool:
    """Answer one video; whether it was answered to its end, or as far as was asked."""
    drawing = Canvas(work, work.drawn[video]) if video in work.drawn else nullcontext()
    frames_before = account.frames
    async with drawing as canvas, aclosing(estimate_video(video, work.pipeline, work.options)) as frames:
        async for frame in frames:
            if canvas is not None:
                await canvas.draw(frame)
            outputs.write(_entry(video, frame, _next_id(work, account)))
            account.frames += 1
            bar.expect(frame.video.frames or None)
            bar.advance()
            if account.frames - frames_before == work.most_frames:
                return True
            if account.stopped:
                return False
    return True


def _fail(work: VideoWork, video: str, error: ServiceError, outputs: Outputs, account: Account, bar: RateBar) -> None:
    account.failed += 1
    name = shown(video)
    bar.say(error.detail if error.detail.startswith(name) else f"{name}: {error.detail}")
    outputs.write(Entry(name, _next_id(work, account), (name, error)))


def _entry(video: str, frame: FrameResult, image_id: int) -> Entry:
    name = f"{shown(video)}#{frame.index}"
    about = {"video": shown(video), "frame": frame.index, "time_s": round(frame.time_s, 6)}
    return Entry(name, image_id, replace(frame.result, image_id=name, pixels=None), about)


def _next_id(work: VideoWork, account: Account) -> int:
    return work.first_id + account.frames


class Canvas:
    """The drawn video: a frame is drawn while the next one is answered."""

    def __init__(self, work: VideoWork, path: Path) -> None:
        """Nothing is written until the first frame tells the rate."""
        self._path = path
        self._skeleton = work.pipeline.estimator.spec.skeleton
        self._threshold = work.options.pose.keypoint_threshold
        self._writer: VideoWriter | None = None
        self._drawing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for the last frame, and write the file's end."""
        try:
            await self._finish()
        finally:
            if self._writer is not None:
                self._writer.close()

    async def draw(self, frame: FrameResult) -> None:
        """Begin to draw a frame, once the one before is written.

        Raises:
            VideoWriteError: the one before cannot be written.
        """
        await self._finish()
        self._drawing = asyncio.create_task(asyncio.to_thread(self._draw, frame))

    async def _finish(self) -> None:
        drawing, self._drawing = self._drawing, None
        if drawing is not None:
            await drawing

    def _draw(self, frame: FrameResult) -> None:
        self._writer = self._writer or VideoWriter(self._path, frame.video.rate)
        result = frame.result
        people = result.people
        drawn = draw_people(result.kept_pixels(), people, self._skeleton, self._threshold, result.track_ids)
        self._writer.write(drawn, frame.time_s)
