"""What surrounds every request: its id, arrival, byte limit, metrics and log line."""

import asyncio
import logging
from http import HTTPStatus

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.callers import caller_of, key_fields
from service.errors import InternalError, TooLargeError
from service.identity import request_id_from, trace_fields
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
        clock, headers = asyncio.get_running_loop().time, Headers(scope=scope)
        arrival, request_id = clock(), request_id_from(headers.get("x-request-id"))
        scope.setdefault("state", {}).update(arrival=arrival, request_id=request_id)
        answer = _Answer(send, request_id)
        body = _Body(headers.get("content-length", ""), receive, self._service)
        with self._service.metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, body.receive, answer.send)
            except Exception:
                logger.exception("request failed", extra={"fields": {"request_id": request_id}})
                if answer.started:
                    raise
                await problem_response(Request(scope), InternalError())(scope, receive, answer.send)
            finally:
                body.release()
                self._record(scope, answer.status, clock() - arrival, request_id)

    def _record(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
        self._service.metrics.count_request("http", route, str(status), seconds)
        caller = caller_of(scope)
        self._service.count_caller(caller, str(status))
        fields = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "duration_ms": round(seconds * 1000, 1),
            "request_id": request_id,
            **key_fields(caller),
            **trace_fields(Headers(scope=scope).get("traceparent")),
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
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._request_id.encode())]
        await self._send(message)


class _Body:
    """A request's body as it comes in: refused over the limits, by its declared length or else as it grows."""

    def __init__(self, declared: str, receive: Receive, service: Service) -> None:
        self._declared = declared
        self._receive = receive
        self._service = service
        self._received = 0

    async def receive(self) -> Message:
        """The next message of the connection.

        Raises:
            TooLargeError: the body is, or says it is, larger than one may be.
            OverloadedError: all bodies together are larger than the server holds.
        """
        most = self._service.settings.max_body_bytes
        if self._declared.isdigit() and int(self._declared) > most:
            raise self._too_large(most)
        message = await self._receive()
        size = len(message.get("body", b""))
        if self._received + size > most:
            raise self._too_large(most)
        self._service.receive_bytes(size)
        self._received += size
        return message

    def release(self) -> None:
        """The request is answered: its bytes count no more."""
        self._service.release_bytes(self._received)

    def _too_large(self, most: int) -> TooLargeError:
        return TooLargeError(f"The body is larger than {most} bytes, the most this server takes.")
