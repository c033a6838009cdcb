"""The end of a server: what was let in is answered, over both transports; what comes after is told so."""

import asyncio
import signal

import httpx
import pytest
from grpc import StatusCode, aio

from service.app import create_app
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.serve import PoseServer, open_port
from service.settings import ServiceSettings
from tests.service.fakes import GatedPoseRuntime, make_pipeline
from tests.service.rpc_client import failure, request_of

PNG = {"Content-Type": "image/png"}


@pytest.mark.parametrize("second_interrupt", [False, True])
async def test_the_drain_answers_what_was_let_in_and_refuses_the_rest(photo: bytes, second_interrupt: bool) -> None:
    runtime = GatedPoseRuntime()
    settings = ServiceSettings(http_port=0, grpc_port=0, drain_s=20)
    app = create_app(settings, lambda: make_pipeline(pose_runtime=runtime))
    server = PoseServer(app, settings, start=0.0)
    with open_port("127.0.0.1", 0, "--http-port") as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0)
        await app.state.loading
        assert server.rpc is not None
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client,
            aio.insecure_channel(f"127.0.0.1:{server.rpc.port}") as channel,
        ):
            stub = PoseServiceStub(channel)
            over_http = asyncio.create_task(client.post("/v1/pose", content=photo, headers=PNG))
            await runtime.gate.reached()
            over_grpc = asyncio.ensure_future(stub.Estimate(request_of(photo)))
            while server.service.pipeline.estimator.batcher.depth < 2:  # one in compute, the other in line
                await asyncio.sleep(0)
            server.handle_exit(signal.SIGTERM, None)
            late = await client.post("/v1/pose", content=photo, headers=PNG)
            assert (late.status_code, late.headers["retry-after"]) == (503, "1")
            assert (await client.get("/readyz")).status_code == 503
            assert (await failure(stub.Estimate(request_of(photo)))).code() is StatusCode.UNAVAILABLE
            assert not serving.done()
            if second_interrupt:
                server.handle_exit(signal.SIGINT, None)
            runtime.gate.go.set()
            if not second_interrupt:
                assert (await over_http).status_code == 200
                assert len((await over_grpc).results) == 2
            await serving
            await asyncio.gather(over_http, over_grpc, return_exceptions=True)
