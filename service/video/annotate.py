"""A video in, a drawn video and JSON lines out."""

import asyncio
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from model.contract.skeleton import Skeleton
from service.formats import coco_results
from service.overlay import draw_people
from service.pipeline import Pipeline
from service.video.errors import VideoBrokenError, VideoWriteError
from service.video.estimate import FrameResult, VideoOptions, estimate_video
from service.video.reader import shown
from service.video.writer import VideoWriter

AHEAD = 4
"""Answered frames that may wait to be drawn."""


@dataclass(frozen=True)
class VideoTargets:
    """What is written of a video.

    Attributes:
        drawn: a video with the skeletons drawn, by its suffix MP4 or another container; None: none.
        lines: a JSON line a frame; None: none.
    """

    drawn: Path | None = None
    lines: Path | None = None


@dataclass
class VideoAccount:
    """What was done.

    Attributes:
        frames: that were answered and written.
        seconds: from the first answer on.
        track_ids: all that were given.
        broken: why the video ended early; what came before is written.
    """

    frames: int = 0
    seconds: float = 0.0
    track_ids: set[int] = field(default_factory=set[int])
    broken: str | None = None


async def annotate_video(
    source: str, pipeline: Pipeline, options: VideoOptions, targets: VideoTargets, *, quiet: bool = False
) -> VideoAccount:
    """Answer a video and write what was asked for; what is written by then is kept when it breaks or is stopped.

    Args:
        source: a file, a camera (/dev/video0) or a network stream (rtsp://...).
        pipeline: the loaded networks.
        options: what is asked.
        targets: what is written.
        quiet: show no progress; else frames, rate and time left go to stderr, if it is a terminal.

    Raises:
        VideoError: the source cannot be opened, or a file cannot be written; a video that breaks off is no error here.
    """
    account, began = VideoAccount(), time.monotonic()
    with _Output(targets, pipeline.estimator.spec.skeleton, options) as output, _progress(quiet) as progress:
        task = progress.add_task(Path(shown(source)).name, total=None, rate="")
        try:
            async with aclosing(estimate_video(source, pipeline, options)) as frames:
                async for frame in frames:
                    await output.write(frame)
                    account.frames += 1
                    account.track_ids.update(frame.result.track_ids or ())
                    account.seconds = time.monotonic() - began
                    _advance(progress, task, account, frame)
        except VideoBrokenError as error:
            account.broken = error.detail
    return account


def frame_line(frame: FrameResult) -> bytes:
    """One line of the JSON lines: the frame's place and time, its size, and the people as in a response."""
    size = {"width": frame.result.width, "height": frame.result.height}
    content = {"frame": frame.index, "time_s": round(frame.time_s, 6), **size, "results": coco_results([frame.result])}
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


class _Output:
    """Draws and writes on a thread of its own, in order, while the next frames are answered."""

    def __init__(self, targets: VideoTargets, skeleton: Skeleton, options: VideoOptions) -> None:
        self._targets, self._skeleton = targets, skeleton
        self._threshold = options.pose.keypoint_threshold
        self._thread = ThreadPoolExecutor(1, "video-out")
        self._pending: deque[Future[None]] = deque()
        self._video: VideoWriter | None = None
        self._lines: BinaryIO | None = None

    def __enter__(self) -> "_Output":
        """Open the lines; the video is opened with the first frame, which tells its rate."""
        if self._targets.lines is not None:
            try:
                self._lines = self._targets.lines.open("wb")
            except OSError as error:
                raise VideoWriteError(f"{self._targets.lines}: cannot be written: {error.strerror}.") from error
        return self

    def __exit__(self, *_: object) -> None:
        """Write what waits, and the ends of the files."""
        try:
            while self._pending:
                self._pending.popleft().result()
        finally:
            self._thread.shutdown()
            for file in (self._lines, self._video):
                if file is not None:
                    file.close()

    async def write(self, frame: FrameResult) -> None:
        """Hand a frame over; waits while too many do.

        Raises:
            VideoWriteError: an earlier frame could not be written.
        """
        self._pending.append(self._thread.submit(self._write, frame))
        while len(self._pending) > AHEAD:
            await asyncio.wrap_future(self._pending.popleft())

    def _write(self, frame: FrameResult) -> None:
        if self._lines is not None:
            self._lines.write(frame_line(frame))
        if self._targets.drawn is not None:
            self._video = self._video or VideoWriter(self._targets.drawn, frame.video.rate)
            result = frame.result
            pixels = draw_people(result.kept_pixels(), result.people, self._skeleton, self._threshold, result.track_ids)
            self._video.write(pixels, frame.time_s)


def _progress(quiet: bool) -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeRemainingColumn(), console=console, disable=quiet or not console.is_terminal)


def _advance(progress: Progress, task: TaskID, account: VideoAccount, frame: FrameResult) -> None:
    rate = f"{account.frames / account.seconds:.1f} frames/s" if account.seconds else ""
    progress.update(task, completed=account.frames, total=frame.video.frames or None, rate=rate)
