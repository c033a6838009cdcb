"""Keys over gRPC: the same rules, in metadata."""

import pytest
from fastapi import FastAPI
from grpc import StatusCode

from service.access.key_file import write_keys
from service.access.keyring import LOOK_EVERY_S
from service.access.keys import Limits
from service.app import create_app
from service.pb import pose_pb2
from service.pb.pose_pb2_grpc import PoseServiceStub
from tests.service.access.test_allowance import Clock
from tests.service.access.test_http_access import asking
from tests.service.conftest import limited
from tests.service.key_files import Keys
from tests.service.rpc_client import failure, health_stub, metadata_of, problem_of, request_of, rpc_channel

Metadata = tuple[tuple[str, str], ...]


async def loaded_app(keys: Keys) -> FastAPI:
    app = create_app(asking(keys), limited)
    await app.state.service.load()
    return app


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
async def test_a_key_lets_in(keys: Keys, photo: bytes, name: str) -> None:
    key = keys.new("lab")
    metadata: Metadata = ((name, key if name == "x-api-key" else f"Bearer {key}"),)
    app = await loaded_app(keys)
    async with rpc_channel(app) as channel:
        stub = PoseServiceStub(channel)
        assert len((await stub.Estimate(request_of(photo), metadata=metadata)).results) == 2
        assert len((await stub.ListModels(pose_pb2.ListModelsRequest(), metadata=metadata)).models) == 2
    app.state.service.close()


async def test_nobody_else_gets_in_and_health_stays_open(keys: Keys, photo: bytes) -> None:
    keys.new("lab")
    scraper = keys.new("scraper", "metrics")
    app = await loaded_app(keys)
    async with rpc_channel(app) as channel:
        stub = PoseServiceStub(channel)
        for call in (
            stub.Estimate(request_of(photo)),
            stub.ListModels(pose_pb2.ListModelsRequest(), metadata=(("x-api-key", "fp_wrong"),)),
            stub.EstimateStream(iter([request_of(photo)])).read(),
        ):
            error = await failure(call)
            assert (error.code(), problem_of(error)["status"]) == (StatusCode.UNAUTHENTICATED, 401)
        refused = await failure(stub.Estimate(request_of(photo), metadata=(("x-api-key", scraper),)))
        assert (refused.code(), problem_of(refused)["status"]) == (StatusCode.PERMISSION_DENIED, 403)
        from grpc_health.v1 import health_pb2  # noqa: PLC0415 - only here

        assert (await health_stub(channel).Check(health_pb2.HealthCheckRequest())).status == 1
    app.state.service.close()


async def test_frames_count_against_the_rate(keys: Keys, photo: bytes) -> None:
    key = keys.new("slow", limits=Limits(requests_per_second=0.01, burst=2))
    app = await loaded_app(keys)
    async with rpc_channel(app) as channel:
        stub = PoseServiceStub(channel)
        frames = [request_of(photo) for _ in range(3)]
        answers = [answer async for answer in stub.EstimateStream(iter(frames), metadata=(("x-api-key", key),))]
        assert sorted(image.error.status for answer in answers for image in answer.images) == [0, 0, 429]
        error = await failure(stub.Estimate(request_of(photo), metadata=(("x-api-key", key),)))
        assert error.code() is StatusCode.RESOURCE_EXHAUSTED
        assert int(metadata_of(error)["retry-after"]) > 90
    app.state.service.close()


async def test_a_revoked_key_ends_its_open_stream(keys: Keys, photo: bytes) -> None:
    key, clock = keys.new("lab"), Clock()
    app = await loaded_app(keys)
    app.state.service.keyring._clock, app.state.service.keyring._looked = clock, clock()
    async with rpc_channel(app) as channel:
        stream = PoseServiceStub(channel).EstimateStream(metadata=(("x-api-key", key),))
        await stream.write(request_of(photo))
        assert isinstance(await stream.read(), pose_pb2.EstimateResponse)
        write_keys(keys.path, [])
        clock.now += LOOK_EVERY_S
        await stream.write(request_of(photo))
        error = await failure(stream.read())
        assert (error.code(), error.details()) == (StatusCode.UNAUTHENTICATED, "This API key was revoked.")
    app.state.service.close()
