"""The batcher of one model: its threads take batches from the waiting line as soon as they are free.

Work-conserving: an idle model starts on the first item at once; a busy one collects what comes meanwhile. Items whose
caller has given up (deadline, hang-up, cancellation) are dropped before they are computed.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from model.contract.arrays import FloatArray, ImageArray
from service.batching.compute import Outcomes, assemble, compute, output_of
from service.batching.line import DEFAULT_BOUNDS, LineBounds, LineFullError, Part, Ticket, WaitingLine
from service.errors import InternalError, OverloadedError, ServiceError, UnavailableError
from service.runtime.base import Runtime

logger = logging.getLogger("fasterpose.model")

FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 30.0
"""Between two tries to restart a model thread: doubled each time."""


class Meter(Protocol):
    """What a batcher tells of its work; called from its threads."""

    def batch(self, size: int, waits: Sequence[float]) -> None:
        """A batch of `size` items is taken up, after these seconds in the line, one value a ticket."""
        ...

    def dropped(self, items: int) -> None:
        """Items left the line without being computed: their caller gave up."""
        ...

    def restarted(self) -> None:
        """A model thread died and computes again."""
        ...


class SilentMeter:
    """Tells nobody."""

    def batch(self, size: int, waits: Sequence[float]) -> None:
        """Nothing."""

    def dropped(self, items: int) -> None:
        """Nothing."""

    def restarted(self) -> None:
        """Nothing."""


class Computed(NamedTuple):
    """The outputs of a caller's items, (N, ...) float32, and the seconds they waited before the first was taken up."""

    values: FloatArray
    waited: float


class Batcher:
    """Computes items for many callers on one thread a runtime.

    Attributes:
        name: of the model, for messages and metrics.
        limit: largest batch.
        meter: told of batches, drops and restarts.
    """

    def __init__(
        self,
        name: str,
        runtimes: Sequence[Runtime],
        reopen: Callable[[int], Runtime],
        limit: int,
        bounds: LineBounds = DEFAULT_BOUNDS,
    ) -> None:
        """Start the threads.

        Args:
            name: of the model.
            runtimes: one a thread.
            reopen: makes a new runtime in the place of the given one, after its thread died.
            limit: largest batch.
            bounds: of the waiting line.
        """
        self.name, self.limit = name, limit
        self.meter: Meter = SilentMeter()
        self._reopen = reopen
        self._line = WaitingLine(bounds)
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._alive = len(runtimes)
        self._idle: list[str] = []
        self._threads = [
            threading.Thread(target=self._live, args=(i, runtime), name=f"{name}-{i}", daemon=True)
            for i, runtime in enumerate(runtimes)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def depth(self) -> int:
        """Items that wait."""
        with self._changed:
            return self._line.items

    @property
    def alive(self) -> bool:
        """Whether a thread can compute."""
        return self._alive > 0

    async def run(self, items: ImageArray) -> Computed:
        """Compute items, together with those of other callers. Cancelling the call drops what was not taken up yet.

        Args:
            items: (N, H, W, 3) uint8 RGB, at least one.

        Raises:
            OverloadedError: too much waits already.
            UnavailableError: the model's threads died, and are being restarted.
            InternalError: an item cannot be computed, not even by itself.
        """
        ticket = Ticket(items, asyncio.get_running_loop().create_future(), time.perf_counter())
        self._join(ticket)
        try:
            return Computed(await ticket.future, ticket.waited)
        finally:
            self._leave(ticket)

    def close(self) -> None:
        """Let the running batches end, fail what waits, end the threads."""
        self._closing.set()
        with self._changed:
            left = self._line.leave_all()
            self._changed.notify_all()
        self._fail(left, lambda: UnavailableError("The server is shutting down."))
        for thread in self._threads:
            thread.join()

    def _join(self, ticket: Ticket) -> None:
        with self._changed:
            if not self._alive or self._closing.is_set():
                raise UnavailableError(f"The model {self.name} stopped and is being restarted. Try again in a moment.")
            try:
                self._line.join(ticket)
            except LineFullError as error:
                waiting = self._line.items
                raise OverloadedError(f"{waiting} items wait for {self.name}, the most it takes. Try again.") from error
            self._changed.notify()

    def _leave(self, ticket: Ticket) -> None:
        with self._changed:
            dropped = self._line.leave(ticket)
        if dropped:
            self.meter.dropped(dropped)

    def _live(self, index: int, runtime: Runtime) -> None:
        """A thread's life: compute until the end; should it die, start over with a new runtime."""
        while not self._closing.is_set():
            in_hand: list[Part] = []
            try:
                self._compute_batches(runtime, in_hand)
            except BaseException as error:  # whatever it was: waiters must not wait for a dead thread
                logger.critical("a thread of model %s died: %r; it is restarted", self.name, error, exc_info=error)
                self._bury(in_hand)
                runtime = self._restart(index) or runtime

    def _compute_batches(self, runtime: Runtime, in_hand: list[Part]) -> None:
        """Compute batches until the end; `in_hand` holds the one under way."""
        while not self._closing.is_set():
            in_hand[:] = self._take_parts(runtime.device)
            if in_hand:
                self._tell(in_hand)
                outcomes = compute(runtime, assemble([part.items for part in in_hand]))
                self._deliver(in_hand, outcomes)

    def _take_parts(self, device: str) -> list[Part]:
        """Wait for items, and take a device's share of them; nothing when the callers gave up, or at the end."""
        with self._changed:
            self._idle.append(device)
            try:
                self._changed.wait_for(lambda: self._line.items or self._closing.is_set())
                share = -(-self._line.items // len(set(self._idle)))  # the other idle devices get theirs
            finally:
                self._idle.remove(device)
            parts = self._line.next_batch(min(share, self.limit), time.perf_counter())
            if self._line.items:
                self._changed.notify()
        return parts

    def _tell(self, parts: list[Part]) -> None:
        waits = [part.ticket.waited for part in parts if part.start == 0]
        self.meter.batch(sum(part.stop - part.start for part in parts), waits)

    def _deliver(self, parts: list[Part], outcomes: Outcomes) -> None:
        """Hand the outcomes of a batch to the tickets that its items came from."""
        first = 0
        for part in parts:
            share = outcomes[first : first + len(part.items)]
            first += len(part.items)
            try:
                values = output_of(share)
            except Exception:  # logged where it happened
                self._fail([part.ticket], InternalError)
                continue
            with self._changed:
                complete = part.ticket.deliver(part.start, values)
            if complete:
                _settle(part.ticket, lambda ticket: ticket.future.set_result(ticket.all_outputs()))

    def _fail(self, tickets: list[Ticket], make_error: Callable[[], ServiceError]) -> None:
        for ticket in tickets:
            _settle(ticket, lambda ticket: ticket.future.set_exception(make_error()))

    def _death(self) -> ServiceError:
        return UnavailableError(f"The model {self.name} stopped while it computed this, and is restarted. Try again.")

    def _bury(self, in_hand: list[Part]) -> None:
        """Count a dead thread and fail who waits for it; with the last one all that wait."""
        with self._changed:
            self._alive -= 1
            left = [] if self._alive else self._line.leave_all()
        self._fail([part.ticket for part in in_hand] + left, self._death)

    def _restart(self, index: int) -> Runtime | None:
        """A new runtime, tried until there is one; None if the batcher is closed meanwhile."""
        delay = FIRST_DELAY_S
        while not self._closing.is_set():
            try:
                runtime = self._reopen(index)
            except Exception:
                logger.exception("model %s cannot be restarted; next try in %.1f s", self.name, delay)
                self._closing.wait(delay)
                delay = min(2 * delay, LONGEST_DELAY_S)
                continue
            with self._changed:
                self._alive += 1
            self.meter.restarted()
            logger.warning("model %s computes again", self.name)
            return runtime
        return None


def _settle(ticket: Ticket, settle: Callable[[Ticket], None]) -> None:
    """Settle a ticket's future on its own event loop, if anybody still waits for it."""

    def on_loop() -> None:
        if not ticket.future.done():
            settle(ticket)

    try:
        ticket.future.get_loop().call_soon_threadsafe(on_loop)
    except RuntimeError:  # the loop is closed: nobody waits
        logger.debug("a caller was gone before its result")
