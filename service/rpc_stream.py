"""The frames of one stream: a few in work at once, answered in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

Request = TypeVar("Request")
Response = TypeVar("Response")


class FrameWindow(Generic[Request, Response]):
    """Reads the next frame only when there is room, so that a client that does not read is not read from.

    A frame holds its room from when it is read until its answer is written.

    Attributes:
        stopped: `stop_reading` was called.
    """

    def __init__(self, size: int, answer: Callable[[Request], Coroutine[Any, Any, Response]]) -> None:
        """A window of `size` frames, each answered by `answer` in a task of its own."""
        self.stopped = False
        self._answer = answer
        self._room = asyncio.Semaphore(size)
        self._frames: asyncio.Queue[asyncio.Task[Response] | None] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None

    async def run(self, requests: AsyncIterator[Request], write: Callable[[Response], Awaitable[None]]) -> None:
        """Answer the frames until they end, or until reading was stopped.

        Args:
            requests: the frames.
            write: sends an answer; returns when there is room for the next.

        Raises:
            Exception: what `answer` raised for a frame, after the answers to the frames before it; what the reading
                or the writing raised. The frames in work are dropped then, and when this call is cancelled.
        """
        self._reader = asyncio.create_task(self._read(requests))
        try:
            while (frame := await self._frames.get()) is not None:
                await write(await frame)
                self._room.release()
            await asyncio.wait({self._reader})
            if not self._reader.cancelled():
                self._reader.result()
        finally:
            await self._drop()

    def stop_reading(self) -> None:
        """Take no more frames; those that were read are still answered."""
        self.stopped = True
        if self._reader is not None:
            self._reader.cancel()

    async def _read(self, requests: AsyncIterator[Request]) -> None:
        try:
            await self._room.acquire()
            async for request in requests:
                self._frames.put_nowait(asyncio.create_task(self._answer(request)))
                await self._room.acquire()
        finally:
            self._frames.put_nowait(None)

    async def _drop(self) -> None:
        tasks: list[asyncio.Task[Any]] = [self._reader] if self._reader else []
        while not self._frames.empty():
            frame = self._frames.get_nowait()
            tasks += [frame] if frame is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
