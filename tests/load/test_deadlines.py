"""Requests whose time is over before their turn comes."""

import asyncio
from collections import Counter
from collections.abc import Callable

from tests.load.conftest import BOXES
from tests.load.raw import ask, pose_request
from tests.load.server import Server

HURRIED = 20


async def test_an_expired_request_is_504_and_never_computed(
    server: Server, photo: bytes, crowd: bytes, say: Callable[[str], None]
) -> None:
    await server.rest()
    before = await server.people_computed()
    busy = asyncio.create_task(ask(server.address, crowd))
    while await server.people_computed() == before:
        pass
    request = pose_request(photo, boxes=BOXES[:3], timeout_ms=1)
    answers = await asyncio.gather(*(ask(server.address, request) for _ in range(HURRIED)))
    first = await busy
    computed = await server.people_computed() - before
    statuses = Counter(answer.status for answer in answers)
    say(f"{dict(statuses)} while busy; {computed} people computed, {len(BOXES)} of them of the busy request")
    assert first.status == 200
    assert statuses == {504: HURRIED}
    assert computed == len(BOXES)
