"""A request's deadline, counted from its arrival."""

import asyncio
from types import TracebackType
from typing import Self

from service.errors import DeadlineExceededError


def least_timeout_ms(asked_ms: int | None, default_ms: int, remaining_s: float | None) -> int:
    """The time that a request gets, ms.

    Args:
        asked_ms: the request's own option, if given.
        default_ms: the server's setting.
        remaining_s: what the transport says is left until the client gives up, s; None: it will wait.
    """
    allowed_ms = default_ms if asked_ms is None else asked_ms
    return allowed_ms if remaining_s is None else min(allowed_ms, int(remaining_s * 1000))


class Deadline:
    """Gives up what runs inside at `arrival + timeout_ms`; jobs that no thread has started are dropped.

    Entering it, moving it and leaving it raise DeadlineExceededError if the time is over.
    """

    def __init__(self, arrival: float, timeout_ms: int) -> None:
        """A deadline for what is to be entered.

        Args:
            arrival: when the request came, by the event loop's clock, seconds.
            timeout_ms: time from the arrival, ms.
        """
        self._arrival = arrival
        self._timeout_ms = timeout_ms
        self._timeout = asyncio.timeout_at(self._end)

    def move(self, timeout_ms: int) -> None:
        """Another time from the arrival, ms."""
        if timeout_ms != self._timeout_ms:
            self._timeout_ms = timeout_ms
            self._check()
            self._timeout.reschedule(self._end)

    async def __aenter__(self) -> Self:
        """Begin."""
        self._check()
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, in time or not."""
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise self._expired() from late

    @property
    def _end(self) -> float:
        return self._arrival + self._timeout_ms / 1000

    def _check(self) -> None:
        if asyncio.get_running_loop().time() >= self._end:
            raise self._expired()

    def _expired(self) -> DeadlineExceededError:
        return DeadlineExceededError(
            f"The deadline of {self._timeout_ms} ms passed. Allow more with timeout_ms, or try later."
        )
