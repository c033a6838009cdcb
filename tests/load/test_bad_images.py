"""A picture that cannot be decoded among good ones."""

import asyncio
from collections import Counter
from collections.abc import Callable

from tests.load.raw import ask, pose_request
from tests.load.server import Server

ROUNDS = 10


async def test_one_bad_image_among_three_good_ones(server: Server, photo: bytes, say: Callable[[str], None]) -> None:
    good, bad = pose_request(photo), pose_request(photo[: len(photo) // 2])
    expected = [person["bbox"] for person in (await ask(server.address, good)).people]
    assert expected
    seen = Counter[tuple[str, int]]()
    for round_ in range(ROUNDS):
        requests = [good] * 3
        requests.insert(round_ % 4, bad)
        answers = await asyncio.gather(*(ask(server.address, request) for request in requests))
        seen.update(
            ("bad" if request is bad else "good", a.status) for request, a in zip(requests, answers, strict=True)
        )
        assert all([p["bbox"] for p in answer.people] == expected for answer in answers if answer.status == 200)
    say(f"{seen['good', 200]} of {3 * ROUNDS} good ones answered 200, {seen['bad', 400]} of {ROUNDS} bad ones 400")
    assert seen == {("good", 200): 3 * ROUNDS, ("bad", 400): ROUNDS}
