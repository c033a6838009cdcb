"""One request with a hundred people does not make the others wait for all of them."""

import asyncio
from collections.abc import Callable

from tests.load.raw import ask
from tests.load.server import Server

SMALL = 10


async def test_small_requests_overtake_a_crowd(
    server: Server, one_person: bytes, crowd: bytes, say: Callable[[str], None]
) -> None:
    await server.rest()
    before = await server.people_computed()
    slow = asyncio.create_task(ask(server.address, crowd))
    while await server.people_computed() == before:
        pass
    small = await asyncio.gather(*(ask(server.address, one_person) for _ in range(SMALL)))
    overtaken = not slow.done()
    large = await slow
    longest = max(answer.seconds for answer in small)
    say(
        f"{SMALL} requests of 1 person, all within {1000 * longest:.0f} ms; "
        f"a request of 100 people, begun before them, in {1000 * large.seconds:.0f} ms"
    )
    assert {answer.status for answer in (*small, large)} == {200}
    assert overtaken
    assert len(large.people) == 100
