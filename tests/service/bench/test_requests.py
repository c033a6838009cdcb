"""What the load generator sends is what the server takes, the same in every transport."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from grpc import StatusCode, aio

from service.bench.grpc_client import estimate_request
from service.bench.load import run_load
from service.bench.requests import TRANSPORTS, Address, Photograph, Transport, load_job
from service.pb.pose_pb2 import EstimateRequest, EstimateResponse, PoseResult
from service.pb.pose_pb2_grpc import PoseServiceServicer, add_PoseServiceServicer_to_server
from service.rpc_server import start_rpc
from tests.service.conftest import connect

BOXES = ((40.0, 60.0, 60.0, 140.0), (220.0, 80.0, 40.0, 120.0))


def photographs(photo: bytes) -> list[Photograph]:
    return [
        Photograph("found", photo),
        Photograph("given", photo, BOXES),
        Photograph("whole", photo, detect=False),
    ]


async def send(app: FastAPI, request: bytes) -> list[dict[str, Any]]:
    """The results that the application gives for the bytes of a request."""
    head, body = request.split(b"\r\n\r\n", 1)
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert int(headers["Content-Length"]) == len(body)
    async with connect(app) as client:
        response = await client.post(first.split()[1], content=body, headers=headers)
    assert response.status_code == httpx.codes.OK, response.text
    return response.json()["results"]


@pytest.mark.parametrize("index", [0, 1, 2])
async def test_http_transports_ask_the_same(app: FastAPI, photo: bytes, index: int) -> None:
    photograph = photographs(photo)[index]
    address = Address("server", 80)
    raw, multipart, as_json = [
        await send(app, load_job(address, transport, photograph, 1, 1).request)
        for transport in ("raw", "multipart", "json")
    ]
    assert raw == multipart == as_json
    assert len(raw) == (2, 2, 1)[index]


@pytest.mark.parametrize("transport", ["grpc", "grpc-stream"])
@pytest.mark.parametrize(("index", "people"), [(0, 2), (1, 2), (2, 1)])
async def test_grpc_finds_the_same_people(
    app: FastAPI, photo: bytes, transport: Transport, index: int, people: int
) -> None:
    server = await start_rpc(app.state.service)
    try:
        address = Address("127.0.0.1", 0, server.port)
        result = await run_load(load_job(address, transport, photographs(photo)[index], 10, 0.05))
    finally:
        await server.stop(1)
    assert result.errors == {}
    assert result.images >= 10
    assert result.people == people * result.images


async def test_grpc_errors_are_counted(app: FastAPI) -> None:
    broken = Photograph("broken", b"no image")
    server = await start_rpc(app.state.service)
    try:
        address = Address("127.0.0.1", 0, server.port)
        unary, stream = [
            await run_load(load_job(address, transport, broken, 2, 0.05)) for transport in ("grpc", "grpc-stream")
        ]
    finally:
        await server.stop(1)
    assert unary.errors.keys() == {"INVALID_ARGUMENT"}
    assert len(stream.errors) == 1
    assert next(iter(stream.errors)).startswith("4")
    assert unary.images == stream.images == 0


def test_boxes_are_in_the_grpc_request(photo: bytes) -> None:
    request = EstimateRequest.FromString(estimate_request(Photograph("given", photo, BOXES)))
    assert [(box.x, box.y, box.width, box.height) for box in request.images[0].boxes.boxes] == list(BOXES)
    assert not EstimateRequest.FromString(estimate_request(Photograph("found", photo))).images[0].HasField("boxes")


def test_a_server_without_grpc_is_not_asked_over_it() -> None:
    with pytest.raises(ValueError, match="has no gRPC port"):
        load_job(Address("server", 80), "grpc", Photograph("x", b""), 1, 1)
    assert len(TRANSPORTS) == 5


async def test_a_stream_that_breaks_is_an_error_and_is_opened_again() -> None:
    """A server that ends every stream after two answers: with a status, and without one."""

    class Breaking(PoseServiceServicer):
        calls = 0

        async def EstimateStream(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802 - the name in the proto
            Breaking.calls += 1
            call, answered = Breaking.calls, 0
            async for _ in request_iterator:
                yield EstimateResponse(results=[PoseResult()])
                answered += 1
                if answered == 2:
                    break
            if call % 2:
                await context.abort(StatusCode.UNAVAILABLE, "going down")

    server = aio.server()
    add_PoseServiceServicer_to_server(Breaking(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        address = Address("127.0.0.1", 0, port)
        result = await run_load(load_job(address, "grpc-stream", Photograph("x", b"x"), 1, 0.5))
    finally:
        await server.stop(0)
    assert "UNAVAILABLE" in result.errors
    assert result.errors.keys() <= {"UNAVAILABLE", "ConnectionResetError", "INTERNAL"}, "grpc: a frame was half written"
    assert result.images == result.people > 0
    assert Breaking.calls > 2
