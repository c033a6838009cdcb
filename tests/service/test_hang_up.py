import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.errors import ClientGoneError
from service.hang_up import cancelled_by_hang_up


def connection() -> tuple[Callable[[], Awaitable[Any]], asyncio.Event]:
    """A `receive` that reports the disconnect once the event is set."""
    gone = asyncio.Event()

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    return receive, gone


async def test_what_runs_is_cancelled_when_the_client_goes() -> None:
    receive, gone = connection()
    cancelled = asyncio.Event()

    async def handle() -> None:
        async with cancelled_by_hang_up(receive):
            gone.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

    with pytest.raises(ClientGoneError):
        await handle()
    assert cancelled.is_set()
    await asyncio.sleep(0)  # the task itself goes on


async def test_a_client_that_goes_at_the_very_end_is_gone_too() -> None:
    receive, gone = connection()

    async def handle() -> None:
        async with cancelled_by_hang_up(receive):
            await asyncio.sleep(0)
            gone.set()
            await asyncio.sleep(0)  # the watcher wakes up; no await after this: the cancellation is still to come

    with pytest.raises(ClientGoneError):
        await handle()
    await asyncio.sleep(0)


async def test_a_client_that_stays_notices_nothing() -> None:
    receive, gone = connection()
    async with cancelled_by_hang_up(receive):
        await asyncio.sleep(0)
    gone.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_another_cancellation_stays_one() -> None:
    receive, _ = connection()

    async def handle() -> None:
        async with cancelled_by_hang_up(receive):
            await asyncio.Event().wait()

    task = asyncio.create_task(handle())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
