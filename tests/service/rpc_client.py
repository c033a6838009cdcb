"""What tests need to call the gRPC server: a channel on a loopback port, requests and errors in short."""

import base64
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from google.protobuf.json_format import ParseDict
from grpc import aio

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
