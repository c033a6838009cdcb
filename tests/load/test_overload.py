"""Ten times as many requests as the server can answer, for some seconds."""

from collections import Counter
from collections.abc import Callable

from tests.load.open_loop import capacity, percentile_ms, send_at_rate
from tests.load.raw import ask
from tests.load.server import MIB, Server

SECONDS = 8
FACTOR = 10
MOST_GROWTH = 128 * MIB


async def test_ten_times_the_capacity(server: Server, photo_of_one: bytes, say: Callable[[str], None]) -> None:
    await capacity(server.address, photo_of_one, clients=4, seconds=2)
    rate = await capacity(server.address, photo_of_one, clients=8, seconds=4)
    usual = await send_at_rate(server.address, photo_of_one, 0.8 * rate, SECONDS)
    async with server.watched_memory() as memory:
        flood = await send_at_rate(server.address, photo_of_one, FACTOR * rate, SECONDS)
        after = await ask(server.address, photo_of_one)
    statuses = Counter(answer.status for answer in flood)
    admitted = [answer for answer in flood if answer.status == 200]
    refused = [answer for answer in flood if answer.status == 429]
    waits = Counter(answer.headers.get("retry-after", "missing") for answer in refused)
    at_80, at_1000 = percentile_ms(usual, 99), percentile_ms(admitted, 99)
    say(
        f"{rate:.0f}/s can be answered; at 80% of it p99 is {at_80:.0f} ms; at {FACTOR} times of it {dict(statuses)}, "
        f"{len(admitted) / SECONDS:.0f}/s with p99 {at_1000:.0f} ms ({at_1000 / at_80:.1f}x), "
        f"refused within {percentile_ms(refused, 99):.0f} ms (p99), Retry-After {dict(waits)}; "
        f"memory {(max(memory) - memory[0]) / MIB:+.0f} MiB; the next answer {after.status} "
        f"after {1000 * after.seconds:.0f} ms"
    )
    answered = [answer for answer in usual if answer.status == 200]
    assert len(answered) >= 0.95 * len(
        usual
    )  # the rate is measured, and other processes may slow the server after that
    assert set(statuses) == {200, 429}
    assert all(wait.isdigit() and 1 <= int(wait) <= 60 for wait in waits)
    assert at_1000 < 3 * at_80
    assert len(admitted) / SECONDS > 0.3 * rate  # the client and the refusals share the cores with the models
    assert max(memory) - memory[0] < MOST_GROWTH
    assert (after.status, after.seconds < 1) == (200, True)
