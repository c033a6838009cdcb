import asyncio
import threading

import pytest

from service.threads import Threads


async def test_a_job_gives_its_result_or_its_error() -> None:
    threads = Threads("test", 2)
    result, waited = await threads.run(threading.current_thread)
    assert result.name.startswith("test-")
    assert waited >= 0
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0)
    assert (await threads.run(lambda: 3))[0] == 3  # the thread lives on
    threads.close()


async def test_a_job_whose_waiter_gave_up_is_not_begun() -> None:
    threads, go, begun = Threads("test", 1), threading.Event(), threading.Event()
    first = asyncio.create_task(threads.run(lambda: go.wait(20)))
    second = asyncio.create_task(threads.run(begun.set))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    go.set()
    await first
    await threads.run(lambda: None)  # behind the second
    assert not begun.is_set()
    threads.close()


async def test_closing_ends_what_runs_and_drops_the_rest() -> None:
    threads, go, running = Threads("test", 1), threading.Event(), threading.Event()

    def wait() -> bool:
        running.set()
        return go.wait(20)

    first = asyncio.create_task(threads.run(wait))
    second = asyncio.create_task(threads.run(lambda: None))
    assert await asyncio.to_thread(running.wait, 20)
    closing = asyncio.create_task(asyncio.to_thread(threads.close))
    with pytest.raises(asyncio.CancelledError):
        await second
    go.set()
    await closing
    assert (await first)[0] is True


def test_threads_outlive_an_event_loop_that_does_not_wait_for_them() -> None:
    threads, go = Threads("test", 1), threading.Event()

    async def leave() -> None:
        running = asyncio.create_task(threads.run(lambda: go.wait(20)))
        await asyncio.sleep(0)
        running.cancel()

    asyncio.run(leave())
    go.set()

    async def ask() -> int:
        return (await threads.run(lambda: 3))[0]

    assert asyncio.run(ask()) == 3
    threads.close()
