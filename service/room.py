"""Room for decoded images: bounded in number and in bytes, given in the order of arrival."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Room:
    """Lets images in while they fit; a large one waits its turn and is not overtaken by small ones.

    An image that is larger than the whole room gets in when the room is empty.

    Attributes:
        images: most images at one time.
    """

    def __init__(self, images: int, num_bytes: int) -> None:
        """Room for so many images and bytes at one time."""
        self.images, self._bytes = images, num_bytes
        self._held_images, self._held_bytes = 0, 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """Images that wait to be let in."""
        return len(self._waiting)

    @asynccontextmanager
    async def hold(self, num_bytes: int) -> AsyncGenerator[None]:
        """Wait until an image of `num_bytes` fits, and keep its place while the context lasts."""
        await self._enter(num_bytes)
        try:
            yield
        finally:
            self._held_images -= 1
            self._held_bytes -= num_bytes
            self._let_in()

    async def _enter(self, num_bytes: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (num_bytes, turn)
        self._waiting.append(entry)
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
            elif not turn.cancelled():  # let in at the moment it gave up
                self._held_images -= 1
                self._held_bytes -= num_bytes
            self._let_in()
            raise

    def _let_in(self) -> None:
        while self._waiting and (self._waiting[0][1].done() or self._fits(self._waiting[0][0])):
            num_bytes, turn = self._waiting.popleft()
            if turn.done():
                continue
            self._held_images += 1
            self._held_bytes += num_bytes
            turn.set_result(None)

    def _fits(self, num_bytes: int) -> bool:
        if self._held_images == 0:
            return True
        return self._held_images < self.images and self._held_bytes + num_bytes <= self._bytes
