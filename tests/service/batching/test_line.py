"""The waiting line: turns, bounds, and what is passed over."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batching.line import LineBounds, LineFullError, Part, Ticket, WaitingLine

ITEM_BYTES = 2 * 2 * 3


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def ticket(loop: asyncio.AbstractEventLoop, count: int, side: int = 2) -> Ticket:
    return Ticket(np.zeros((count, side, side, 3), np.uint8), loop.create_future(), arrival=1.0)


def sizes(parts: list[Part]) -> list[int]:
    return [part.stop - part.start for part in parts]


def test_small_requests_are_joined_and_big_ones_split(loop: asyncio.AbstractEventLoop) -> None:
    line = WaitingLine(LineBounds())
    first, second, crowd = ticket(loop, 1), ticket(loop, 2), ticket(loop, 9)
    for one in (first, second, crowd):
        line.join(one)
    batch = line.next_batch(8, now=3.0)
    assert [part.ticket for part in batch] == [first, second, crowd]
    assert sizes(batch) == [1, 2, 5]
    assert sizes(line.next_batch(8, now=4.0)) == [4]
    assert line.items == 0
    assert crowd.waited == 2.0  # until the first of its items was taken up


def test_a_crowd_lets_others_have_their_turn_and_gets_its_own(loop: asyncio.AbstractEventLoop) -> None:
    line = WaitingLine(LineBounds())
    crowd = ticket(loop, 100)
    line.join(crowd)
    assert sizes(line.next_batch(4, 0.0)) == [4]
    single = ticket(loop, 1)
    line.join(single)
    assert line.next_batch(4, 0.0)[0].ticket is crowd  # it was there first
    batch = line.next_batch(4, 0.0)
    assert batch[0].ticket is single
    assert sizes(batch) == [1, 3]
    for _ in range(5):  # a stream of singles does not starve the crowd
        line.join(ticket(loop, 1))
        assert crowd in [part.ticket for part in line.next_batch(4, 0.0)]


@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=12), most=st.integers(1, 9))
def test_every_item_is_taken_up_once_and_in_order(counts: list[int], most: int) -> None:
    loop = asyncio.new_event_loop()
    line = WaitingLine(LineBounds())
    tickets = [ticket(loop, count) for count in counts]
    for one in tickets:
        line.join(one)
    taken: dict[int, list[int]] = {id(one): [] for one in tickets}
    while line.items:
        batch = line.next_batch(most, 0.0)
        assert 0 < sum(sizes(batch)) <= most
        assert sum(sizes(batch)) == most or line.items == 0  # no batch is smaller than it could be
        for part in batch:
            taken[id(part.ticket)] += range(part.start, part.stop)
    assert [taken[id(one)] for one in tickets] == [list(range(count)) for count in counts]
    loop.close()


def test_a_cancelled_ticket_is_passed_over(loop: asyncio.AbstractEventLoop) -> None:
    line = WaitingLine(LineBounds())
    gone, there = ticket(loop, 3), ticket(loop, 2)
    line.join(gone)
    line.join(there)
    gone.future.cancel()
    assert [part.ticket for part in line.next_batch(4, 0.0)] == [there]
    assert line.leave(gone) == 0


def test_leaving_gives_the_places_back(loop: asyncio.AbstractEventLoop) -> None:
    line = WaitingLine(LineBounds())
    one = ticket(loop, 5)
    line.join(one)
    line.next_batch(2, 0.0)
    assert (line.items, line.num_bytes) == (3, 3 * ITEM_BYTES)
    assert line.leave(one) == 3
    assert (line.items, line.num_bytes) == (0, 0)


def test_a_batch_has_one_shape_and_others_keep_their_place(loop: asyncio.AbstractEventLoop) -> None:
    line = WaitingLine(LineBounds())
    small, large, later = ticket(loop, 1), ticket(loop, 1, side=4), ticket(loop, 1)
    for one in (small, large, later):
        line.join(one)
    assert [part.ticket for part in line.next_batch(4, 0.0)] == [small, later]
    assert [part.ticket for part in line.next_batch(4, 0.0)] == [large]


@pytest.mark.parametrize("bounds", [LineBounds(items=4), LineBounds(num_bytes=4 * ITEM_BYTES)])
def test_a_full_line_refuses_but_an_empty_one_takes_any(loop: asyncio.AbstractEventLoop, bounds: LineBounds) -> None:
    line = WaitingLine(bounds)
    line.join(ticket(loop, 9))
    with pytest.raises(LineFullError):
        line.join(ticket(loop, 1))
    line.next_batch(6, 0.0)
    line.join(ticket(loop, 1))
    assert line.items == 4


def test_outputs_of_several_batches_come_together_in_order(loop: asyncio.AbstractEventLoop) -> None:
    one = ticket(loop, 3)
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert not one.deliver(2, values[2:])
    with pytest.raises(ValueError, match="1 of 3"):
        one.all_outputs()
    assert one.deliver(0, values[:2])
    np.testing.assert_array_equal(one.all_outputs(), values)
