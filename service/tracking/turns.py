"""Frames that are worked on together take some steps one after the other, in the order in which they came."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager


class Turn:
    """One frame's place in the line.

    Attributes:
        came: nobody is before it any more.
    """

    def __init__(self) -> None:
        self.came = asyncio.Event()


class Turns:
    """A line: who stands first goes first, however long the others are ready; who leaves early holds nobody up."""

    def __init__(self) -> None:
        self._line: list[Turn] = []

    @contextmanager
    def stand(self) -> Generator[Turn]:
        """Stand at the end of the line while the context lasts; wait for `came` before the step."""
        turn = Turn()
        self._line.append(turn)
        self._call_first()
        try:
            yield turn
        finally:
            self._line.remove(turn)
            self._call_first()

    def _call_first(self) -> None:
        if self._line:
            self._line[0].came.set()
