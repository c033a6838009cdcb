"""How many requests use a pipeline, so that one that was replaced ends when the last of them is answered."""

import asyncio


class Users:
    """A count that can be waited for. Belongs to one event loop."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def enter(self) -> None:
        """One more."""
        self._count += 1
        self._none.clear()

    def leave(self) -> None:
        """One less."""
        self._count -= 1
        if not self._count:
            self._none.set()

    async def gone(self) -> None:
        """Wait until there is none."""
        await self._none.wait()
