"""Frames that are worked on together take some steps one after the other, in the order in which they came."""

import asyncio


class Turns:
    """A line: who stands first goes first, however long the others are ready; who leaves early holds nobody up."""

    def __init__(self) -> None:
        self._line: list[Turn] = []

    def stand(self) -> "Turn":
        """Stand at the end of the line; to be left when the step is done, or will not be done."""
        turn = Turn(self)
        self._line.append(turn)
        self._call_first()
        return turn

    def leave(self, turn: "Turn") -> None:
        """Let the next one go, if this one stood before it."""
        if turn in self._line:
            self._line.remove(turn)
            self._call_first()

    def _call_first(self) -> None:
        if self._line:
            self._line[0].came.set()


class Turn:
    """One frame's place in a line.

    Attributes:
        came: nobody is before it any more.
    """

    def __init__(self, line: Turns) -> None:
        self.came = asyncio.Event()
        self._line = line

    def leave(self) -> None:
        """Make room; a second time does nothing."""
        self._line.leave(self)
