"""The clients over gRPC against the application's server."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import httpx
import pytest
from fastapi import FastAPI
from grpc import StatusCode, aio

from service.client import AsyncGrpcPoseClient, GrpcPoseClient, Patience, PoseError, ServerUnreachableError
from service.client.rpc import error_of
from service.rpc_server import start_rpc
from tests.service.rpc_client import rpc_server

STREAMS = 4


@pytest.fixture
async def target(app: FastAPI) -> AsyncIterator[str]:
    async with rpc_server(app) as server:
        yield f"127.0.0.1:{server.port}"


async def test_an_answer_has_the_fields_of_rest(target: str, client: httpx.AsyncClient, photo: bytes) -> None:
    rest = (await client.post("/v1/pose", content=photo, headers={"Content-Type": "image/png"})).json()
    async with AsyncGrpcPoseClient(target) as waiting:
        content = dict((await waiting.estimate(photo)).content)
    with GrpcPoseClient(target) as blocking:
        same = dict((await asyncio.to_thread(blocking.estimate, photo)).content)
        models = await asyncio.to_thread(blocking.models)
    for answer in (rest, content, same):
        assert set(answer.pop("timings_ms")) == {"decode", "detect", "queue", "estimate", "total"}
    assert content == same == rest
    assert {model["name"] for model in models} == {"fake-pose", "fake-detector"}


async def test_choices_reach_the_server(target: str, photo: bytes) -> None:
    async with AsyncGrpcPoseClient(target) as client:
        answer = await client.estimate(photo, boxes=[(40, 60, 60, 140)], image_id="x", max_persons=1)
        assert [(person.image_id, person.box_score) for person in answer.people] == [("x", 1)]
        with pytest.raises(PoseError, match=r"422 invalid-option: .*person_threshold") as raised:
            await client.estimate(photo, person_threshold=2)
    assert raised.value.request_id


async def test_frames_are_answered_in_order_and_a_bad_one_alone_fails(target: str, photo: bytes) -> None:
    frames = [photo, b"no image", photo]
    async with AsyncGrpcPoseClient(target) as client:
        answers = [answer async for answer in client.stream(frames, person_threshold=0.5)]
    assert [len(answer.people) for answer in answers] == [2, 0, 2]
    assert [answer.images[0].error is None for answer in answers] == [True, False, True]


async def test_a_tracked_stream_has_ids(target: str, photo: bytes) -> None:
    async with AsyncGrpcPoseClient(target) as client:
        answers = [answer async for answer in client.stream([photo] * 3, track=True, detect_every=5, frame_rate=30)]
    assert [sorted(person.track_id or 0 for person in answer.people) for answer in answers] == [[1, 2]] * 3


async def test_a_blocking_stream_of_frames(target: str, photo: bytes) -> None:
    with GrpcPoseClient(target) as client:
        answers = await asyncio.to_thread(lambda: list(client.stream(iter([photo] * 3), max_persons=1)))
    assert [len(answer.people) for answer in answers] == [1, 1, 1]


async def test_frames_may_come_from_an_async_source(target: str, photo: bytes) -> None:
    async def camera() -> AsyncIterator[bytes]:
        for _ in range(2):
            yield photo

    async with AsyncGrpcPoseClient(target) as client:
        assert len([answer async for answer in client.stream(camera())]) == 2


async def test_a_server_that_ends_says_so_while_frames_are_sent(app: FastAPI, photo: bytes) -> None:
    """The blocking client always hears it. grpc.aio forgets the status if a frame was under way; it tells no fault."""
    server, loop, begun = await start_rpc(app.state.service), asyncio.get_running_loop(), asyncio.Semaphore(0)
    target = f"127.0.0.1:{server.port}"

    def blocking() -> None:
        with GrpcPoseClient(target) as client:
            answers = client.stream(repeat(photo))
            next(answers, None)
            loop.call_soon_threadsafe(begun.release)
            deque(answers, 0)

    async def waiting() -> None:
        async with AsyncGrpcPoseClient(target) as client:
            answers = client.stream(repeat(photo))
            await anext(answers, None)
            begun.release()
            async for _ in answers:
                pass

    threads = ThreadPoolExecutor(STREAMS)
    streams = [loop.run_in_executor(threads, blocking) for _ in range(STREAMS)]
    streams += [asyncio.create_task(waiting()) for _ in range(STREAMS)]
    all_begun = asyncio.gather(*(begun.acquire() for _ in streams))
    await asyncio.wait({all_begun, *streams}, return_when=asyncio.FIRST_COMPLETED)  # one that ends now fails the test
    app.state.service.drain()
    await server.stop(20)
    ends = await asyncio.gather(*streams, return_exceptions=True)
    threads.shutdown()
    assert all_begun.done()
    kinds = [end.kind for end in ends if isinstance(end, PoseError)]
    assert kinds[:STREAMS] == ["unavailable"] * STREAMS
    assert len(kinds) == 2 * STREAMS
    assert set(kinds) <= {"unavailable", "unreachable"}


@pytest.mark.parametrize("code", [StatusCode.CANCELLED, StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED])
def test_a_call_that_nobody_answered_may_be_sent_again(code: StatusCode) -> None:
    error = error_of(aio.AioRpcError(code, aio.Metadata(), aio.Metadata(), "at the very end"))
    assert isinstance(error, ServerUnreachableError)
    assert error.may_be_retried


async def test_nobody_there_is_unreachable() -> None:
    patience = Patience(timeout_s=20, retries=0)
    async with AsyncGrpcPoseClient("127.0.0.1:1", patience=patience) as client:
        with pytest.raises(ServerUnreachableError, match="no answer: "):
            await client.estimate(b"photo")
