import asyncio

import pytest

from service.deadline import Deadline, least_timeout_ms
from service.errors import DeadlineExceededError


@pytest.mark.parametrize(
    ("asked_ms", "remaining_s", "allowed_ms"),
    [
        (None, None, 1000),
        (50, None, 50),
        (2000, None, 2000),
        (None, 0.2, 200),
        (50, 0.2, 50),
        (300, 0.2, 200),
        (1, 0, 0),
    ],
)
def test_the_least_deadline_holds(asked_ms: int | None, remaining_s: float | None, allowed_ms: int) -> None:
    assert least_timeout_ms(asked_ms, 1000, remaining_s) == allowed_ms


async def test_what_runs_over_its_deadline_is_given_up() -> None:
    now = asyncio.get_running_loop().time()
    with pytest.raises(DeadlineExceededError, match="20 ms"):
        async with Deadline(now, 20):
            await asyncio.Event().wait()


async def test_nothing_runs_after_its_deadline() -> None:
    with pytest.raises(DeadlineExceededError):
        async with Deadline(asyncio.get_running_loop().time(), 0):
            pytest.fail("it ran")


async def test_a_deadline_can_be_moved_away() -> None:
    async with Deadline(asyncio.get_running_loop().time(), 1) as deadline:
        deadline.move(60_000)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("late_s", [0, 5])
async def test_a_deadline_can_be_moved_near_and_into_the_past(late_s: float) -> None:
    async def run() -> None:
        async with Deadline(asyncio.get_running_loop().time() - late_s, 60_000) as deadline:
            deadline.move(20)
            await asyncio.Event().wait()

    with pytest.raises(DeadlineExceededError, match="20 ms"):
        await run()
