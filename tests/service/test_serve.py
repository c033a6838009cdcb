"""The whole server in one process: what happens to both transports when it is told to end."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from grpc import StatusCode, aio

from service.app import create_app
from service.errors import UnavailableError
from service.pb import pose_pb2
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.serve import Ports, PoseServer, open_port, welcome
from service.settings import ServiceSettings, SettingsError
from tests.service.fakes import make_pipeline
from tests.service.rpc_client import Blocked, failure, problem_of, request_of

PNG = {"Content-Type": "image/png"}
GRACE_S = 20


@asynccontextmanager
async def running(drain_s: int, drain_delay_s: int = 0) -> AsyncGenerator[tuple[PoseServer, FastAPI, str, aio.Channel]]:
    """A server on loopback ports, its application, its HTTP address and a channel to it; it must end by itself."""
    settings = ServiceSettings(http_port=0, grpc_port=0, drain_s=drain_s, drain_delay_s=drain_delay_s)
    app = create_app(settings, make_pipeline)
    server = PoseServer(app, settings, 0.0)
    with open_port("127.0.0.1", 0, "--http-port") as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0)
        await app.state.loading
        assert server.rpc is not None
        async with aio.insecure_channel(f"127.0.0.1:{server.rpc.port}") as channel:
            yield server, app, address, channel
            await asyncio.wait_for(serving, GRACE_S / 2)


async def in_flight(app: FastAPI, count: int) -> None:
    """Wait until so many requests are being answered."""
    while app.state.service.metrics.registry.get_sample_value("fasterpose_in_flight_requests") != count:
        await asyncio.sleep(0)


async def test_sigterm_answers_what_was_let_in_and_refuses_the_rest(photo: bytes) -> None:
    async with running(GRACE_S) as (server, app, address, channel), httpx.AsyncClient(trust_env=False) as client:
        blocked, stub = Blocked(app), PoseServiceStub(channel)
        post = asyncio.create_task(client.post(f"{address}/v1/pose", content=photo, headers=PNG))
        call, stream = asyncio.ensure_future(stub.Estimate(request_of(photo))), stub.EstimateStream()
        for _ in range(2):
            await stream.write(request_of(photo))
        await in_flight(app, 4)
        server.handle_exit(signal.SIGTERM, None)
        assert (await client.get(f"{address}/readyz")).status_code == 503
        late = await client.post(f"{address}/v1/pose", content=photo, headers=PNG)
        assert (late.status_code, late.headers["retry-after"]) == (503, "1")
        refused = await failure(stub.Estimate(request_of(photo)))
        assert (refused.code(), problem_of(refused)["status"]) == (StatusCode.UNAVAILABLE, 503)
        blocked.release()
        assert len((await post).json()["results"]) == len((await call).results) == 2
        for _ in range(2):
            frame = await stream.read()
            assert isinstance(frame, pose_pb2.EstimateResponse)
            assert len(frame.results) == 2
        assert (await failure(stream.read())).code() is StatusCode.UNAVAILABLE
    assert server.service.failure is None


async def test_http_alone_is_waited_for_too(photo: bytes) -> None:
    async with running(GRACE_S) as (server, app, address, _), httpx.AsyncClient(trust_env=False) as client:
        blocked = Blocked(app)
        post = asyncio.create_task(client.post(f"{address}/v1/pose", content=photo, headers=PNG))
        await blocked.entered.wait()
        server.handle_exit(signal.SIGTERM, None)
        assert server.rpc is not None
        while not server.rpc.stopped:
            await asyncio.sleep(0)
        assert (await client.post(f"{address}/v1/pose", content=photo, headers=PNG)).status_code == 503
        blocked.release()
        assert len((await post).json()["results"]) == 2


async def test_a_second_interrupt_does_not_wait(photo: bytes) -> None:
    async with running(GRACE_S) as (server, app, _, channel):
        blocked, stub = Blocked(app), PoseServiceStub(channel)
        call = asyncio.ensure_future(stub.Estimate(request_of(photo)))
        await blocked.entered.wait()
        server.handle_exit(signal.SIGINT, None)
        server.handle_exit(signal.SIGINT, None)
        assert (await failure(call)).code() in {StatusCode.UNAVAILABLE, StatusCode.CANCELLED}
    blocked.release()


async def test_requests_are_let_in_until_balancers_know(photo: bytes) -> None:
    async with (
        running(GRACE_S, drain_delay_s=1) as (server, _, address, channel),
        httpx.AsyncClient(trust_env=False) as client,
    ):
        server.handle_exit(signal.SIGTERM, None)
        assert (await client.get(f"{address}/readyz")).status_code == 503
        late = await client.post(f"{address}/v1/pose", content=photo, headers=PNG)
        call = await PoseServiceStub(channel).Estimate(request_of(photo))
        assert len(late.json()["results"]) == len(call.results) == 2
    with pytest.raises(UnavailableError), server.service.admitted():
        pass


async def test_an_interrupt_ends_the_delay() -> None:
    async with running(GRACE_S, drain_delay_s=100 * GRACE_S) as (server, *_):
        server.handle_exit(signal.SIGTERM, None)
        server.handle_exit(signal.SIGINT, None)


def test_a_taken_port_names_its_flag() -> None:
    with open_port("127.0.0.1", 0, "--http-port") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port}: Address already in use; choose another --grpc-port"):
            open_port("127.0.0.1", port, "--grpc-port")


def test_the_welcome_names_both_addresses() -> None:
    pipeline = make_pipeline()
    plain = welcome(pipeline, "0.0.0.0", Ports(8000, 8001), 1.0)
    assert "http://localhost:8000/docs" in plain
    assert "grpcurl -plaintext localhost:8001 fasterpose.v1.PoseService/ListModels" in plain
    safe = welcome(pipeline, "::1", Ports(8000, 8001, 8002), 1.0, with_tls=True)
    assert "https://[::1]:8000/docs" in safe
    assert "https://localhost:8002/metrics" in safe
    assert "grpcurl [::1]:8001 fasterpose.v1.PoseService/ListModels" in safe
    pipeline.close()
