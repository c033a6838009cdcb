"""The bytes that the load generator sends, the same in every transport: one photograph, with or without boxes."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlencode

import orjson

from model.contract.crop import Box
from service.bench.job import LoadJob, Wire

Transport = Literal["raw", "multipart", "json", "grpc", "grpc-stream"]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)
WIRES: dict[Transport, Wire] = {
    "raw": "http",
    "multipart": "http",
    "json": "http",
    "grpc": "grpc",
    "grpc-stream": "grpc-stream",
}
BOUNDARY = "fasterpose-benchmark"


@dataclass(frozen=True)
class Photograph:
    """What is asked.

    Attributes:
        name: how tables call it.
        data: a JPEG file.
        boxes: people's boxes in pixels: the detector is skipped.
        detect: False with no boxes: the whole photograph is one person.
    """

    name: str
    data: bytes
    boxes: tuple[Box, ...] | None = None
    detect: bool = True

    @property
    def options(self) -> dict[str, object]:
        """The options of the request, those that are not the defaults."""
        boxes: dict[str, object] = {} if self.boxes is None else {"boxes": [list(box) for box in self.boxes]}
        return boxes if self.detect else {**boxes, "detect": False}


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Attributes:
        host: its name or number.
        http_port: of HTTP.
        grpc_port: of gRPC; None where there is none.
        path: of the HTTP route.
    """

    host: str
    http_port: int
    grpc_port: int | None = None
    path: str = "/v1/pose"


def load_job(
    address: Address, transport: Transport, photograph: Photograph, concurrency: int, seconds: float
) -> LoadJob:
    """A load of one photograph over one transport.

    Raises:
        ValueError: a gRPC transport to a server without one.
    """
    wire = WIRES[transport]
    port = address.http_port if wire == "http" else address.grpc_port
    if port is None:
        raise ValueError(f"transport {transport}: the server at {address.host} has no gRPC port")
    return LoadJob(wire, address.host, port, _request(address, transport, photograph), concurrency, seconds)


def _request(address: Address, transport: Transport, photograph: Photograph) -> bytes:
    if transport == "raw":
        return _http(address, _path(address, photograph), "image/jpeg", photograph.data)
    if transport == "multipart":
        body = multipart_body(photograph.data)
        return _http(address, _path(address, photograph), f"multipart/form-data; boundary={BOUNDARY}", body)
    if transport == "json":
        return _http(address, address.path, "application/json", json_body(photograph))
    from service.bench.grpc_client import estimate_request  # noqa: PLC0415 - only gRPC needs its stubs

    return estimate_request(photograph)


def multipart_body(data: bytes, name: str = "image") -> bytes:
    """A form with one file."""
    head = f'Content-Disposition: form-data; name="{name}"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return f"--{BOUNDARY}\r\n{head}".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def json_body(photograph: Photograph) -> bytes:
    """The JSON form, the photograph in base64."""
    image = {"data": base64.b64encode(photograph.data).decode()}
    return orjson.dumps({"images": [image], "options": photograph.options})


def _path(address: Address, photograph: Photograph) -> str:
    query = urlencode({name: orjson.dumps(value).decode() for name, value in photograph.options.items()})
    return f"{address.path}?{query}" if query else address.path


def _http(address: Address, path: str, content_type: str, body: bytes) -> bytes:
    lines: Sequence[str] = (
        f"POST {path} HTTP/1.1",
        f"Host: {address.host}:{address.http_port}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*lines, "", "")).encode() + body
