"""An HTTP/1.1 client that does next to nothing: it sends ready-made bytes and looks at the status and the body.

The load generator shares its cores with the server, so what the client costs is missing there.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import httptools

from service.bench.job import LoadJob

PERSON_MARK = b'"keypoints"'
"""Stands once for each person in an answer of ours and of the peers."""


class RefusedError(Exception):
    """An answer that is not good; the message is its status."""


@asynccontextmanager
async def open_http_askers(job: LoadJob) -> AsyncGenerator[list["HttpAsker"]]:
    """One connection for each request under way."""
    askers = [HttpAsker(job.host, job.port, job.request) for _ in range(job.concurrency)]
    yield askers
    for asker in askers:
        asker.close()


class HttpAsker:
    """Asks the same over one connection, which is opened again after it was lost."""

    def __init__(self, host: str, port: int, request: bytes) -> None:
        """An asker that is not connected yet; `request` is head and body."""
        self._address = (host, port)
        self._request = request
        self._connection: _Connection | None = None

    async def ask(self) -> int:
        """Send the request and read the answer.

        Returns:
            How many people are in it.

        Raises:
            RefusedError: a status other than 200.
            OSError: no connection, or a lost one.
        """
        if self._connection is None or self._connection.lost:
            _, self._connection = await asyncio.get_running_loop().create_connection(_Connection, *self._address)
        status, body = await self._connection.ask(self._request)
        if status != 200:
            raise RefusedError(str(status))
        return body.count(PERSON_MARK)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


class _Connection(asyncio.Protocol):
    """One request at a time; httptools calls the `on_...` methods while it parses the answer."""

    def __init__(self) -> None:
        self.lost = False

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send head and body, and wait for status and body."""
        self._answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class does not derive from it

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if hasattr(self, "_answer") and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.lost = True
            self._transport.close()
        if not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), b"".join(self._body)))
