"""The requests of a soak, made once: photographs of many shapes and file types, and what can be wrong with them."""

import base64
import random
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import orjson

from model.contract.arrays import ImageArray
from model.contract.image import decode_image
from service.bench.photographs import CROWD, crowd_photograph
from service.bench.requests import BOUNDARY, Address, Photograph, json_body, multipart_body
from service.pb.pose_pb2 import EstimateRequest, ImageInput, Options

SHAPES = 12
"""Sizes of photographs: memory that grows with every new shape shows."""
SIDES = (120, 1400)
"""Shortest and longest side of them, pixels."""
SUFFIXES = (".jpg", ".png", ".webp")


@dataclass(frozen=True)
class Stock:
    """Ready-made requests.

    Attributes:
        good: what it is -> requests that are answered with 200.
        bad: what is wrong -> the request and the status of its answer.
        short: good but for a deadline of 1 ms.
        operations: health, models and metrics.
        messages: gRPC requests that are answered.
        bad_messages: gRPC requests that are refused.
    """

    good: dict[str, list[bytes]]
    bad: dict[str, tuple[bytes, str]]
    short: list[bytes]
    operations: list[bytes]
    messages: list[EstimateRequest]
    bad_messages: list[EstimateRequest]

    @property
    def any_good(self) -> list[bytes]:
        """All good HTTP requests."""
        return [request for requests in self.good.values() for request in requests]


def make_stock(address: Address, draw: random.Random) -> Stock:
    """Make the requests to a server."""
    photographs = varied_photographs(draw)
    files = list(photographs.items())
    form = f"multipart/form-data; boundary={BOUNDARY}"

    def post(content_type: str, body: bytes, query: str = "", accept: str = "*/*") -> bytes:
        path = address.path + (f"?{query}" if query else "")
        return _head("POST", path, address, content_type, accept, len(body)) + body

    good = {
        "raw": [post(kind, data) for data, kind in files],
        "form": [post(form, multipart_body(data)) for data, _ in files],
        "JSON": [post("application/json", json_body(Photograph("", data))) for data, _ in files],
        "several images": [post("application/json", _several([data for data, _ in files[i : i + 3]])) for i in (0, 3)],
        "boxes": [post(kind, data, "boxes=[[5,5,80,100],[20,10,60,90]]") for data, kind in files],
        "mirrored": [post(kind, data, "flip_test=true") for data, kind in files[:3]],
        "drawn": [post(kind, data, accept="image/jpeg") for data, kind in files],
    }
    data, kind = files[0]
    bad = {
        "truncated image": (post("image/jpeg", data[: len(data) // 2]), "400"),
        "no image": (post("image/jpeg", b"no image at all" * 100), "415"),
        "wrong option": (post(kind, data, "person_threshold=7"), "422"),
        "wrong type": (post("text/plain", b"hello"), "415"),
        "broken JSON": (post("application/json", b'{"images": ['), "400"),
        "too large by its header": (post("image/png", _bomb()), "413"),
        "unknown route": (_head("GET", "/v1/nothing", address), "404"),
        "wrong method": (_head("GET", address.path, address), "405"),
    }
    return Stock(
        good,
        bad,
        short=[post(kind, data, "timeout_ms=1") for data, kind in files],
        operations=[_head("GET", path, address) for path in ("/healthz", "/readyz", "/v1/models", "/metrics", "/")],
        messages=[EstimateRequest(images=[ImageInput(data=data)]) for data, _ in files],
        bad_messages=[
            EstimateRequest(images=[ImageInput(data=data[: len(data) // 2])]),
            EstimateRequest(images=[ImageInput(data=data)], options=Options(person_threshold=7)),
            EstimateRequest(),
        ],
    )


def varied_photographs(draw: random.Random) -> dict[bytes, str]:
    """Image files of one to five people in many shapes -> their media types."""
    pictures = [decode_image(crowd_photograph(people)) for people in CROWD]
    sizes = [(draw.randint(*SIDES), draw.randint(*SIDES)) for _ in range(SHAPES)]
    made = [(_resized(draw.choice(pictures), size), SUFFIXES[i % len(SUFFIXES)]) for i, size in enumerate(sizes)]
    return {_encoded(picture, suffix): f"image/{suffix[1:].replace('jpg', 'jpeg')}" for picture, suffix in made}


def _resized(picture: ImageArray, size: tuple[int, int]) -> ImageArray:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _encoded(picture: ImageArray, suffix: str) -> bytes:
    return cv2.imencode(suffix, picture[..., ::-1])[1].tobytes()


def _several(files: list[bytes]) -> bytes:
    return orjson.dumps({"images": [{"data": base64.b64encode(data).decode()} for data in files]})


def _bomb() -> bytes:
    """A PNG file that says it has 30000 x 30000 pixels."""
    header = (30_000).to_bytes(4) * 2 + b"\x08\x02\x00\x00\x00"
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def _head(
    method: str, path: str, address: Address, content_type: str = "", accept: str = "*/*", length: int = 0
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address.host}:{address.http_port}", f"Accept: {accept}"]
    lines += [f"Content-Type: {content_type}", f"Content-Length: {length}"] if content_type else []
    return "\r\n".join((*lines, "", "")).encode()
