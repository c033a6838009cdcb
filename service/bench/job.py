"""What the load generator is told, and what it answers: both cross a pipe as JSON."""

import base64
from dataclasses import asdict, dataclass, replace
from typing import Literal

import orjson

Wire = Literal["http", "grpc", "grpc-stream"]


@dataclass(frozen=True)
class LoadJob:
    """One load on one server.

    Attributes:
        wire: how the requests are sent.
        host: of the server.
        port: of the server.
        request: for HTTP, head and body as they are sent; for gRPC, the serialised EstimateRequest.
        concurrency: requests under way at any time; as soon as one is answered the next is sent.
        seconds: how long is measured, after everybody was answered once.
    """

    wire: Wire
    host: str
    port: int
    request: bytes
    concurrency: int
    seconds: float

    def to_json(self) -> bytes:
        """The job as JSON, its request in base64."""
        return orjson.dumps({**asdict(self), "request": base64.b64encode(self.request).decode()})

    @classmethod
    def from_json(cls, text: bytes) -> "LoadJob":
        """Read what `to_json` wrote."""
        job = cls(**orjson.loads(text))
        return replace(job, request=base64.b64decode(job.request))


@dataclass(frozen=True)
class LoadResult:
    """What one load measured.

    Attributes:
        seconds: from the last answer before the measured time to the last one in it.
        images: good answers in these seconds.
        people: people in these answers.
        latencies_ms: of each good answer, from the first byte sent to the last byte read.
        errors: HTTP status, gRPC status or exception -> how often.
        answers: all of the load, those before and after the measured time included.
        client_cpu_seconds: CPU time of the load generator for these answers.
        server_cpu_seconds: CPU time of the server for these answers, if it is known.
    """

    seconds: float
    images: int
    people: int
    latencies_ms: list[float]
    errors: dict[str, int]
    answers: int = 0
    client_cpu_seconds: float = 0.0
    server_cpu_seconds: float | None = None

    def to_json(self) -> bytes:
        """The result as JSON."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, text: bytes) -> "LoadResult":
        """Read what `to_json` wrote."""
        return cls(**orjson.loads(text))
