"""Frames of a video file or of a live source, upright, with their times."""

import errno
import re
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model.contract.arrays import ImageArray
from service.video.errors import VideoBrokenError, VideoOpenError
from service.video.package import require_av

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame as AvFrame
    from av.video.stream import VideoStream

LIVE_SCHEMES = ("rtsp://", "rtsps://", "rtmp://", "udp://", "srt://")
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv"}
)
"""File names that are taken for videos."""
CAMERA = "/dev/video"
DEFAULT_RATE = 30.0
"""Frames a second of a source that does not say."""
LIVE_TIMEOUT_S = 10
"""A live source that brings nothing for so long is gone."""
RTSP = {"rtsp_flags": "prefer_tcp"}
"""Options of FFmpeg's demuxer, which others pass over: a packet that UDP loses smears the picture until the next key
frame. A server without TCP is asked for UDP."""
MISSING_PART_S = 0.5
"""A file that ends so much before the time its head names is broken."""


@dataclass(frozen=True)
class VideoFrame:
    """One frame.

    Attributes:
        index: its place, from 0.
        time_s: since the first frame, by the video's own clock.
        pixels: (H, W, 3) uint8 RGB, upright.
    """

    index: int
    time_s: float
    pixels: ImageArray


@dataclass(frozen=True)
class VideoInfo:
    """What a video's head says.

    Attributes:
        name: of the source, as errors name it.
        rate: mean frames a second.
        frames: how many frames there are, about; 0: not known.
        live: whether the source goes on without waiting for its reader.
    """

    name: str
    rate: float
    frames: int
    live: bool


class VideoReader:
    """An open video.

    Attributes:
        info: what its head says.
    """

    def __init__(self, container: "InputContainer", name: str, *, live: bool) -> None:
        self._container = container
        self._stream: VideoStream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        rate = float(self._stream.average_rate or self._stream.guessed_rate or DEFAULT_RATE)
        self._seconds = _seconds(container, self._stream)
        frames = 0 if live else self._stream.frames or round(self._seconds * rate)
        self.info = VideoInfo(name, rate, frames, live)

    def frames(self) -> Iterator[VideoFrame]:
        """The frames from first to last.

        Raises:
            VideoBrokenError: after the last frame that could be read, if the video does not end as it should.
        """
        index, last, began = 0, 0.0, None
        for frame in self._decoded():
            time_s = index / self.info.rate if frame.pts is None else frame.time
            began = time_s if began is None else began
            last = max(last, time_s - began)
            yield VideoFrame(index, time_s - began, _upright(frame))
            index += 1
        self._check_end(index, last)

    def _decoded(self) -> Iterator["AvFrame"]:
        av = require_av()
        count = 0
        try:
            for frame in self._container.decode(self._stream):
                yield frame
                count += 1
        except av.FFmpegError as error:
            quiet = isinstance(error, av.error.ExitError)  # its clock ran out
            reason = _quiet() if quiet else error.strerror
            raise VideoBrokenError(f"{self.info.name}: broken after {count} frames: {reason}.") from error

    def _check_end(self, count: int, last: float) -> None:
        """A file that was cut off ends without an error of its decoder."""
        name = self.info.name
        if count == 0:
            raise VideoBrokenError(f"{name}: no frame could be read; the file is broken or was cut off.")
        shown = last + 1 / self.info.rate
        if not self.info.live and self._seconds - shown > MISSING_PART_S:
            raise VideoBrokenError(
                f"{name}: ends after {count} frames, {shown:.1f} s, of {self._seconds:.1f} s; the file was cut off."
            )


def shown(source: str) -> str:
    """A source as answers, file names and messages name it: without a network stream's user and password."""
    return re.sub(r"(?<=://)[^/]*@", "", source)


def is_live(source: str) -> bool:
    """Whether a source is a camera or a network stream, which does not wait."""
    return source.startswith((*LIVE_SCHEMES, CAMERA))


def is_video(source: str) -> bool:
    """Whether a source is a live one or a file that is named like a video."""
    return is_live(source) or Path(source).suffix.lower() in VIDEO_SUFFIXES


@contextmanager
def open_video(source: str) -> Generator[VideoReader]:
    """Open a file, a camera (/dev/video0) or a network stream (rtsp://...) while the context lasts.

    Raises:
        VideoPackageError: PyAV is not installed.
        VideoOpenError: there is no such source, or no video in it.
    """
    av = require_av()
    live, camera, began = is_live(source), source.startswith(CAMERA), time.monotonic()
    try:
        container = av.open(source, "r", "v4l2" if camera else None, RTSP, timeout=LIVE_TIMEOUT_S if live else None)
    except (av.FFmpegError, OSError) as error:
        silent = live and time.monotonic() - began >= LIVE_TIMEOUT_S
        told = f"{shown(source)}: cannot be opened as a video: {_quiet() if silent else error.strerror}."
        raise VideoOpenError(told + _advice(error, camera=camera)) from error
    with container:
        if not container.streams.video:
            raise VideoOpenError(f"{shown(source)}: there is no video in it.")
        yield VideoReader(container, shown(source), live=live)


def _quiet() -> str:
    return f"nothing came for {LIVE_TIMEOUT_S} s"


def _advice(error: Exception, *, camera: bool) -> str:
    """What to do about a source that cannot be opened, as a further sentence."""
    if isinstance(error, require_av().error.HTTPUnauthorizedError):
        return " Give user and password in the address: rtsp://USER:PASSWORD@HOST/..."
    if not camera or not isinstance(error, OSError):
        return ""
    advice = {
        errno.ENOENT: " `ls /dev/video*` names the cameras that are there.",
        errno.EACCES: " Its group, on most systems `video`, may use it.",
        errno.EBUSY: " Another program uses it.",
    }
    return advice.get(error.errno or 0, "")


def _seconds(container: "InputContainer", stream: "VideoStream") -> float:
    """How long the video is by its head; 0: not known."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else 0.0


def _upright(frame: "AvFrame") -> ImageArray:
    """RGB pixels, turned as the video's display matrix says (quarters of a turn)."""
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))
