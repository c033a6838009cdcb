"""HTTP/1.1 over bare sockets: a client that can hang up, dawdle and say nothing, which well-behaved ones cannot."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Address = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: of the response.
        headers: with names in lower case.
        body: whole.
        seconds: from the request's first byte to the answer's last.
        done: when that was, `time.perf_counter()` seconds.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    done: float

    @property
    def people(self) -> list[Any]:
        """The people of a pose response."""
        return json.loads(self.body)["results"]


class Connection:
    """One connection to a server, kept alive."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, address: Address) -> "Connection":
        """Connect.

        Raises:
            OSError: nobody listens.
        """
        return cls(*await asyncio.open_connection(*address))

    @property
    def ended(self) -> bool:
        """Whether the server closed it: what is sent now has no answer."""
        return self._reader.at_eof()

    def write(self, data: bytes) -> None:
        """Send bytes as they are, without waiting for the other side to take them."""
        self._writer.write(data)

    async def flush(self) -> None:
        """Wait until the other side takes more."""
        await self._writer.drain()

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            OSError: the connection was lost before the answer was complete.
        """
        begun = time.perf_counter()
        self.write(request)
        return await self.answer(begun)

    async def answer(self, begun: float) -> Answer:
        """Wait for the answer of a request that was sent from `begun`, a `time.perf_counter()`, on."""
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await self._reader.readexactly(int(headers["content-length"]))
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the server closed the connection before the answer was complete") from error
        done = time.perf_counter()
        return Answer(int(head[0].split()[1]), headers, body, done - begun, done)

    async def rest(self) -> bytes:
        """Read until the server closes the connection; the start of what it still says."""
        return (await self._reader.read())[:12]

    def hang_up(self, *, rudely: bool = False) -> None:
        """Close the connection; rudely: with a reset instead of a goodbye."""
        if rudely:
            self._writer.transport.abort()
        else:
            self._writer.close()


async def ask(address: Address, request: bytes) -> Answer:
    """One request on a connection of its own.

    Raises:
        OSError: nobody listens, or the connection was lost before the answer was complete.
    """
    connection = await Connection.open(address)
    try:
        return await connection.ask(request)
    finally:
        connection.hang_up()


def pose_request(image: bytes, **options: object) -> bytes:
    """`POST /v1/pose` with raw bytes, options in the query."""
    query = "&".join(f"{name}={quote(json.dumps(value))}" for name, value in options.items())
    head = f"POST /v1/pose?{query} HTTP/1.1\r\nHost: test\r\nContent-Type: image/jpeg\r\nContent-Length: {len(image)}"
    return f"{head}\r\n\r\n".encode() + image


def get_request(path: str) -> bytes:
    """`GET` of a path."""
    return f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode()
