"""The server as replicas on a Ray cluster: each has the whole pipeline and a batcher of its own.

    serve run service.ray_app:build precision=int8 max_replicas=8        (or docker/ray/serve.yaml)

Ray Serve listens, balances and scales; a replica is the application of `fasterpose serve`, for HTTP and for gRPC.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# Ray is an extra, and only in the environment of `make test-ray`.

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, NoReturn, cast

import grpc
from fastapi import FastAPI
from ray import serve
from ray.serve import Application
from ray.serve.grpc_util import RayServegRPCContext
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from service.app import create_app
from service.engine import load_pipeline
from service.pb.pose_pb2 import EstimateResponse, ListModelsResponse
from service.rpc import POSE_SERVICE, Context, PoseServicer
from service.rpc_calls import RpcCalls
from service.settings import ServiceSettings, SettingsError, load_settings, picklable
from service.state import Service

OF_THE_PROXY = {"host", "http_port", "grpc_port", "tls_cert", "tls_key", "tls_client_ca", "drain_s"}
"""Settings of a server that listens itself; here Ray Serve does, by its `http_options` and `grpc_options`."""


@dataclass(frozen=True)
class Scale:
    """How many replicas there are and what each takes of a node.

    Attributes:
        min_replicas: kept when nobody asks.
        max_replicas: made when many ask.
        target_ongoing_requests: of a replica, on average, HTTP requests, gRPC calls and streams; more make another one.
        max_ongoing_requests: of a replica; more wait at Ray's proxy.
        num_cpus: cores that Ray counts for a replica.
        num_gpus: GPUs that Ray gives to it; `--device cuda` is then that GPU.
        upscale_delay_s: how long there must be too many requests.
        downscale_delay_s: how long there must be too few.
    """

    min_replicas: int = 1
    max_replicas: int = 4
    target_ongoing_requests: float = 8.0
    max_ongoing_requests: int = 64
    num_cpus: float = 2.0
    num_gpus: float = 0.0
    upscale_delay_s: float = 10.0
    downscale_delay_s: float = 600.0


def build(args: Mapping[str, object]) -> Application:
    """The application for `serve run` and for the `import_path` of a Serve config file.

    Args:
        args: attributes of `Scale` and settings of the server, which win over FASTERPOSE_<NAME> of this process.

    Raises:
        SettingsError: an argument is neither, or cannot be used.
    """
    names = {field.name: field.type for field in fields(Scale)}
    scale = Scale(**{name: _number(name, value) for name, value in args.items() if name in names})
    flags = {name: value for name, value in args.items() if name not in names}
    for name in flags:
        if name in OF_THE_PROXY or name not in ServiceSettings.model_fields:
            raise SettingsError(
                f"{name} is no argument of the Ray application; it takes {', '.join(names)} and settings of the server "
                "(where to listen stands in Ray's http_options and grpc_options)"
            )
    return bind(load_settings(flags, None, os.environ), scale)


def bind(settings: ServiceSettings, scale: Scale) -> Application:
    """The application with one deployment, scaled by the requests under way."""
    deployment = serve.deployment(
        name="pose",
        max_ongoing_requests=scale.max_ongoing_requests,
        ray_actor_options={"num_cpus": scale.num_cpus, "num_gpus": scale.num_gpus},
        autoscaling_config={
            "min_replicas": scale.min_replicas,
            "max_replicas": scale.max_replicas,
            "target_ongoing_requests": scale.target_ongoing_requests,
            "upscale_delay_s": scale.upscale_delay_s,
            "downscale_delay_s": scale.downscale_delay_s,
        },
    )
    return deployment(serve.ingress()(PoseReplica)).bind(picklable(settings))


def add_pose_service(servicer: "PoseReplica", server: grpc.aio.Server) -> None:
    """Let Ray's gRPC proxy hand calls to the replicas, as the bytes that came in; for its `grpc_servicer_functions`."""
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Estimate": grpc.unary_unary_rpc_method_handler(servicer.Estimate),
        "EstimateStream": grpc.stream_stream_rpc_method_handler(servicer.EstimateStream),
        "ListModels": grpc.unary_unary_rpc_method_handler(servicer.ListModels),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(POSE_SERVICE, methods),))


class PoseReplica:
    """One replica: `create_app` for HTTP, and the methods of `fasterpose.v1.PoseService` for gRPC."""

    async def __init__(self, settings: ServiceSettings) -> None:
        """Load the networks; Ray sends requests once this is done."""
        pipeline = await asyncio.to_thread(load_pipeline, settings)
        self._fastapi = create_app(settings, lambda: pipeline)
        self._fastapi.add_middleware(WithoutRequestId)
        self._service: Service = self._fastapi.state.service
        self._servicer = PoseServicer(self._service, RpcCalls(self._service))

    def __serve_build_asgi_app__(self) -> FastAPI:
        """What answers HTTP."""
        return self._fastapi

    async def check_health(self) -> None:
        """Let Ray replace a replica whose networks do not compute.

        Raises:
            RuntimeError: a model's threads are dead.
        """
        if self._service.status not in {"loading", "ready"}:
            raise RuntimeError(f"the replica is {self._service.status}")

    async def Estimate(  # noqa: N802 - the proto's name
        self, request: bytes, grpc_context: RayServegRPCContext
    ) -> EstimateResponse:
        """Images in, people with COCO keypoints out."""
        return await self._servicer.estimate(request, ReplicaContext(grpc_context).as_grpc())

    async def ListModels(  # noqa: N802 - the proto's name
        self, request: bytes, grpc_context: RayServegRPCContext
    ) -> ListModelsResponse:
        """The loaded networks."""
        return await self._servicer.list_models(request, ReplicaContext(grpc_context).as_grpc())

    async def EstimateStream(  # noqa: N802 - the proto's name
        self, requests: AsyncIterator[bytes], grpc_context: RayServegRPCContext
    ) -> AsyncIterator[EstimateResponse]:
        """Frames in, an answer to each out, in order."""
        context = ReplicaContext(grpc_context)
        stream = asyncio.create_task(self._stream(requests, context.as_grpc()))
        try:
            while (answer := await context.written.get()) is not None:
                yield answer
            await stream  # its error, if it has ended with one
        finally:
            stream.cancel()

    async def _stream(self, requests: AsyncIterator[bytes], context: "ReplicaContext") -> None:
        try:
            await self._servicer.stream(requests, context.as_grpc())
        finally:
            context.written.put_nowait(None)


class WithoutRequestId:
    """Leaves the header X-Request-ID of answers to Ray's proxy, which takes and makes the same id and adds it too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""

        async def send_without(message: AsgiMessage) -> None:
            if message["type"] == "http.response.start":
                del MutableHeaders(scope=message)["x-request-id"]
            await send(message)

        await self._app(scope, receive, send_without)


class CallAbortedError(Exception):
    """A call ended with a status; Ray reads it from the call's context."""


class ReplicaContext:
    """What the servicer needs of gRPC's own context, with Ray's in its place.

    The client's deadline stays at Ray's proxy, which cancels the call when it passes. Of an error Ray passes on the
    status and the sentence, not the metadata.

    Attributes:
        written: answers of a stream, None at its end.
    """

    def __init__(self, context: RayServegRPCContext) -> None:
        self.written: asyncio.Queue[EstimateResponse | None] = asyncio.Queue()
        self._context = context

    def as_grpc(self) -> Context:
        """Itself, for a servicer that is typed for gRPC's own context."""
        return cast(Context, self)

    def invocation_metadata(self) -> list[tuple[str, Any]]:
        """What the client sent beside its message."""
        return self._context.invocation_metadata()

    def time_remaining(self) -> None:
        """Not known here."""

    def set_trailing_metadata(self, metadata: tuple[tuple[str, Any], ...]) -> None:
        """What is sent beside the answer."""
        self._context.set_trailing_metadata(list(metadata))

    async def write(self, answer: EstimateResponse) -> None:
        """Send an answer of a stream."""
        self.written.put_nowait(answer)

    async def abort(self, code: grpc.StatusCode, details: str, metadata: tuple[tuple[str, Any], ...]) -> NoReturn:
        """End the call with a status.

        Raises:
            CallAbortedError: always.
        """
        self._context.set_code(code)
        self._context.set_details(details)
        self.set_trailing_metadata(metadata)
        raise CallAbortedError(details)


def _number(name: str, value: object) -> int | float:
    """A number that `serve run` has as text, a config file as it is."""
    kind = type(getattr(Scale, name))
    try:
        return kind(str(value))
    except ValueError as error:
        raise SettingsError(f"{name} is {value!r}; it must be a number") from error
