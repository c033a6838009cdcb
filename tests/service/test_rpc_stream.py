"""Frames of a stream: in order, a few in work at once, read only when there is room."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from grpc import StatusCode, aio

from service.app import create_app
from service.errors import UnavailableError
from service.jobs import ImageJob
from service.pb import pose_pb2
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.rpc_stream import FrameWindow
from service.settings import ServiceSettings
from tests.service.conftest import encode
from tests.service.fakes import make_pipeline
from tests.service.rpc_client import Blocked, failure, ids_of, problem_of, request_of, rpc_channel

STREAM = "/fasterpose.v1.PoseService/EstimateStream"


class Frames:
    """A source of numbers that counts how many were read."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[int]:
        for number in range(self._count):
            self.read += 1
            yield number


class Gate:
    """Answers a number once it is let through."""

    def __init__(self, count: int) -> None:
        self.open = [asyncio.Event() for _ in range(count)]
        self.begun = [asyncio.Event() for _ in range(count)]
        self.cancelled: list[int] = []

    async def answer(self, number: int) -> int:
        self.begun[number].set()
        try:
            await self.open[number].wait()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        return number * 10


def collect(written: list[int]) -> Callable[[int], Awaitable[None]]:
    async def write(answer: int) -> None:
        written.append(answer)

    return write


async def settle() -> None:
    """Let all tasks run until they wait for something."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_answers_come_in_the_order_of_the_frames() -> None:
    gate, written = Gate(3), list[int]()
    run = asyncio.create_task(FrameWindow(3, gate.answer).run(aiter(Frames(3)), collect(written)))
    await gate.begun[2].wait()
    gate.open[2].set()
    gate.open[1].set()
    await settle()
    assert written == []
    gate.open[0].set()
    await run
    assert written == [0, 10, 20]


async def test_as_many_frames_are_in_work_as_the_window_holds() -> None:
    gate, frames, written = Gate(5), Frames(5), list[int]()
    run = asyncio.create_task(FrameWindow(2, gate.answer).run(aiter(frames), collect(written)))
    await gate.begun[1].wait()
    await settle()
    assert frames.read == 2
    gate.open[0].set()
    await gate.begun[2].wait()
    await settle()
    assert frames.read == 3
    for event in gate.open:
        event.set()
    await run
    assert written == [0, 10, 20, 30, 40]


async def test_a_reader_that_stops_stops_the_reading_of_frames() -> None:
    frames, may_write, written = Frames(100), asyncio.Semaphore(3), list[int]()

    async def answer(number: int) -> int:
        return number

    async def write(number: int) -> None:
        await may_write.acquire()
        written.append(number)

    run = asyncio.create_task(FrameWindow(4, answer).run(aiter(frames), write))
    await settle()
    assert (written, frames.read) == ([0, 1, 2], 3 + 4)
    may_write.release()
    await settle()
    assert (written, frames.read) == ([0, 1, 2, 3], 4 + 4)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_cancelling_drops_the_frames_in_work() -> None:
    gate = Gate(3)
    run = asyncio.create_task(FrameWindow(3, gate.answer).run(aiter(Frames(3)), collect([])))
    await gate.begun[2].wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert sorted(gate.cancelled) == [0, 1, 2]


async def test_an_error_comes_after_the_answers_before_it() -> None:
    begun = asyncio.Event()

    async def answer(number: int) -> int:
        if number == 1:
            raise UnavailableError("gone")
        if number == 2:
            begun.set()
            await asyncio.Event().wait()
        await begun.wait()
        return number

    written = list[int]()
    with pytest.raises(UnavailableError):
        await FrameWindow(3, answer).run(aiter(Frames(3)), collect(written))
    assert written == [0]


async def test_an_error_of_the_source_is_not_lost() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise ValueError("the connection broke")

    async def answer(number: int) -> int:
        return number

    written = list[int]()
    with pytest.raises(ValueError, match="broke"):
        await FrameWindow(3, answer).run(broken(), collect(written))
    assert written == [1]


async def test_after_stop_reading_the_frames_that_were_read_are_answered() -> None:
    gate, frames, written = Gate(9), Frames(9), list[int]()
    window = FrameWindow(2, gate.answer)
    run = asyncio.create_task(window.run(aiter(frames), collect(written)))
    await gate.begun[1].wait()
    window.stop_reading()
    for event in gate.open:
        event.set()
    await run
    assert (written, frames.read) == ([0, 10], 2)


async def answers(call: aio.StreamStreamCall[Any, pose_pb2.EstimateResponse]) -> list[pose_pb2.EstimateResponse]:
    return [response async for response in call]


async def test_every_frame_is_answered_in_order(stub: PoseServiceStub, photo: bytes) -> None:
    frames = [request_of(photo, image_id=i, **({} if i % 3 else {"boxes": []})) for i in range(20)]
    responses = await answers(stub.EstimateStream(iter(frames)))
    assert [ids_of(response.images) for response in responses] == [[i] for i in range(20)]
    assert [len(response.results) for response in responses] == [2 if i % 3 else 0 for i in range(20)]


@pytest.mark.parametrize(
    ("bad", "status", "ids"),
    [
        (request_of(b"", image_id="x"), 400, ["x"]),
        (request_of(b"hello"), 415, [0]),
        (request_of(b"a", max_persons=0, image_id=7), 422, [7]),
        (request_of(*[b"a"] * 4), 413, [0, 1, 2, 3]),
        (pose_pb2.EstimateRequest(), 422, [0]),
    ],
)
async def test_a_frame_that_fails_is_answered_and_the_stream_goes_on(
    stub: PoseServiceStub, photo: bytes, bad: pose_pb2.EstimateRequest, status: int, ids: list[int | str]
) -> None:
    first, failed, last = await answers(stub.EstimateStream(iter([request_of(photo), bad, request_of(photo)])))
    assert (len(first.results), len(failed.results), len(last.results)) == (2, 0, 2)
    assert (ids_of(failed.images), {image.error.status for image in failed.images}) == (ids, {status})
    assert failed.model.name == "fake-pose"
    assert first.request_id == failed.request_id == last.request_id


async def test_a_message_that_is_none_is_a_failed_frame(app: FastAPI, photo: bytes) -> None:
    async with rpc_channel(app) as channel:
        call = channel.stream_stream(STREAM, response_deserializer=pose_pb2.EstimateResponse.FromString)
        failed, good = [answer async for answer in call(iter([b"\xff\xff", request_of(photo).SerializeToString()]))]
    assert (failed.images[0].error.status, len(good.results)) == (400, 2)


async def test_a_frame_beyond_the_places_in_the_service_is_refused_alone(photo: bytes) -> None:
    full = create_app(ServiceSettings(grpc_port=0, max_in_flight=1), make_pipeline)
    async with full.router.lifespan_context(full), rpc_channel(full) as channel:
        await full.state.loading
        call = PoseServiceStub(channel).EstimateStream()
        with full.state.service.admitted():
            await call.write(request_of(photo))
            assert (await read(call)).images[0].error.status == 429
        await call.write(request_of(photo))
        assert len((await read(call)).results) == 2
        await call.done_writing()
        value = full.state.service.metrics.registry.get_sample_value
        assert value("fasterpose_rejected_total", {"reason": "overloaded"}) == 1


async def test_each_frame_has_its_own_deadline(stub: PoseServiceStub, photo: bytes, blocked: Blocked) -> None:
    call = stub.EstimateStream()
    await call.write(request_of(photo, timeout_ms=50))
    failed = await read(call)
    assert (failed.images[0].error.status, "50 ms" in failed.images[0].error.detail) == (504, True)
    blocked.release()
    await call.write(request_of(photo))
    assert len((await read(call)).results) == 2
    await call.done_writing()


async def test_a_client_that_does_not_read_is_not_read_from(app: FastAPI, photo: bytes) -> None:
    """Besides the window only as much is answered as the transport holds: 64 kB, and what it has on its way."""
    begun = note_frames(app)
    bitmap = encode(np.zeros((240, 320, 3), np.uint8), ".bmp")  # 230 kB, so that the frames do not fit the transport
    frame, count = request_of(bitmap, boxes=[[0, 0, 9, 9]] * 4), 200
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65535)]
    async with rpc_channel(app, options=options) as channel:
        stub = PoseServiceStub(channel)
        call = stub.EstimateStream()
        sender = asyncio.create_task(send(call, [frame] * count))
        size = (await read(call)).ByteSize()
        seen = -1
        while seen != len(begun):  # other calls are answered meanwhile, until the stream stands still
            seen = len(begun)
            for _ in range(20):
                await stub.Estimate(request_of(photo, boxes=[]))
        assert not sender.done()
        assert seen < 2 * 65535 / size + 4 < count / 2
        assert all([ids_of((await read(call)).images) == [0] for _ in range(count - 1)])
        await sender


async def send(
    call: aio.StreamStreamCall[pose_pb2.EstimateRequest, Any], frames: list[pose_pb2.EstimateRequest]
) -> None:
    for frame in frames:
        await call.write(frame)
    await call.done_writing()


def note_frames(app: FastAPI) -> list[ImageJob]:
    """The images with boxes that the pipeline begins with."""
    pipeline, begun = app.state.service.pipeline, list[ImageJob]()
    run = pipeline.run

    async def noted(job: ImageJob, *arguments: Any) -> Any:
        if job.boxes:
            begun.append(job)
        return await run(job, *arguments)

    pipeline.run = noted
    return begun


async def test_a_cancelled_stream_drops_its_frames(app: FastAPI, stub: PoseServiceStub, photo: bytes) -> None:
    blocked = Blocked(app)
    call = stub.EstimateStream(iter([request_of(photo)] * 3))
    await blocked.entered.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await read(call)
    service = app.state.service
    while service.metrics.registry.get_sample_value("fasterpose_in_flight_requests"):
        await asyncio.sleep(0)
    blocked.release()
    await stub.Estimate(request_of(photo, boxes=[[0, 0, 9, 9]]))
    assert service.pipeline.estimator.model.runtime.batches == [1]


async def test_a_stream_while_the_models_load_is_unavailable(photo: bytes) -> None:
    app = create_app(ServiceSettings(grpc_port=0), make_pipeline)
    async with rpc_channel(app) as channel:  # nothing has started to load
        error = await failure(answers(PoseServiceStub(channel).EstimateStream(iter([request_of(photo)]))))
    assert (error.code(), problem_of(error)["status"]) == (StatusCode.UNAVAILABLE, 503)


async def read(call: aio.StreamStreamCall[Any, pose_pb2.EstimateResponse]) -> pose_pb2.EstimateResponse:
    response = await call.read()
    assert isinstance(response, pose_pb2.EstimateResponse)
    return response
