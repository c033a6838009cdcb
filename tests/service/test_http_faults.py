"""`POST /v1/pose` when something goes wrong: deadlines, hang-ups, floods, poisoned images, dead models."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI

from model.contract.arrays import FloatArray, ImageArray
from service.app import create_app
from service.batching.limit import BatchLimit
from service.bundles import LoadedModel
from service.estimator import Estimator
from service.settings import ServiceSettings
from tests.service.conftest import connect, encode
from tests.service.fakes import FakePoseRuntime, GatedPoseRuntime, make_pipeline, pose_spec
from tests.service.http_client import PNG, check_problem, serving


async def test_a_passed_deadline_is_504_and_is_never_computed(photo: bytes) -> None:
    runtime = GatedPoseRuntime()
    async with serving(lambda: make_pipeline(pose_runtime=runtime)) as client:
        running = asyncio.create_task(client.post("/v1/pose", content=photo, headers=PNG))
        await runtime.gate.reached()
        check_problem(await client.post("/v1/pose?timeout_ms=50", content=photo, headers=PNG), 504, "50 ms")
        runtime.gate.go.set()
        assert (await running).status_code == 200
        metrics = (await client.get("/metrics")).text
    assert sum(runtime.batches) == 2  # the two people of the running request
    assert 'fasterpose_dropped_items_total{model="fake-pose"} 2.0' in metrics
    assert 'fasterpose_rejected_total{reason="deadline-exceeded"} 1.0' in metrics


async def test_a_client_that_hangs_up_is_not_computed_for(photo: bytes) -> None:
    runtime = GatedPoseRuntime()
    app = create_app(ServiceSettings(), lambda: make_pipeline(pose_runtime=runtime))
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        running = asyncio.create_task(client.post("/v1/pose", content=photo, headers=PNG))
        await runtime.gate.reached()
        gone = [await start_and_hang_up(app, photo) for _ in range(20)]
        await asyncio.gather(*gone)
        runtime.gate.go.set()
        assert (await running).status_code == 200
        assert (await client.post("/v1/pose", content=photo, headers=PNG)).status_code == 200
        metrics = (await client.get("/metrics")).text
    assert sum(runtime.batches) == 4
    assert 'fasterpose_requests_total{method="/v1/pose",status="499",transport="http"} 20.0' in metrics
    assert "fasterpose_in_flight_requests 1.0" in metrics  # this one


async def start_and_hang_up(app: FastAPI, photo: bytes) -> "asyncio.Task[None]":
    """Send a request whose people wait in line, then close the connection; the task ends with the request."""
    depth = app.state.service.pipeline.estimator.batcher.depth
    hung_up = asyncio.Event()
    messages = [{"type": "http.request", "body": photo}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        assert message.get("status", 499) == 499

    headers = [(b"content-type", b"image/png")]
    scope = {"type": "http", "method": "POST", "path": "/v1/pose", "query_string": b"", "headers": headers}
    request = asyncio.create_task(app(scope, receive, send))
    while app.state.service.pipeline.estimator.batcher.depth == depth:
        await asyncio.sleep(0)
    hung_up.set()
    return request


async def test_bodies_in_flight_are_bounded_in_bytes(photo: bytes) -> None:
    runtime = GatedPoseRuntime()
    settings = ServiceSettings(max_in_flight_bytes=len(photo) + 10)
    async with serving(lambda: make_pipeline(pose_runtime=runtime), settings) as client:
        running = asyncio.create_task(client.post("/v1/pose", content=photo, headers=PNG))
        await runtime.gate.reached()
        refused = await client.post("/v1/pose", content=photo, headers=PNG)
        check_problem(refused, 429, "bytes of requests are in flight")
        assert int(refused.headers["retry-after"]) >= 1
        runtime.gate.go.set()
        assert (await running).status_code == 200
        assert (await client.post("/v1/pose", content=photo, headers=PNG)).status_code == 200  # its bytes were released


@pytest.mark.parametrize("round_", range(10))
async def test_a_poisoned_image_fails_alone_in_its_batch(photo: bytes, round_: int) -> None:
    async with serving(lambda: make_pipeline(pose_runtime=AllergicRuntime())) as client:
        poisoned = encode(np.full((60, 40, 3), (255, 0, 255), np.uint8))
        bodies = [photo, photo, photo]
        bodies.insert(round_ % 4, poisoned)
        query = {"detect": False}
        answers = await asyncio.gather(
            *(client.post("/v1/pose", params=query, content=body, headers=PNG) for body in bodies)
        )
    statuses = [answer.status_code for answer in answers]
    assert statuses.pop(round_ % 4) == 500
    assert statuses == [200] * 3


class AllergicRuntime(FakePoseRuntime):
    """Cannot compute a batch with a magenta crop in it."""

    def __init__(self) -> None:
        super().__init__((48, 64))

    def infer(self, batch: ImageArray) -> FloatArray:
        if (batch[:, 32, 24] == (255, 0, 255)).all(axis=1).any():
            raise ValueError("magenta")
        return super().infer(batch)


async def test_a_dead_model_is_503_until_it_is_restarted(photo: bytes) -> None:
    runtime = MortalRuntime()
    pipeline = make_pipeline()
    model = LoadedModel(pose_spec(), (runtime,), "cd" * 32, lambda _: runtime.reborn())
    pipeline.estimator.batcher.close()
    pipeline.estimator = Estimator(model, BatchLimit(4, {}))
    async with serving(lambda: pipeline) as client:
        check_problem(await client.post("/v1/pose", content=photo, headers=PNG), 503, "stopped")
        check_problem(await client.get("/readyz"), 503, "restarting")
        check_problem(await client.post("/v1/pose", content=photo, headers=PNG), 503, "restarted")
        runtime.birth.set()
        while (await client.get("/readyz")).status_code == 503:
            await asyncio.sleep(0)
        assert (await client.post("/v1/pose", content=photo, headers=PNG)).status_code == 200
        assert 'fasterpose_model_restarts_total{model="fake-pose"} 1.0' in (await client.get("/metrics")).text


class MortalRuntime(FakePoseRuntime):
    """Ends its thread at the first batch, and has to wait for its birth after that."""

    def __init__(self) -> None:
        super().__init__((48, 64))
        self.birth = threading.Event()

    def infer(self, batch: ImageArray) -> FloatArray:
        raise SystemExit(f"with {len(batch)} items in hand")

    def reborn(self) -> FakePoseRuntime:
        assert self.birth.wait(20)
        return FakePoseRuntime((48, 64))
