"""Clients that send a request and are gone."""

import asyncio
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
    answer = await ask(server.address, one_person)
    await server.rest()
    computed = await server.people_computed() - before - 1
    say(f"next answer {answer.status} after {1000 * answer.seconds:.0f} ms; {computed} of {CLIENTS} were computed")
    assert answer.status == 200
    assert answer.seconds < NEXT_ANSWER_S
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
