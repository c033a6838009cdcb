"""Clients that send a request and are gone."""

import asyncio
import time
from collections.abc import Callable
from typing import Literal

import pytest

from tests.load.raw import Connection, ask
from tests.load.server import Server

CLIENTS = 300
NEXT_ANSWER_S = 0.5

Moment = Literal["half sent", "sent", "in line"]


@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("moment", ["half sent", "sent", "in line"])
async def test_the_next_answer_after_300_hang_ups(
    server: Server, one_person: bytes, say: Callable[[str], None], rudely: bool, moment: Moment
) -> None:
    await ask(server.address, one_person)
    before = await server.people_computed()
    await _ask_and_hang_up(server, one_person, moment, rudely)
    seconds, refused = await _until_answered(server, one_person)
    await server.rest()
    computed = await server.people_computed() - before - 1
    say(f"next answer after {1000 * seconds:.0f} ms, {refused} times 429 before; {computed} of {CLIENTS} were computed")
    assert seconds < NEXT_ANSWER_S
    assert computed < CLIENTS / 2


async def _ask_and_hang_up(server: Server, request: bytes, moment: Moment, rudely: bool) -> None:
    connections = [await Connection.open(server.address) for _ in range(CLIENTS)]
    for connection in connections:
        connection.write(request[: len(request) // 2] if moment == "half sent" else request)
    await asyncio.gather(*(connection.flush() for connection in connections))
    if moment == "in line":
        while await server.metric("fasterpose_in_flight_requests") < CLIENTS / 2:
            pass
    for connection in connections:
        connection.hang_up(rudely=rudely)


async def _until_answered(server: Server, request: bytes) -> tuple[float, int]:
    """Ask until the answer is not 429, as it is while the server has not heard yet that the others are gone."""
    begun, refused = time.perf_counter(), 0
    while (answer := await ask(server.address, request)).status == 429:
        refused += 1
    assert answer.status == 200
    return time.perf_counter() - begun, refused
