"""Connections that say nothing, or speak slowly."""

import asyncio
import statistics
import time
from collections.abc import Callable

from service.backlog import FEWEST
from tests.load.raw import Address, Answer, Connection, ask, get_request
from tests.load.server import MIB, Server

IDLE = 1000
SLOW = 50
ASKED = 20
HELD_BACK = 20
"""Bytes of a slow request that come one by one; the last one once the others are answered."""


async def test_a_thousand_idle_connections(server: Server, one_person: bytes, say: Callable[[str], None]) -> None:
    alone = await _ask_in_turn(server.address, one_person)
    memory = server.resident_bytes
    idle = [await Connection.open(server.address) for _ in range(IDLE)]
    greeted = await asyncio.gather(*(connection.ask(get_request("/healthz")) for connection in idle))
    beside = await _ask_in_turn(server.address, one_person)
    growth = server.resident_bytes - memory
    for connection in idle:
        connection.hang_up()
    say(
        f"answers in {_median_ms(alone):.1f} ms alone, {_median_ms(beside):.1f} ms beside {IDLE} idle connections, "
        f"which take {growth / MIB:.0f} MiB"
    )
    assert {answer.status for answer in greeted} == {200}
    assert {answer.status for answer in beside} == {200}
    assert _median_ms(beside) < 3 * _median_ms(alone) + 20
    assert growth < 100 * MIB


async def test_slow_senders_hold_nobody_up(server: Server, one_person: bytes, say: Callable[[str], None]) -> None:
    """They all end at one moment: a burst, of which some may have to come again, as those of any other."""
    before = await _ask_in_turn(server.address, one_person)
    slow = [await Connection.open(server.address) for _ in range(SLOW)]
    begun = time.perf_counter()
    for connection in slow:
        connection.write(one_person[:-HELD_BACK])
    others = asyncio.create_task(_ask_in_turn(server.address, one_person))
    for i in range(HELD_BACK - 1):
        await asyncio.sleep(0.02)
        for connection in slow:
            connection.write(one_person[len(one_person) - HELD_BACK + i :][:1])
    beside = await others  # all of these while not one of the slow requests was complete
    for connection in slow:
        connection.write(one_person[-1:])
    late = await asyncio.gather(*(connection.answer(begun) for connection in slow))
    after = await _ask_in_turn(server.address, one_person)
    refused = [answer for answer in late if answer.status == 429]
    again = [await connection.ask(one_person) for connection in slow]
    for connection in slow:
        connection.hang_up()
    alone_ms = max(_median_ms(before), _median_ms(after))
    say(
        f"answers in {_median_ms(before):.1f} and {_median_ms(after):.1f} ms alone, {_median_ms(beside):.1f} ms beside "
        f"{SLOW} slow senders, of whom {len(refused)} were asked to come again, and answered then"
    )
    assert {answer.status for answer in beside} == {200}
    assert _median_ms(beside) < 3 * alone_ms + 50
    assert {answer.status for answer in late} <= {200, 429}
    assert SLOW - len(refused) >= FEWEST
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in refused)
    assert {answer.status for answer in again} == {200}


async def _ask_in_turn(address: Address, request: bytes) -> list[Answer]:
    return [await ask(address, request) for _ in range(ASKED)]


def _median_ms(answers: list[Answer]) -> float:
    return 1000 * statistics.median(answer.seconds for answer in answers)
