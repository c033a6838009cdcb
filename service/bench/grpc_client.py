"""Askers over gRPC: one call for each photograph, or frames on a stream."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from grpc import aio

from service.bench.http_client import RefusedError
from service.bench.job import LoadJob
from service.bench.requests import Photograph
from service.pb.pose_pb2 import Box, Boxes, EstimateRequest, EstimateResponse, ImageInput, Options
from service.pb.pose_pb2_grpc import PoseServiceStub

FRAMES_A_STREAM = 8
"""Frames under way on one stream; more concurrency is more streams."""
LARGEST_MESSAGE = 32 * 2**20
CHANNEL_OPTIONS = [("grpc.max_send_message_length", LARGEST_MESSAGE)]

Stream = aio.StreamStreamCall[EstimateRequest, EstimateResponse]
Waiting = deque[asyncio.Future[EstimateResponse]]
"""Who waits for the answers of one stream, in the order of the frames."""


def estimate_request(photograph: Photograph) -> bytes:
    """A serialised EstimateRequest."""
    image = ImageInput(data=photograph.data)
    if photograph.boxes is not None:
        boxes = [Box(x=x, y=y, width=width, height=height) for x, y, width, height in photograph.boxes]
        image.boxes.CopyFrom(Boxes(boxes=boxes))
    options = Options() if photograph.detect else Options(detect=False)
    return EstimateRequest(images=[image], options=options).SerializeToString()


@asynccontextmanager
async def open_grpc_askers(job: LoadJob) -> AsyncGenerator["list[UnaryAsker] | list[StreamAsker]"]:
    """One asker for each request under way, all on one channel; the askers of a stream share it."""
    request = EstimateRequest.FromString(job.request)
    async with aio.insecure_channel(f"{job.host}:{job.port}", options=CHANNEL_OPTIONS) as channel:
        if job.wire == "grpc":
            yield [UnaryAsker(channel, request) for _ in range(job.concurrency)]
            return
        streams = [FrameStream(channel) for _ in range(-(-job.concurrency // FRAMES_A_STREAM))]
        yield [StreamAsker(streams[i // FRAMES_A_STREAM], request) for i in range(job.concurrency)]
        for stream in streams:
            await stream.close()


class UnaryAsker:
    """Calls `Estimate` again and again."""

    def __init__(self, channel: aio.Channel, request: EstimateRequest) -> None:
        self._estimate = PoseServiceStub(channel).Estimate
        self._request = request

    async def ask(self) -> int:
        """One call: how many people are in its answer.

        Raises:
            RefusedError: a status other than OK.
        """
        try:
            return len((await self._estimate(self._request)).results)
        except aio.AioRpcError as error:
            raise RefusedError(error.code().name) from error


class FrameStream:
    """A call of `EstimateStream`, opened with the first frame and again after it broke."""

    def __init__(self, channel: aio.Channel) -> None:
        self._open_stream = PoseServiceStub(channel).EstimateStream
        self._turn = asyncio.Lock()  # one frame is written at a time
        self._call: Stream | None = None
        self._waiting: Waiting = deque()

    async def ask(self, request: EstimateRequest) -> EstimateResponse:
        """Send a frame and wait for its answer; answers come in the order of the frames.

        Raises:
            RefusedError: the stream broke with a status.
            ConnectionResetError: the stream ended.
        """
        answer: asyncio.Future[EstimateResponse] = asyncio.get_running_loop().create_future()
        async with self._turn:
            call = self._call or self._open()
            self._waiting.append(answer)
            try:
                await call.write(request)
            except (aio.AioRpcError, asyncio.InvalidStateError):
                self._call = None  # the reader knows why, and tells those who wait
        return await answer

    async def close(self) -> None:
        """Say that no more frames come, and wait for the end of the stream."""
        if self._call is not None:
            await self._call.done_writing()
            await self._reader

    def _open(self) -> Stream:
        self._call, self._waiting = self._open_stream(), deque()
        self._reader = asyncio.create_task(self._read(self._call, self._waiting))
        return self._call

    async def _read(self, call: Stream, waiting: Waiting) -> None:
        reason: Exception = ConnectionResetError("the stream ended")
        try:
            async for response in call:
                answer = waiting.popleft()
                if not answer.done():  # its asker has lost patience
                    answer.set_result(response)
        except aio.AioRpcError as error:
            reason = RefusedError(error.code().name)
        if self._call is call:
            self._call = None
        for answer in waiting:
            if not answer.done():
                answer.set_exception(reason)


class StreamAsker:
    """Sends frames on a stream that it may share, one after the other."""

    def __init__(self, stream: FrameStream, request: EstimateRequest) -> None:
        self._stream = stream
        self._request = request

    async def ask(self) -> int:
        """One frame: how many people are in its answer.

        Raises:
            RefusedError: the frame was answered with an error, or the stream broke with a status.
            ConnectionResetError: the stream ended.
        """
        response = await self._stream.ask(self._request)
        failed = [image.error.status for image in response.images if image.HasField("error")]
        if failed:
            raise RefusedError(str(failed[0]))
        return len(response.results)
