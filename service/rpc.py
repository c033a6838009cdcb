"""`fasterpose.v1.PoseService`: a call's way from the message to the response."""

import asyncio
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc import aio

from service.calls import answer_call
from service.deadline import Deadline, least_timeout_ms
from service.errors import UnauthenticatedError, UnavailableError
from service.formats import native
from service.operations import describe_detector, describe_pose
from service.pb.pose_pb2 import EstimateResponse, ListModelsRequest, ListModelsResponse
from service.rpc_calls import RpcCall, RpcCalls, time_remaining
from service.rpc_messages import (
    given_ids,
    model_message,
    parse,
    read_request,
    read_stream_request,
    refuse_unknown_fields,
    response_message,
)
from service.rpc_stream import FrameWindow
from service.state import Service
from service.tracking.stream import FramePlace, FrameStream

POSE_SERVICE = "fasterpose.v1.PoseService"


Context = aio.ServicerContext[bytes, Message]


class PoseServicer:
    """Answers the calls on the same pipeline, by the same rules as HTTP.

    It takes messages as bytes, so that they are read only once a call is let in, and one that cannot be read is an
    error of the client as every other.
    """

    def __init__(self, service: Service, calls: RpcCalls) -> None:
        self._service = service
        self._calls = calls
        self._windows: set[FrameWindow[bytes, EstimateResponse]] = set()

    def handler(self) -> grpc.GenericRpcHandler:
        """The methods under their names in the proto."""
        estimate_responses, model_lists = EstimateResponse.SerializeToString, ListModelsResponse.SerializeToString
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Estimate": grpc.unary_unary_rpc_method_handler(self.estimate, None, estimate_responses),
            "EstimateStream": grpc.stream_stream_rpc_method_handler(self.stream, None, estimate_responses),
            "ListModels": grpc.unary_unary_rpc_method_handler(self.list_models, None, model_lists),
        }
        return grpc.method_handlers_generic_handler(POSE_SERVICE, methods)

    async def estimate(self, data: bytes, context: Context) -> EstimateResponse:
        """Images in, people with COCO keypoints out."""
        async with self._calls.around(f"/{POSE_SERVICE}/Estimate", context) as call:
            return await self._answer(data, call.arrival, call, context)

    async def stream(self, frames: AsyncIterator[bytes], context: Context) -> None:
        """Frames in, an answer to each out, in order."""
        async with self._calls.around(f"/{POSE_SERVICE}/EstimateStream", context) as call:
            people = FrameStream()

            async def answer(data: bytes) -> EstimateResponse:
                with people.place() as place:
                    return await self._answer_frame(data, call, context, place)

            window = FrameWindow(self._service.settings.grpc_stream_window, answer)
            self._windows.add(window)
            try:
                await window.run(frames, context.write)
            finally:
                self._windows.discard(window)
            if window.stopped:
                raise UnavailableError("The server is shutting down. What it read is answered; open a new stream.")

    async def list_models(self, data: bytes, context: Context) -> ListModelsResponse:
        """The loaded networks."""
        async with self._calls.around(f"/{POSE_SERVICE}/ListModels", context):
            pipeline = self._service.pipeline
            refuse_unknown_fields([("request", parse(ListModelsRequest, data))])
            models = describe_detector(pipeline.detector), describe_pose(pipeline.estimator)
            return ListModelsResponse(models=[model_message(model) for model in models])

    def stop_reading(self) -> None:
        """Take no more frames from open streams; those that were read are answered, then the streams end."""
        for window in self._windows:
            window.stop_reading()

    async def _answer(
        self, data: bytes, arrival: float, call: RpcCall, context: Context, place: FramePlace | None = None
    ) -> EstimateResponse:
        remaining = time_remaining(context)
        service, settings = self._service, self._service.settings
        counted = service.metrics.in_flight.track_inprogress()
        with counted, call.caller.use(), service.admitted() as pipeline, self._held(len(data)):
            pose_call = read_stream_request(data, settings) if place else read_request(data, settings)
            allowed_ms = least_timeout_ms(pose_call.options.timeout_ms, settings.timeout_ms, remaining)
            async with Deadline(arrival, allowed_ms):
                if place:
                    outcomes = await place.answer(pipeline, pose_call, arrival)
                else:
                    outcomes = await answer_call(pipeline, pose_call)
                service.metrics.count_images(outcomes)
                start = time.perf_counter()
                elapsed = asyncio.get_running_loop().time() - arrival
                response = response_message(native(pipeline, outcomes, elapsed), call.request_id)
                service.metrics.observe_encoding(time.perf_counter() - start)
                return response

    @contextmanager
    def _held(self, num_bytes: int) -> Generator[None]:
        """Count a message among the bytes of all requests in flight, as HTTP does with bodies."""
        self._service.receive_bytes(num_bytes)
        try:
            yield
        finally:
            self._service.release_bytes(num_bytes)

    async def _answer_frame(self, data: bytes, call: RpcCall, context: Context, place: FramePlace) -> EstimateResponse:
        """A frame that fails is answered with its error, unless the server is not there for any frame."""
        arrival = asyncio.get_running_loop().time()
        try:
            return await self._answer(data, arrival, call, context, place)
        except Exception as error:
            if isinstance(error, UnauthenticatedError):  # the key was revoked: no further frame will do better
                raise
            if isinstance(error, UnavailableError) and self._service.status in {"loading", "draining", "failed"}:
                raise
            reason = self._calls.explain(error, call.request_id)
            outcomes = [(image_id, reason) for image_id in given_ids(data)]
            elapsed = asyncio.get_running_loop().time() - arrival
            return response_message(native(self._service.pipeline, outcomes, elapsed), call.request_id)
