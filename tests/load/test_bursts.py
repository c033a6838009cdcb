"""More requests at once than the server takes."""

import asyncio
import statistics
from collections import Counter
from collections.abc import Callable

from service.backlog import FEWEST
from tests.load.raw import Answer, Connection, ask
from tests.load.server import MIB, Server

REQUESTS = 600
LONGEST_S = 1.0
"""Twice the default of `max_queue_ms`: how long whoever is let in may wait, and the time to be computed."""
MOST_GROWTH = 256 * MIB
MOST_LEAK = 48 * MIB


async def test_a_burst_of_600(server: Server, one_person: bytes, say: Callable[[str], None]) -> None:
    await _burst(server, one_person)  # the first one lets the process grow to its size
    async with server.watched_memory() as memory:
        answers = await _burst(server, one_person)
        after = await ask(server.address, one_person)
    statuses = Counter(answer.status for answer in answers)
    waits = {answer.headers.get("retry-after", "missing") for answer in answers if answer.status == 429}
    refusals = [answer.seconds for answer in answers if answer.status == 429]
    say(
        f"{dict(statuses)}, refused after {1000 * statistics.median(refusals):.0f} ms (median), Retry-After {waits}; "
        f"memory {memory[0] / MIB:.0f} MiB, at most {(max(memory) - memory[0]) / MIB:+.0f} MiB; "
        f"next answer {after.status} after {1000 * after.seconds:.0f} ms"
    )
    assert set(statuses) == {200, 429}
    assert statuses[200] >= FEWEST
    assert max(answer.seconds for answer in answers if answer.status == 200) < LONGEST_S + max(refusals)
    assert all(wait.isdigit() and 1 <= int(wait) <= 60 for wait in waits)
    assert max(memory) - memory[0] < MOST_GROWTH
    assert after.status == 200
    assert after.seconds < 0.5


async def test_bursts_leak_nothing(server: Server, one_person: bytes, say: Callable[[str], None]) -> None:
    await _burst(server, one_person)
    before = server.resident_bytes
    for _ in range(3):
        await _burst(server, one_person)
    growth = server.resident_bytes - before
    say(f"{growth / MIB:+.0f} MiB after three more bursts of {REQUESTS}")
    assert growth < MOST_LEAK


async def _burst(server: Server, request: bytes) -> list[Answer]:
    connections = [await Connection.open(server.address) for _ in range(REQUESTS)]
    answers = await asyncio.gather(*(connection.ask(request) for connection in connections))
    for connection in connections:
        connection.hang_up()
    return list(answers)
