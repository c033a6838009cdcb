"""What surrounds every request: its id, arrival, byte limit, metrics and log line."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import InternalError, TooLargeError
from service.identity import request_id_from
from service.problems import problem_response
from service.state import Service

UNKNOWN_ROUTE = "unknown"

logger = logging.getLogger("fasterpose.access")


class RequestMiddleware:
    """Gives each request an id and a time of arrival, counts it, and stops a body that grows too large."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        clock = asyncio.get_running_loop().time
        arrival, request_id = clock(), request_id_from(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {}).update(arrival=arrival, request_id=request_id)
        answer = _Answer(send, request_id)
        with self._service.metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, _limited(scope, receive, self._service.settings.max_body_bytes), answer.send)
            except Exception:
                logger.exception("request failed", extra={"fields": {"request_id": request_id}})
                if answer.started:
                    raise
                await problem_response(Request(scope), InternalError())(scope, receive, answer.send)
            finally:
                self._record(scope, answer.status, clock() - arrival, request_id)

    def _record(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
        self._service.metrics.count_request("http", route, str(status), seconds)
        fields = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "duration_ms": round(seconds * 1000, 1),
            "request_id": request_id,
        }
        logger.info("%s %s %d", scope["method"], scope["path"], status, extra={"fields": fields})


class _Answer:
    """Passes a response on, with the request's id, and remembers its status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.started = False
        self.status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        self._send = send
        self._request_id = request_id

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            MutableHeaders(scope=message)["X-Request-ID"] = self._request_id
        await self._send(message)


def _limited(scope: Scope, receive: Receive, max_bytes: int) -> Receive:
    """A `receive` that refuses a body over the limit: by its declared length, or else as it grows."""
    declared = Headers(scope=scope).get("content-length", "")
    too_large = TooLargeError(f"The body is larger than {max_bytes} bytes, the most this server takes.")
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        if declared.isdigit() and int(declared) > max_bytes:
            raise too_large
        message: dict[str, Any] = dict(await receive())
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise too_large
        return message

    return receive_limited
