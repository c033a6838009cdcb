import asyncio
from collections.abc import Callable

import pytest

from service.room import Room


class Guest:
    """Holds room until it is told to leave."""

    def __init__(self, room: Room, num_bytes: int) -> None:
        self.inside = False
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._visit(room, num_bytes))

    async def _visit(self, room: Room, num_bytes: int) -> None:
        async with room.hold(num_bytes):
            self.inside = True
            await self.leave.wait()
        self.inside = False


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("make", [lambda: Room(2, 1000), lambda: Room(100, 20)])
async def test_number_and_bytes_are_bounded(make: Callable[[], Room]) -> None:
    room = make()
    guests = [Guest(room, 10) for _ in range(4)]
    await settle()
    assert [guest.inside for guest in guests] == [True, True, False, False]
    assert room.waiting == 2
    guests[1].leave.set()
    await settle()
    assert [guest.inside for guest in guests] == [True, False, True, False]
    for guest in guests:
        guest.leave.set()
    await asyncio.gather(*(guest.task for guest in guests))
    assert room.waiting == 0


async def test_a_large_image_is_not_overtaken_and_gets_in_alone() -> None:
    room = Room(10, 20)
    first, large, small = Guest(room, 10), Guest(room, 500), Guest(room, 1)
    await settle()
    assert [first.inside, large.inside, small.inside] == [True, False, False]
    first.leave.set()
    await settle()
    assert [large.inside, small.inside] == [True, False]
    large.leave.set()
    small.leave.set()
    await small.task


async def test_who_gives_up_leaves_the_line() -> None:
    room = Room(1, 100)
    first, second, third = (Guest(room, 1) for _ in range(3))
    await settle()
    second.task.cancel()
    await settle()
    assert room.waiting == 1
    first.leave.set()
    await settle()
    assert third.inside


async def test_who_gives_up_in_the_moment_it_is_let_in_gives_its_place_back() -> None:
    room = Room(1, 100)
    first, second, third = (Guest(room, 1) for _ in range(3))
    await settle()
    first.leave.set()
    while room.waiting == 2:
        await asyncio.sleep(0)
    second.task.cancel()  # it was let in and does not know yet
    await settle()
    assert not second.inside
    assert third.inside
