"""What the benchmarks' tests share: a server of plain bytes, and the result of a load."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from service.bench.job import LoadJob, LoadResult

REQUEST = b"POST /v1/pose HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
TWO_PEOPLE = b'{"results":[{"keypoints":[1]},{"keypoints":[2]}]}'

Answer = Callable[[int], Awaitable[bytes]]
"""Number of the request, from 0 -> the bytes of the response; empty: the connection is closed."""


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def serving(answer: Answer) -> AsyncGenerator[int]:
    """A server that reads requests of REQUEST's length and answers them one by one; yields its port."""
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while True:
                assert await reader.readexactly(len(REQUEST)) == REQUEST
                number, count = count, count + 1
                written = await answer(number)
                if not written:
                    break
                writer.write(written)
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def http_job(port: int, concurrency: int = 2, seconds: float = 0.05) -> LoadJob:
    return LoadJob("http", "127.0.0.1", port, REQUEST, concurrency, seconds)


def result(
    rate: float, milliseconds: float = 10.0, errors: dict[str, int] | None = None, people: int = 1
) -> LoadResult:
    """A load of one second."""
    count = int(rate)
    return LoadResult(1.0, count, people * count, [milliseconds] * count, errors or {})
