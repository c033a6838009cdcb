"""What tests need to call the gRPC server: a channel on a loopback port, requests and errors in short."""

import asyncio
import base64
import json
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from google.protobuf.json_format import ParseDict
from grpc import aio
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2_grpc

from service.pb import pose_pb2
from service.rpc_server import RpcServer, start_rpc


@asynccontextmanager
async def rpc_server(app: FastAPI) -> AsyncGenerator[RpcServer]:
    """The application's gRPC server; what is in flight at the end is dropped."""
    server = await start_rpc(app.state.service)
    yield server
    await server.stop(0)


@asynccontextmanager
async def rpc_channel(app: FastAPI, **options: Any) -> AsyncGenerator[aio.Channel]:
    """A channel to a gRPC server of the application."""
    async with rpc_server(app) as server, aio.insecure_channel(f"127.0.0.1:{server.port}", **options) as channel:
        yield channel


class Blocked:
    """A detector that waits until it is let go, and says when a job has come in."""

    def __init__(self, app: FastAPI) -> None:
        detector = app.state.service.pipeline.detector.model.runtime
        self._infer, detector.infer = detector.infer, self._wait
        self._loop = asyncio.get_running_loop()
        self._released = threading.Event()
        self.entered = asyncio.Event()

    def _wait(self, images: Any) -> Any:
        self._loop.call_soon_threadsafe(self.entered.set)
        assert self._released.wait(20)
        return self._infer(images)

    def release(self) -> None:
        self._released.set()


def health_stub(channel: Any) -> Any:
    """The package has no types."""
    return health_pb2_grpc.HealthStub(channel)


def reflection_stub(channel: Any) -> Any:
    """The package's types are those of a blocking channel."""
    return reflection_pb2_grpc.ServerReflectionStub(channel)


async def failure(call: Any) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as error:
        await call
    return error.value


def request_of(*photos: bytes, **options: Any) -> pose_pb2.EstimateRequest:
    """A request with some images and options, the latter written as in JSON."""
    return message_of({"images": [{"data": photo} for photo in photos], "options": options})


def message_of(body: dict[str, Any]) -> pose_pb2.EstimateRequest:
    """What the JSON body of REST is in protobuf; `data` are bytes."""
    images = [_message(image) | {"data": base64.b64encode(image["data"]).decode()} for image in body["images"]]
    return ParseDict({"images": images, "options": _message(body.get("options", {}))}, pose_pb2.EstimateRequest())


def body_of(body: dict[str, Any]) -> dict[str, Any]:
    """The same as the JSON body of REST."""
    images = [{**image, "data": base64.b64encode(image["data"]).decode()} for image in body["images"]]
    return {**body, "images": images}


def problem_of(error: aio.AioRpcError) -> dict[str, Any]:
    """The problem in an error's trailing metadata, checked against its status."""
    metadata = metadata_of(error)
    problem = json.loads(metadata["fasterpose-problem-bin"])
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert problem["request_id"] == metadata["x-request-id"]
    assert problem["detail"] == error.details()
    return problem


def metadata_of(error: aio.AioRpcError) -> dict[str, Any]:
    return dict(error.trailing_metadata() or ())


def ids_of(entries: Sequence[Any]) -> list[int | str]:
    """The ids of a response's images."""
    return [getattr(entry.id, entry.id.WhichOneof("value")) for entry in entries]


def _message(values: dict[str, Any]) -> dict[str, Any]:
    """JSON values -> the JSON form of the messages, in which ids and boxes are messages."""
    return {name: _value(name, value) for name, value in values.items()}


def _value(name: str, value: Any) -> Any:
    if name == "boxes":
        sides = ("x", "y", "width", "height")
        return {"boxes": [dict(zip(sides, map(_number, box), strict=True)) for box in value]}
    if name in {"id", "image_id"}:
        return {"number" if isinstance(value, int) else "text": value}
    return _number(value)


def _number(value: Any) -> Any:
    """Protobuf's JSON form has texts for what is not finite."""
    special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return special.get(str(value), value) if isinstance(value, float) else value
