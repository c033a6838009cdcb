"""The client over gRPC: single requests, and frames on a stream."""

import asyncio
import json
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, Unpack, cast

import grpc
from google.protobuf.json_format import MessageToDict
from grpc import aio

from model.contract.crop import Box as PersonBox
from service.client.answer import PoseAnswer
from service.client.asked import Choices, ImageIn, StreamChoices, encoded
from service.client.failure import PoseError, ServerUnreachableError, from_problem
from service.client.patience import Attempts, Patience
from service.pb.pose_pb2 import (
    Box,
    Boxes,
    EstimateRequest,
    EstimateResponse,
    ImageId,
    ImageInput,
    ListModelsRequest,
    ListModelsResponse,
    Options,
)
from service.pb.pose_pb2_grpc import PoseServiceStub

LARGEST_MESSAGE = 32 * 2**20
CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", LARGEST_MESSAGE),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
]
SERVICE = "/fasterpose.v1.PoseService"
ENDED_WHILE_SENDING = "Internal error from Core"
"""What grpc.aio says, in the place of the server's status, of a stream that ended while a frame was being sent:
https://github.com/grpc/grpc/issues/36066. Its blocking form, and other languages, tell the server's status."""
NOT_ANSWERED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
"""Without a problem of the server; CANCELLED, which nobody here did, is what meets a server at its very end."""
PROBLEM, RETRY_AFTER = "fasterpose-problem-bin", "retry-after"


class GrpcPoseClient:
    """Asks a server over gRPC; keeps its channel open, so make one and use it again.

    Attributes:
        patience: how long each request may take, and how often it is sent again. A stream is not sent again.
    """

    def __init__(
        self,
        target: str = "localhost:8001",
        *,
        api_key: str | None = None,
        patience: Patience | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            target: host and port.
            api_key: where the server asks for one.
            patience: limits of a request.
            credentials: for TLS, `grpc.ssl_channel_credentials(...)`; without them the channel is plain.
        """
        self.patience = patience or Patience()
        self._metadata = _metadata(api_key)
        self._channel = (
            grpc.insecure_channel(target, CHANNEL_OPTIONS)
            if credentials is None
            else grpc.secure_channel(target, credentials, CHANNEL_OPTIONS)
        )
        self._estimate = self._channel.unary_unary(
            f"{SERVICE}/Estimate", EstimateRequest.SerializeToString, EstimateResponse.FromString
        )
        self._stream = self._channel.stream_stream(
            f"{SERVICE}/EstimateStream", EstimateRequest.SerializeToString, EstimateResponse.FromString
        )
        self._list_models = self._channel.unary_unary(
            f"{SERVICE}/ListModels", ListModelsRequest.SerializeToString, ListModelsResponse.FromString
        )

    def estimate(self, image: ImageIn, **choices: Unpack[Choices]) -> PoseAnswer:
        """The people of one image; raises as `PoseClient.estimate`."""
        return self.estimate_many([image], **choices)

    def estimate_many(self, images: Sequence[ImageIn], **choices: Unpack[Choices]) -> PoseAnswer:
        """The people of several images in one request; raises as `PoseClient.estimate_many`."""
        request, attempts = request_of(images, choices), Attempts(self.patience)
        while True:
            try:
                timeout = max(attempts.seconds_left, 0.001)
                return answer_of(self._estimate(request, timeout=timeout, metadata=self._metadata))
            except grpc.RpcError as error:
                time.sleep(attempts.pause_after(error_of(error)))

    def stream(self, frames: Iterable[ImageIn], **choices: Unpack[StreamChoices]) -> Iterator[PoseAnswer]:
        """The people of one frame after the other, in their order; a frame that fails has an `error`.

        The frames are read as the server takes them, so that a camera is not read ahead of it.

        Raises:
            PoseError: the stream broke.
        """
        requests = (request_of([frame], choices) for frame in frames)
        try:
            for response in self._stream(requests, metadata=self._metadata):
                yield answer_of(response)
        except grpc.RpcError as error:
            raise error_of(error) from error

    def models(self) -> list[dict[str, Any]]:
        """The loaded networks.

        Raises:
            PoseError: the server refused, or is not there.
        """
        try:
            response = self._list_models(ListModelsRequest(), timeout=self.patience.timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of(error) from error
        return [MessageToDict(model, preserving_proto_field_name=True) for model in response.models]

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the channel."""
        self.close()


class AsyncGrpcPoseClient:
    """`GrpcPoseClient` for asyncio; make it where the event loop runs."""

    def __init__(
        self,
        target: str = "localhost:8001",
        *,
        api_key: str | None = None,
        patience: Patience | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Nothing is sent yet; arguments as of `GrpcPoseClient`."""
        self.patience = patience or Patience()
        self._metadata = _metadata(api_key)
        self._channel = (
            aio.insecure_channel(target, CHANNEL_OPTIONS)
            if credentials is None
            else aio.secure_channel(target, credentials, CHANNEL_OPTIONS)
        )
        self._stub = PoseServiceStub(self._channel)

    async def estimate(self, image: ImageIn, **choices: Unpack[Choices]) -> PoseAnswer:
        """See `GrpcPoseClient.estimate`."""
        return await self.estimate_many([image], **choices)

    async def estimate_many(self, images: Sequence[ImageIn], **choices: Unpack[Choices]) -> PoseAnswer:
        """See `GrpcPoseClient.estimate_many`."""
        request = await asyncio.to_thread(request_of, images, choices)
        attempts = Attempts(self.patience)
        while True:
            try:
                timeout = max(attempts.seconds_left, 0.001)
                return answer_of(await self._stub.Estimate(request, timeout=timeout, metadata=self._metadata))
            except aio.AioRpcError as error:
                await asyncio.sleep(attempts.pause_after(error_of(error)))

    async def stream(
        self, frames: AsyncIterable[ImageIn] | Iterable[ImageIn], **choices: Unpack[StreamChoices]
    ) -> AsyncIterator[PoseAnswer]:
        """See `GrpcPoseClient.stream`."""
        call = self._stub.EstimateStream(_frame_requests(frames, choices), metadata=self._metadata)
        try:
            async for response in call:
                yield answer_of(response)
        except aio.AioRpcError as error:
            raise error_of(error) from error
        finally:
            call.cancel()

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the channel."""
        await self.close()


async def _frame_requests(
    frames: AsyncIterable[ImageIn] | Iterable[ImageIn], choices: StreamChoices
) -> AsyncIterator[EstimateRequest]:
    if isinstance(frames, AsyncIterable):
        async for frame in frames:
            yield await asyncio.to_thread(request_of, [frame], choices)
        return
    for frame in frames:
        yield await asyncio.to_thread(request_of, [frame], choices)


def request_of(images: Sequence[ImageIn], choices: Choices | StreamChoices) -> EstimateRequest:
    """The message that asks for images."""
    plain: dict[str, Any] = dict(choices)
    if "boxes" in choices:
        plain["boxes"] = Boxes(boxes=[_box(box) for box in choices["boxes"]])
    if "image_id" in choices:
        plain["image_id"] = _image_id(choices["image_id"])
    return EstimateRequest(images=[ImageInput(data=encoded(image)) for image in images], options=Options(**plain))


def answer_of(response: EstimateResponse) -> PoseAnswer:
    """A response with the fields that REST would have sent."""
    model, timings = response.model, response.timings_ms
    return PoseAnswer(
        {
            "model": {"name": model.name, "version": model.version, "detector": model.detector},
            "images": [
                {"id": _plain_id(image.id)}
                | (
                    {"error": MessageToDict(image.error)}
                    if image.HasField("error")
                    else {"width": image.width, "height": image.height}
                )
                for image in response.images
            ],
            "results": [
                {
                    "image_id": _plain_id(result.image_id),
                    "category_id": result.category_id,
                    "bbox": list(result.bbox),
                    "bbox_score": result.bbox_score,
                    "score": result.score,
                    "keypoints": list(result.keypoints),
                }
                | ({"track_id": result.track_id} if result.HasField("track_id") else {})
                for result in response.results
            ],
            "timings_ms": {field.name: getattr(timings, field.name) for field in timings.DESCRIPTOR.fields},
        }
    )


def error_of(error: grpc.RpcError) -> PoseError:
    """The problem that the server put into the trailing metadata, or what gRPC itself says."""
    call = cast("grpc.Call", error)
    trailing: Mapping[str, Any] = dict(call.trailing_metadata() or ())
    if PROBLEM in trailing:
        return from_problem(json.loads(trailing[PROBLEM]), trailing.get(RETRY_AFTER))
    if call.code() in NOT_ANSWERED:
        return ServerUnreachableError(f"no answer: {call.details()}")
    if call.details() == ENDED_WHILE_SENDING:
        return ServerUnreachableError("the stream ended while a frame was being sent; open a new one")
    return PoseError(500, call.code().name.lower(), call.details() or "")


def _metadata(api_key: str | None) -> tuple[tuple[str, str], ...]:
    return () if api_key is None else (("authorization", f"Bearer {api_key}"),)


def _box(box: PersonBox) -> Box:
    x, y, width, height = box
    return Box(x=x, y=y, width=width, height=height)


def _image_id(image_id: int | str) -> ImageId:
    return ImageId(number=image_id) if isinstance(image_id, int) else ImageId(text=image_id)


def _plain_id(image_id: ImageId) -> int | str:
    return image_id.number if image_id.WhichOneof("value") == "number" else image_id.text
