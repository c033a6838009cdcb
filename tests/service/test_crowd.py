"""A request with many people in flight: the others do not wait for all of them. Counted in batches, not in seconds."""

import asyncio
import json
import threading

import httpx

from model.contract.arrays import FloatArray, ImageArray
from service.app import create_app
from service.settings import ServiceSettings
from tests.service.conftest import connect
from tests.service.fakes import FakePoseRuntime, make_pipeline

PEOPLE = 100
BATCH = 4


class SteppedPoseRuntime(FakePoseRuntime):
    """Computes a batch for each step that it is allowed."""

    def __init__(self) -> None:
        super().__init__((48, 64))
        self._reached, self._allowed = threading.Semaphore(0), threading.Semaphore(0)

    def infer(self, batch: ImageArray) -> FloatArray:
        self._reached.release()
        assert self._allowed.acquire(timeout=20)
        return super().infer(batch)

    async def reached(self) -> None:
        """Wait until the next batch stands before its step."""
        assert await asyncio.to_thread(self._reached.acquire, timeout=20)

    def allow(self, steps: int = 1) -> None:
        self._allowed.release(steps)


async def ask(client: httpx.AsyncClient, photo: bytes, people: int) -> httpx.Response:
    boxes = json.dumps([[10 + i, 10, 60, 140] for i in range(people)])
    return await client.post("/v1/pose", params={"boxes": boxes}, content=photo, headers={"Content-Type": "image/png"})


async def test_small_requests_behind_a_crowd_are_answered_long_before_it(photo: bytes) -> None:
    runtime = SteppedPoseRuntime()
    app = create_app(ServiceSettings(), lambda: make_pipeline(pose_runtime=runtime))
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        batcher = app.state.service.pipeline.estimator.batcher
        crowd = asyncio.create_task(ask(client, photo, PEOPLE))
        await runtime.reached()
        small = [asyncio.create_task(ask(client, photo, 1)) for _ in range(3)]
        while batcher.depth < PEOPLE - BATCH + 3:
            await asyncio.sleep(0)
        for _ in range(2):  # the crowd's batch under way, and the one whose turn came before the others'
            runtime.allow()
            await runtime.reached()
        runtime.allow()
        answers = await asyncio.gather(*small)
        assert runtime.batches == [BATCH] * 3
        assert not crowd.done()
        runtime.allow(PEOPLE)
        answers.append(await crowd)
    assert [len(answer.json()["results"]) for answer in answers] == [1, 1, 1, PEOPLE]
    assert sum(runtime.batches) == PEOPLE + 3


async def test_two_crowds_take_turns(photo: bytes) -> None:
    runtime = SteppedPoseRuntime()
    app = create_app(ServiceSettings(), lambda: make_pipeline(pose_runtime=runtime))
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        batcher = app.state.service.pipeline.estimator.batcher
        first = asyncio.create_task(ask(client, photo, PEOPLE))
        await runtime.reached()
        second = asyncio.create_task(ask(client, photo, PEOPLE // 2))
        while batcher.depth < PEOPLE - BATCH + PEOPLE // 2:
            await asyncio.sleep(0)
        turns = 2 * -(-PEOPLE // 2 // BATCH) + 1  # of both, until the smaller one is through
        runtime.allow(turns)
        assert len((await second).json()["results"]) == PEOPLE // 2
        assert not first.done()
        runtime.allow(PEOPLE)
        assert len((await first).json()["results"]) == PEOPLE
