"""Clients who do not wait for each other: requests at a rate, whatever the server makes of them."""

import asyncio
import time

from tests.load.raw import Address, Answer, Connection

PACE_S = 0.005
"""Requests are sent in bunches of what is due so often."""


async def send_at_rate(address: Address, request: bytes, rate: float, seconds: float) -> list[Answer]:
    """Send `rate` requests a second and wait for all answers; connections are used again once they are free."""
    free: list[Connection] = []

    async def ask() -> Answer:
        connection = free.pop() if free else None
        if connection is None or connection.ended:  # idle for long: a client has to look before it asks
            connection = await Connection.open(address)
        answer = await connection.ask(request)
        free.append(connection)
        return answer

    begun, asked = time.perf_counter(), 0
    tasks: list[asyncio.Task[Answer]] = []
    while (elapsed := time.perf_counter() - begun) < seconds:
        due = int(elapsed * rate) - asked
        tasks += [asyncio.create_task(ask()) for _ in range(due)]
        asked += due
        await asyncio.sleep(PACE_S)
    answers = await asyncio.gather(*tasks)
    for connection in free:
        connection.hang_up()
    return list(answers)


async def capacity(address: Address, request: bytes, clients: int, seconds: float) -> float:
    """Answers a second that so many clients get who ask again as soon as they are answered."""
    end = time.perf_counter() + seconds

    async def client() -> int:
        connection, answered = await Connection.open(address), 0
        while time.perf_counter() < end:
            answered += (await connection.ask(request)).status == 200
        connection.hang_up()
        return answered

    return sum(await asyncio.gather(*(client() for _ in range(clients)))) / seconds


def percentile_ms(answers: list[Answer], percent: int) -> float:
    """So many percent of the answers came within this time, ms."""
    seconds = sorted(answer.seconds for answer in answers)
    return 1000 * seconds[min(len(seconds) - 1, len(seconds) * percent // 100)]
