"""Frames -> a video file."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model.contract.arrays import ImageArray
from service.video.errors import VideoWriteError
from service.video.package import require_av

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame as AvFrame
    from av.video.stream import VideoStream

CODEC = "libx264"
QUALITY = {"crf": "23", "preset": "veryfast"}
CLOCK = Fraction(1, 90_000)
"""Seconds of a tick of the times in the file."""


class VideoWriter:
    """Writes an H.264 file with the times of its source; a side of odd length loses its last pixel.

    What was written before `close` can be played, also after an error.
    """

    def __init__(self, path: Path, rate: float) -> None:
        """Open a file.

        Args:
            path: a name that ends in a container's suffix, for example .mp4.
            rate: mean frames a second, as written into the head.

        Raises:
            VideoPackageError: PyAV is not installed.
            VideoWriteError: the file has no suffix of a video.
        """
        av = require_av()
        self._path, self._rate = path, rate
        self._stream: VideoStream | None = None
        self._size = (0, 0)
        self._last_tick = -1
        try:
            self._container: OutputContainer = av.open(str(path), mode="w")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoWriteError(f"{path}: no video can be written there: {error}.") from error

    def write(self, pixels: ImageArray, time_s: float) -> None:
        """Add a frame.

        Args:
            pixels: (H, W, 3) uint8 RGB, of the first frame's size.
            time_s: since the first frame, later than the last one's.

        Raises:
            VideoWriteError: it has another size than the first frame, or the file cannot be written.
        """
        av = require_av()
        height, width = (side - side % 2 for side in pixels.shape[:2])
        stream = self._stream or self._begin(width, height)
        if self._size != (width, height):
            raise VideoWriteError(f"{self._path}: the frames change their size from {self._size} to {(width, height)}.")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="rgb24")
        self._last_tick = max(round(time_s / CLOCK), self._last_tick + 1)
        frame.pts, frame.time_base = self._last_tick, CLOCK
        self._encode(stream, frame)

    def close(self) -> None:
        """Write what is left and the head.

        Raises:
            VideoWriteError: there is no room for it.
        """
        try:
            if self._stream is not None:
                self._encode(self._stream, None)
        finally:
            self._container.close()

    def _encode(self, stream: "VideoStream", frame: "AvFrame | None") -> None:
        av = require_av()
        try:
            self._container.mux(stream.encode(frame))  # pyright: ignore[reportUnknownMemberType]
        except av.FFmpegError as error:
            raise VideoWriteError(f"{self._path}: the video cannot be written: {error.strerror}.") from error

    def _begin(self, width: int, height: int) -> "VideoStream":
        rate = Fraction(self._rate).limit_denominator(1001)
        stream = self._container.add_stream(CODEC, rate=rate, options=QUALITY)  # pyright: ignore[reportUnknownMemberType]
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = CLOCK
        self._stream, self._size = stream, (width, height)
        return stream
