"""A WebSocket of the application without a socket: messages go in by one queue, answers come by another."""

import asyncio
import json
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

WAIT_S = 20


class WebSocketClient:
    """One connection, opened by `websocket`."""

    def __init__(self, app: FastAPI, query: str, subprotocols: tuple[str, ...]) -> None:
        self._sent: asyncio.Queue[Any] = asyncio.Queue()
        self._received: asyncio.Queue[Any] = asyncio.Queue()
        scope = {
            "type": "websocket",
            "path": "/v1/stream",
            "raw_path": b"/v1/stream",
            "root_path": "",
            "scheme": "ws",
            "query_string": query.encode(),
            "headers": [(b"host", b"server"), (b"x-request-id", b"abc")],
            "subprotocols": list(subprotocols),
            "server": ("server", 80),
            "client": ("client", 1),
            "extensions": {},
        }
        self._sent.put_nowait({"type": "websocket.connect"})
        self.handler = asyncio.ensure_future(app(scope, self._sent.get, self._deliver))

    async def _deliver(self, item: MutableMapping[str, Any]) -> None:
        await self._received.put(dict(item))

    def send(self, message: bytes | dict[str, Any] | str) -> None:
        if isinstance(message, bytes):
            self._sent.put_nowait({"type": "websocket.receive", "bytes": message})
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            self._sent.put_nowait({"type": "websocket.receive", "text": text})

    async def event(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._received.get(), WAIT_S)

    async def answer(self) -> Any:
        event = await self.event()
        assert event["type"] == "websocket.send", event
        return json.loads(event["text"])

    def hang_up(self, code: int = 1000) -> None:
        self._sent.put_nowait({"type": "websocket.disconnect", "code": code})

    async def ended(self) -> None:
        await asyncio.wait_for(self.handler, WAIT_S)

    @property
    def unread(self) -> int:
        """Messages that the application has not read yet."""
        return self._sent.qsize()


@asynccontextmanager
async def websocket(
    app: FastAPI, query: str = "", subprotocols: tuple[str, ...] = ()
) -> AsyncGenerator[WebSocketClient]:
    """An accepted connection; it is hung up at the end."""
    client = WebSocketClient(app, query, subprotocols)
    accepted = await client.event()
    assert accepted["type"] == "websocket.accept"
    assert accepted.get("subprotocol") == (subprotocols[0] if subprotocols else None)
    yield client
    client.hang_up()
    await client.ended()
