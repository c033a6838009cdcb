"""What a connection is refused for before the application sees a request, over loopback sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from fastapi import FastAPI

from service.app import create_app
from service.http_limits import LimitedProtocol
from service.serve import PoseServer, open_port
from service.settings import ServiceSettings
from tests.load.raw import Address, Answer, Connection, ask, get_request, pose_request
from tests.service.fakes import make_pipeline

HEALTH = get_request("/healthz")
MOST = 4096
MOST_BODY = 100_000
Running = tuple[FastAPI, PoseServer, Address]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    settings = ServiceSettings(http_port=0, grpc_port=0, max_header_bytes=MOST, max_body_bytes=MOST_BODY, drain_s=1)
    app = create_app(settings, make_pipeline)
    server = PoseServer(app, settings, 0.0)
    with open_port("127.0.0.1", 0, "--http-port") as listener:
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0)
        await app.state.loading
        yield app, server, ("127.0.0.1", listener.getsockname()[1])
        server.should_exit = True
        await serving


def protocols(server: PoseServer) -> list[LimitedProtocol]:
    return [each for each in server.server_state.connections if isinstance(each, LimitedProtocol)]


async def the_protocol(server: PoseServer, received: int) -> LimitedProtocol:
    """The protocol of the only connection, once it received so many bytes."""
    while not (found := protocols(server)) or found[0]._received < received:  # pyright: ignore[reportPrivateUsage]
        await asyncio.sleep(0)
    return found[0]


def time_is_over(protocol: LimitedProtocol) -> None:
    """What the timer would do after `read_timeout_s`."""
    protocol._unwatch()  # pyright: ignore[reportPrivateUsage]
    protocol._look()  # pyright: ignore[reportPrivateUsage]


def check_refusal(answer: Answer, status: int, slug: str) -> None:
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"]) == (status, status)
    assert problem["type"] == f"urn:fasterpose:problem:{slug}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == problem["request_id"]
    assert answer.headers["connection"] == "close"


FLOODS = {
    "many headers": HEALTH[:-2] + b"".join(b"X-%d: y\r\n" % i for i in range(1000)) + b"\r\n",
    "a long header": HEALTH[:-2] + b"X: " + b"y" * MOST + b"\r\n\r\n",
    "a header without end": HEALTH[:-2] + b"X: " + b"y" * MOST,
    "a name without end": HEALTH[:-2] + b"y" * MOST,
    "a long query": b"GET /healthz?" + b"y" * MOST + b" HTTP/1.1\r\n\r\n",
    "a path without end": b"GET /" + b"y" * MOST,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_head_beyond_the_limit_is_431(running: Running, flood: bytes) -> None:
    app, _, address = running
    check_refusal(await ask(address, flood), 431, "head-too-large")
    assert (await ask(address, HEALTH)).status == 200
    rejected = app.state.service.metrics.registry.get_sample_value
    assert rejected("fasterpose_rejected_total", {"reason": "head-too-large"}) == 1


async def test_a_large_body_beside_a_small_head_is_no_flood(running: Running) -> None:
    _, _, address = running
    connection = await Connection.open(address)
    body = b"x" * 50_000
    for _ in range(2):
        assert (await connection.ask(pose_request(body))).status == 415
    connection.hang_up()


@pytest.mark.parametrize("start", [b"GET /healthz HT", b"POST /v1/pose HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_head_that_does_not_come_in_time_is_408(running: Running, start: bytes) -> None:
    _, server, address = running
    connection = await Connection.open(address)
    answer = asyncio.create_task(connection.ask(start))
    time_is_over(await the_protocol(server, len(start)))
    check_refusal(await answer, 408, "too-slow")
    assert (await ask(address, HEALTH)).status == 200


async def test_a_connection_that_says_nothing_is_closed(running: Running) -> None:
    _, server, address = running
    reader, writer = await asyncio.open_connection(*address)
    time_is_over(await the_protocol(server, 0))
    assert await reader.read() == b""
    writer.close()


async def test_a_body_that_stands_still_is_408_and_gives_its_place_back(running: Running) -> None:
    app, server, address = running
    request = pose_request(b"x" * 5000)[:-4000]
    connection = await Connection.open(address)
    answer = asyncio.create_task(connection.ask(request))
    protocol = await the_protocol(server, len(request))
    while not app.state.service._in_flight:
        await asyncio.sleep(0)
    time_is_over(protocol)
    check_refusal(await answer, 408, "too-slow")
    await app.state.service.drained()


async def test_a_body_that_comes_at_a_fair_rate_is_waited_for(running: Running) -> None:
    _, server, address = running
    request = pose_request(b"x" * 60_000)
    connection = await Connection.open(address)
    for end in (20_000, 40_000):  # each time more than 1 KiB/s in 10 s
        connection.write(request[end - 20_000 : end])
        time_is_over(await the_protocol(server, end))
    assert (await connection.ask(request[40_000:])).status == 415
    connection.hang_up()


CHUNKED = b"POST /v1/pose HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_chunks_without_end_are_413_and_the_rest_is_not_waited_for(running: Running) -> None:
    _, server, address = running
    reader, writer = await asyncio.open_connection(*address)
    writer.write(CHUNKED + b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
    writer.write((b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 8)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    (protocol,) = protocols(server)
    while not protocol.cycle.response_complete:
        await asyncio.sleep(0)
    time_is_over(protocol)
    await reader.read()  # until the end of the connection
    writer.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS to a port that speaks none
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/pose HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",  # smuggling
        b"POST /v1/pose HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/pose HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_400(running: Running, garbage: bytes) -> None:
    _, _, address = running
    check_refusal(await ask(address, garbage), 400, "invalid-body")
    assert (await ask(address, HEALTH)).status == 200


async def test_a_body_larger_than_declared_is_not_taken_for_a_request(running: Running) -> None:
    _, _, address = running
    connection = await Connection.open(address)
    request = pose_request(b"x" * 10)
    assert (await connection.ask(request + b"GARBAGE" * 10)).status in {400, 415}
    assert await connection.rest() in {b"", b"HTTP/1.1 400"}
    connection.hang_up()


async def test_a_refusal_arrives_although_the_client_sends_on(running: Running) -> None:
    """Closed at once, the socket would answer the rest with a reset, which throws the refusal away."""
    _, server, address = running
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"POST /v1/pose HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n")
    while not (found := protocols(server)) or not found[0].transport.is_closing():
        await asyncio.sleep(0)
    writer.write(bytes(1_000_000 - 1))  # more than the server takes
    await writer.drain()
    writer.write(b"x")
    assert (await reader.read()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    while protocols(server):
        await asyncio.sleep(0)


async def test_what_comes_after_a_refusal_is_bounded(running: Running) -> None:
    _, server, address = running
    connection = await Connection.open(address)
    assert (await connection.ask(b"GARBAGE\r\n\r\n")).status == 400
    (protocol,) = protocols(server)
    protocol.data_received(bytes(MOST_BODY))
    assert not protocol.transport.inner.is_closing()
    protocol.data_received(b"x")
    assert protocol.transport.inner.is_closing()


@pytest.mark.parametrize("closing", [LimitedProtocol.timeout_keep_alive_handler, LimitedProtocol.shutdown])
async def test_a_request_that_came_and_was_not_read_yet_is_answered(
    running: Running, closing: Callable[[LimitedProtocol], None]
) -> None:
    _, server, address = running
    connection = await Connection.open(address)
    assert (await connection.ask(HEALTH)).status == 200
    (protocol,) = protocols(server)
    connection.write(HEALTH)  # sent at once, and the loop does not run in between
    closing(protocol)
    assert (await connection.answer(0.0)).status == 200
    closing(protocol)
    assert await connection.rest() == b""


async def test_the_end_of_a_head_is_waited_for_when_the_server_ends(running: Running) -> None:
    _, server, address = running
    connection = await Connection.open(address)
    connection.write(HEALTH[:20])
    protocol = await the_protocol(server, 20)
    protocol.shutdown()
    answer = await connection.ask(HEALTH[20:])
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await connection.rest() == b""
