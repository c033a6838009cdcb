"""A request's deadline, counted from its arrival."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

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


@asynccontextmanager
async def deadline(arrival: float, timeout_ms: int) -> AsyncGenerator[None]:
    """Give up what runs inside at `arrival + timeout_ms`; jobs that no thread has started are dropped.

    Args:
        arrival: when the request came, by the event loop's clock, seconds.
        timeout_ms: time from the arrival, ms.

    Raises:
        DeadlineExceededError: the time was over.
    """
    end = arrival + timeout_ms / 1000
    expired = DeadlineExceededError(
        f"The deadline of {timeout_ms} ms passed. Allow more with timeout_ms, or try later."
    )
    if asyncio.get_running_loop().time() >= end:
        raise expired
    try:
        async with asyncio.timeout_at(end):
            yield
    except TimeoutError as error:
        raise expired from error
