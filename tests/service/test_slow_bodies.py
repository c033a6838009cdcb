"""Clients that send their body a byte now and then."""

import asyncio
from typing import Any

from fastapi import FastAPI

from service.app import create_app
from service.settings import ServiceSettings
from tests.service.conftest import connect
from tests.service.fakes import make_pipeline

PNG = {"Content-Type": "image/png"}


class SlowSender:
    """A request over ASGI whose body comes as the test hands it out.

    Attributes:
        reading: set when the application asks for more of the body.
        status: of the answer; 0 before.
    """

    def __init__(self, app: FastAPI) -> None:
        self.reading = asyncio.Event()
        self.status = 0
        self._pieces: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        headers = [(b"content-type", b"image/png")]
        scope = {"type": "http", "method": "POST", "path": "/v1/pose", "query_string": b"", "headers": headers}
        self._request = asyncio.create_task(app(scope, self._receive, self._send))

    def hand_out(self, piece: bytes, *, more: bool) -> None:
        """Send a piece of the body."""
        self._pieces.put_nowait({"type": "http.request", "body": piece, "more_body": more})

    async def answered(self) -> int:
        """Wait for the answer, not for ever: its status."""
        async with asyncio.timeout(2):
            await self._request
        return self.status

    async def _receive(self) -> dict[str, Any]:
        self.reading.set()
        return await self._pieces.get()

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)


async def test_slow_senders_hold_nobody_up_and_are_answered_in_the_end(photo: bytes) -> None:
    app = create_app(ServiceSettings(), make_pipeline)
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        slow = [SlowSender(app) for _ in range(50)]
        for i in range(10):
            for sender in slow:
                sender.hand_out(photo[i : i + 1], more=True)
            response = await client.post("/v1/pose", content=photo, headers=PNG)
            assert response.status_code == 200
        assert {sender.status for sender in slow} == {0}
        for sender in slow:
            sender.hand_out(photo[10:], more=False)
        assert [await sender.answered() for sender in slow] == [200] * 50


async def test_a_sender_that_takes_longer_than_its_deadline_is_504_and_gives_its_place_back(photo: bytes) -> None:
    """API.md: the deadline counts from the arrival. Else some slow senders could hold all places for ever."""
    app = create_app(ServiceSettings(max_in_flight=1, timeout_ms=100), make_pipeline)
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        slow = SlowSender(app)
        slow.hand_out(photo[:1], more=True)
        await slow.reading.wait()
        assert await slow.answered() == 504
        assert (await client.post("/v1/pose?timeout_ms=5000", content=photo, headers=PNG)).status_code == 200
