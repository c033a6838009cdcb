"""`grpc.health.v1`: serving while the service is ready."""

import asyncio

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.rpc import POSE_SERVICE
from service.rpc_calls import Context
from service.state import Service

WATCHED = {"", POSE_SERVICE}
"""The whole server, and the service it exists for."""

POLL_S = 0.1
"""How soon a watcher learns of a change."""

Response = health_pb2.HealthCheckResponse


class HealthServicer(health_pb2_grpc.HealthServicer):
    """Asks the service each time, so that it cannot say anything else than `GET /readyz`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def Check(  # noqa: N802 - the proto's name
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """The state now."""
        if request.service not in WATCHED:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"There is no service {request.service!r}.")
        return Response(status=self._state(request.service))

    async def Watch(  # noqa: N802 - the proto's name
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> None:
        """The state now and whenever it changes; ends when the server shuts down, which would wait for it otherwise."""
        last: int | None = None
        while True:
            state = self._state(request.service)
            if state != last:
                await context.write(Response(status=state))
            if self._service.status == "draining":
                return
            last = state
            await asyncio.sleep(POLL_S)

    def _state(self, name: str) -> Response.ServingStatus:
        if name not in WATCHED:
            return Response.SERVICE_UNKNOWN
        return Response.SERVING if self._service.status == "ready" else Response.NOT_SERVING
