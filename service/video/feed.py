"""A video read ahead on a thread of its own, so that the networks always find the next frame decoded."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from threading import Event, Semaphore, Thread

from service.video.reader import VideoFrame, VideoInfo, VideoReader, open_video

AHEAD = 4
"""Frames of a file that are decoded before they are asked for."""


class FrameFeed:
    """Frames of one source. A file waits for who reads; of a live source only the newest frame is kept.

    Attributes:
        info: what the video's head says.
    """

    def __init__(self, source: str) -> None:
        """Begin to read; for a running event loop.

        Raises:
            VideoError: the source cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[VideoFrame | Exception | None] = asyncio.Queue()
        self._room, self._stop = Semaphore(AHEAD), Event()
        self._opened: asyncio.Future[VideoInfo] = self._loop.create_future()
        self._thread = Thread(target=self._read, args=(source,), name="video", daemon=True)
        self._thread.start()

    async def open(self) -> VideoInfo:
        """Wait for the video's head.

        Raises:
            VideoError: the source cannot be opened.
        """
        return await self._opened

    async def frames(self) -> AsyncGenerator[VideoFrame]:
        """The frames in order.

        Raises:
            VideoBrokenError: after the last readable frame, if the video breaks off.
        """
        while (frame := await self._frames.get()) is not None:
            if isinstance(frame, Exception):
                raise frame
            self._room.release()
            yield frame

    async def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._room.release()
        await asyncio.to_thread(self._thread.join)

    def _read(self, source: str) -> None:
        try:
            with open_video(source) as reader:
                self._on_loop(self._opened.set_result, reader.info)
                self._read_frames(reader)
        except Exception as error:  # whatever it was, it belongs to who reads
            self._on_loop(self._fail, error)
        else:
            self._on_loop(self._frames.put_nowait, None)

    def _read_frames(self, reader: VideoReader) -> None:
        for frame in reader.frames():
            if not reader.info.live:
                self._room.acquire()
            if self._stop.is_set():
                return
            self._on_loop(self._put_newest if reader.info.live else self._frames.put_nowait, frame)

    def _put_newest(self, frame: VideoFrame) -> None:
        while not self._frames.empty():
            self._frames.get_nowait()
        self._frames.put_nowait(frame)

    def _fail(self, error: Exception) -> None:
        if self._opened.done():
            self._frames.put_nowait(error)
        else:
            self._opened.set_exception(error)

    def _on_loop(self, call: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(call, *arguments)
