"""The waiting line of a model: items of all requests, first come first served, and no request starved by a crowd."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from model.contract.arrays import FloatArray, ImageArray


class LineFullError(Exception):
    """The line has no room for more items or bytes."""


@dataclass(frozen=True)
class LineBounds:
    """How much may wait. A ticket that finds the line empty always gets in, however large.

    Attributes:
        items: most items.
        num_bytes: most bytes of them.
    """

    items: int = 2048
    num_bytes: int = 256 * 2**20


DEFAULT_BOUNDS = LineBounds()


@dataclass(eq=False)
class Ticket:
    """The items of one caller, on their way through a model.

    Attributes:
        items: (N, H, W, 3) uint8 RGB, at least one.
        future: resolves to the (N, ...) float32 outputs, or to the error of the first item that failed.
        arrival: when the items came, `time.perf_counter()` seconds.
        waited: seconds from the arrival until the first of them was taken up; 0 before.
        taken: items that were taken up.
        delivered: items whose outputs are there.
        outputs: (N, ...) float32, filled as batches are done.
    """

    items: ImageArray
    future: "asyncio.Future[FloatArray]"
    arrival: float
    waited: float = 0.0
    taken: int = 0
    delivered: int = 0
    outputs: FloatArray | None = None

    @property
    def waiting(self) -> int:
        """Items that were not taken up yet."""
        return len(self.items) - self.taken

    def take(self, most: int, now: float) -> "Part":
        """The next items, at most `most`, taken up at time `now`."""
        if self.taken == 0:
            self.waited = now - self.arrival
        start, self.taken = self.taken, min(self.taken + most, len(self.items))
        return Part(self, start, self.taken)

    def deliver(self, start: int, values: FloatArray) -> bool:
        """Keep the outputs of the items from `start` on; whether they were the last ones missing."""
        if len(values) == len(self.items):
            self.outputs = values  # the usual case: no copy
        else:
            if self.outputs is None:
                self.outputs = np.empty((len(self.items), *values.shape[1:]), dtype=np.float32)
            self.outputs[start : start + len(values)] = values
        self.delivered += len(values)
        return self.delivered == len(self.items)

    def all_outputs(self) -> FloatArray:
        """The outputs of all items, (N, ...) float32.

        Raises:
            ValueError: some are not there yet.
        """
        if self.outputs is None or self.delivered < len(self.items):
            raise ValueError(f"{self.delivered} of {len(self.items)} items are computed")
        return self.outputs


class Part(NamedTuple):
    """Items `start` to `stop` of a ticket, in one batch."""

    ticket: Ticket
    start: int
    stop: int

    @property
    def items(self) -> ImageArray:
        """The items themselves."""
        return self.ticket.items[self.start : self.stop]


class WaitingLine:
    """Tickets in the order of their turns. Not thread-safe: its owner holds a lock."""

    def __init__(self, bounds: LineBounds) -> None:
        self.bounds = bounds
        self._tickets: deque[Ticket] = deque()

    @property
    def items(self) -> int:
        """Items that wait."""
        return sum(ticket.waiting for ticket in self._tickets)

    @property
    def num_bytes(self) -> int:
        """Bytes of the items that wait."""
        return sum(ticket.waiting * ticket.items[0].nbytes for ticket in self._tickets)

    def join(self, ticket: Ticket) -> None:
        """Put a ticket at the end.

        Raises:
            LineFullError: the line holds others, and with this one it would be out of bounds.
        """
        too_many = self.items + ticket.waiting > self.bounds.items
        too_large = self.num_bytes + ticket.items.nbytes > self.bounds.num_bytes
        if self._tickets and (too_many or too_large):
            raise LineFullError
        self._tickets.append(ticket)

    def leave(self, ticket: Ticket) -> int:
        """Take a ticket out, if it still waits; its items that were not taken up."""
        if ticket not in self._tickets:
            return 0
        self._tickets.remove(ticket)
        return ticket.waiting

    def leave_all(self) -> list[Ticket]:
        """Take every ticket out."""
        left = list(self._tickets)
        self._tickets.clear()
        return left

    def next_batch(self, most: int, now: float) -> list[Part]:
        """Take up items of one shape, at most `most`, in the order of turns.

        A ticket with more items than fit goes to the end: a crowd takes a batch, then lets the others have theirs.
        Tickets that were cancelled are passed over, those of another shape keep their place.
        """
        parts: list[Part] = []
        kept: list[Ticket] = []
        rests: list[Ticket] = []
        while self._tickets and most > 0:
            ticket = self._tickets.popleft()
            if ticket.future.done():
                continue
            if parts and ticket.items.shape[1:] != parts[0].ticket.items.shape[1:]:
                kept.append(ticket)
                continue
            parts.append(ticket.take(most, now))
            most -= parts[-1].stop - parts[-1].start
            if ticket.waiting:
                rests.append(ticket)
        self._tickets.extendleft(reversed(kept))
        self._tickets.extend(rests)
        return parts
