"""Start and end of the gRPC server."""

import asyncio

import pytest
from fastapi import FastAPI
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2

from service.app import create_app
from service.pb import pose_pb2
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.rpc_server import start_rpc
from service.settings import ServiceSettings, SettingsError
from tests.service.fakes import make_pipeline
from tests.service.rpc_client import Blocked, failure, health_stub, problem_of, reflection_stub, request_of, rpc_server

GRACE_S = 20


async def test_a_taken_port_is_named(app: FastAPI) -> None:
    async with rpc_server(app) as server:
        second = create_app(ServiceSettings(grpc_port=server.port), make_pipeline)
        with pytest.raises(SettingsError, match=rf"cannot listen on 127\.0\.0\.1 port {server.port}: .*--grpc-port"):
            await start_rpc(second.state.service)


async def test_the_server_listens_on_ipv6_too() -> None:
    app = create_app(ServiceSettings(host="::1", grpc_port=0), make_pipeline)
    async with app.router.lifespan_context(app), rpc_server(app) as server:
        await app.state.loading
        async with aio.insecure_channel(f"[::1]:{server.port}") as channel:
            assert len((await PoseServiceStub(channel).ListModels(pose_pb2.ListModelsRequest())).models) == 2


async def test_what_was_let_in_is_answered_before_the_end(app: FastAPI, photo: bytes, blocked: Blocked) -> None:
    server = await start_rpc(app.state.service)
    async with aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = PoseServiceStub(channel)
        call, stream = asyncio.ensure_future(stub.Estimate(request_of(photo))), stub.EstimateStream()
        for i in range(3):
            await stream.write(request_of(photo, image_id=i))
        await blocked.entered.wait()
        while app.state.service.metrics.registry.get_sample_value("fasterpose_in_flight_requests") != 4:
            await asyncio.sleep(0)
        app.state.service.drain()
        stopped = asyncio.create_task(server.stop(GRACE_S))
        refused = await failure(stub.Estimate(request_of(photo)))
        assert (refused.code(), problem_of(refused)["status"]) == (StatusCode.UNAVAILABLE, 503)
        blocked.release()
        assert len((await call).results) == 2
        answered = [await stream.read() for _ in range(3)]
        assert [answer.images[0].id.number for answer in answered if isinstance(answer, pose_pb2.EstimateResponse)] == [
            0,
            1,
            2,
        ]
        ended = await failure(stream.read())
        assert (ended.code(), "open a new stream" in problem_of(ended)["detail"]) == (StatusCode.UNAVAILABLE, True)
        await asyncio.wait_for(stopped, GRACE_S / 2)


async def test_idle_streams_and_watchers_do_not_hold_the_end_up(app: FastAPI, photo: bytes) -> None:
    server = await start_rpc(app.state.service)
    async with aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stream = PoseServiceStub(channel).EstimateStream()
        await stream.write(request_of(photo))
        await stream.read()
        watch = health_stub(channel).Watch(health_pb2.HealthCheckRequest())
        await watch.read()
        reflection = reflection_stub(channel).ServerReflectionInfo()
        await reflection.wait_for_connection()
        app.state.service.drain()
        await asyncio.wait_for(server.stop(GRACE_S), GRACE_S / 2)
        assert (await failure(stream.read())).code() is StatusCode.UNAVAILABLE


async def test_what_is_not_answered_within_the_grace_is_dropped(app: FastAPI, photo: bytes, blocked: Blocked) -> None:
    server = await start_rpc(app.state.service)
    async with aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = asyncio.ensure_future(PoseServiceStub(channel).Estimate(request_of(photo)))
        await blocked.entered.wait()
        app.state.service.drain()
        await server.stop(0.05)
        assert (await failure(call)).code() in {StatusCode.UNAVAILABLE, StatusCode.CANCELLED}
