"""One story on a cluster of two nodes: the same answers, a second replica under load, a node that is killed."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import resources
from typing import Any

import grpc
import httpx
import pytest
from fastapi import FastAPI
from google.protobuf.json_format import MessageToDict
from grpc import aio
from ray.cluster_utils import Cluster

from service.app import create_app
from service.bench.photographs import crowd_photograph
from service.pb.pose_pb2 import ListModelsRequest
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.ray_app import Scale
from tests.ray.cluster import GRPC, HTTP, SETTINGS, kill_node, replicas, run_application, two_nodes, wait_for_replicas
from tests.ray.load import Load, run_load
from tests.service.conftest import connect
from tests.service.rpc_client import request_of, rpc_channel

UNDER_WAY = 8
UNANSWERED = {"timings_ms", "timingsMs", "request_id", "requestId"}
"""What differs from one answer to the next."""

SAMPLES = resources.files("service") / "static" / "samples"
PHOTOS = [(SAMPLES / name).read_bytes() for name in ("astronaut.jpg", "grace_hopper.jpg")]
Say = Callable[[str], None]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with two_nodes() as cluster:
        run_application(
            Scale(min_replicas=1, max_replicas=2, target_ongoing_requests=2, upscale_delay_s=1, downscale_delay_s=3600)
        )
        yield cluster


@pytest.fixture
async def single() -> AsyncIterator[FastAPI]:
    """The single server with the same settings."""
    app = create_app(SETTINGS.model_copy(update={"grpc_port": 0}))
    async with app.router.lifespan_context(app):
        await app.state.loading
        yield app


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Print a line whether the test passes or not."""

    def say_line(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", end="", flush=True)  # noqa: T201

    return say_line


def lasting(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in UNANSWERED}


@pytest.mark.usefixtures("cluster")
async def test_http_answers_as_the_single_server(single: FastAPI) -> None:
    requests: list[dict[str, Any]] = [
        {"content": PHOTOS[0]},
        {"content": PHOTOS[1], "params": {"image_id": "grace", "format": "coco-results"}},
        {"files": [("image", ("a", photo)) for photo in (*PHOTOS, b"no image")]},
        {"content": PHOTOS[0], "params": {"boxes": "[[100, 20, 300, 480]]"}},
        {"content": crowd_photograph(5)},
        {"content": PHOTOS[0][:1000]},
        {"content": PHOTOS[0], "params": {"person_threshold": 2}},
    ]
    address = f"http://127.0.0.1:{HTTP}"
    async with connect(single) as server, httpx.AsyncClient(base_url=address, timeout=120, trust_env=False) as ray:
        for request in requests:
            expected, found = await server.post("/v1/pose", **request), await ray.post("/v1/pose", **request)
            assert (found.status_code, found.headers["content-type"]) == (
                expected.status_code,
                expected.headers["content-type"],
            )
            if isinstance(expected.json(), list):
                assert found.json() == expected.json()
            else:
                assert lasting(found.json()) == lasting(expected.json())
        named = await ray.post("/v1/pose", content=PHOTOS[0], headers={"X-Request-ID": "mine"})
        assert named.headers.get_list("x-request-id") == ["mine"]
        assert (await ray.get("/readyz")).json() == {"status": "ready"}


@pytest.mark.usefixtures("cluster")
async def test_grpc_answers_as_the_single_server(single: FastAPI) -> None:
    requests = [request_of(*PHOTOS), request_of(crowd_photograph(3), image_id="crowd")]
    bad = request_of(PHOTOS[0], person_threshold=2.0)
    async with rpc_channel(single) as server, aio.insecure_channel(f"127.0.0.1:{GRPC}") as ray:
        expected, found = PoseServiceStub(server), PoseServiceStub(ray)
        for request in requests:
            answers = [await stub.Estimate(request, timeout=120) for stub in (expected, found)]
            one, other = (lasting(MessageToDict(answer)) for answer in answers)
            assert one == other
            assert len(one["results"]) > 1
        streams = [
            [lasting(MessageToDict(i)) async for i in stub.EstimateStream(iter(requests * 3), timeout=120)]
            for stub in (expected, found)
        ]
        assert streams[0] == streams[1]
        assert len(streams[1]) == 6
        names = [
            [model.name for model in (await stub.ListModels(ListModelsRequest())).models] for stub in (expected, found)
        ]
        assert names[0] == names[1]
        errors: list[aio.AioRpcError] = []
        for stub in (expected, found):
            with pytest.raises(aio.AioRpcError) as error:
                await stub.Estimate(bad, timeout=120)
            errors.append(error.value)
        assert errors[1].code() == errors[0].code() == grpc.StatusCode.INVALID_ARGUMENT
        assert errors[1].details() == errors[0].details()


async def test_a_second_replica_is_made_under_load_and_then_a_node_is_killed(cluster: Cluster, say: Say) -> None:
    photo = crowd_photograph(1)
    growing = await run_load(photo, UNDER_WAY, lambda load: replicas() < 2 and len(load.answers) < 5000)
    say(f"a second replica came after {growing.seconds:.0f} s of {UNDER_WAY} requests under way")
    wait_for_replicas(2)
    assert growing.failures == []
    await both_answer()

    both = await run_load(photo, UNDER_WAY, lambda load: len(load.answers) < 200)
    assert both.failures == []

    killed = asyncio.Event()
    load = asyncio.create_task(run_load(photo, UNDER_WAY, lambda load: go_on(load, killed)))
    await asyncio.wait_for(killed.wait(), 300)
    kill_time = time.monotonic()
    await asyncio.to_thread(kill_node, cluster)
    met = await load
    late = [(began - kill_time, what) for began, what in met.failures if began > kill_time]
    say(
        f"killed a node with {UNDER_WAY} requests under way: {len(met.answers)} answers, {len(met.failures)} tried "
        f"again, {len(late)} of them begun after the kill: {met.failures[:1]}"
    )
    assert 0 < len(met.failures) <= UNDER_WAY
    assert {str(lasting(answer)) for answer in met.answers} == {str(lasting(both.answers[0]))}

    alone = await run_load(photo, UNDER_WAY, lambda load: len(load.answers) < 200)
    assert alone.failures == []
    say(
        f"rate: {both.rate:.1f} images/s with 2 replicas of 1 thread, {alone.rate:.1f} with 1 "
        f"({both.rate / alone.rate:.2f} times)"
    )


def go_on(load: Load, killed: asyncio.Event) -> bool:
    """Tell of the moment for the kill, and go on until long after it."""
    if len(load.answers) == 40:
        killed.set()
    return len(load.answers) < 240


async def both_answer() -> None:
    """Ask until two processes have answered."""
    processes: set[str] = set()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{HTTP}", timeout=120, trust_env=False) as client:
        for _ in range(100):
            (found,) = re.findall(r"^process_start_time_seconds (\S+)$", (await client.get("/metrics")).text, re.M)
            processes.add(found)
            if len(processes) == 2:
                return
    pytest.fail("one replica has answered everything")
