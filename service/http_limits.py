"""HTTP/1.1 within limits: uvicorn's protocol takes heads of any size, and waits for ever for what does not come."""

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.errors import HeadTooLargeError, InvalidBodyError, ServiceError, TooSlowError
from service.identity import request_id_from
from service.linger import LingeringTransport, has_unread
from service.settings import ServiceSettings

LEAST_BYTES_S = 1024
"""Bytes that a body has to bring each second: a slower one would hold its place among the requests for minutes."""


def limited_protocol(settings: ServiceSettings, refused: Callable[[str], None]) -> type[asyncio.Protocol]:
    """What uvicorn makes a connection's protocol with; it asks for a class, and calls it.

    Args:
        settings: the limits.
        refused: told the slug of the error with which a request is refused before the application sees it.
    """
    return cast(type[asyncio.Protocol], partial(LimitedProtocol, settings, refused))  # it only calls it


class LimitedProtocol(HttpToolsProtocol):
    """One connection: a head is bounded in bytes, head and body have to come in time, and a refusal arrives.

    A request that comes in one piece, as most do, costs no timer.
    """

    transport: LingeringTransport  # type: ignore[assignment] - uvicorn has any transport here

    def __init__(
        self,
        limits: ServiceSettings,
        refused: Callable[[str], None],
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """A connection; all but the first two is uvicorn's."""
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._refused = refused
        self._refusal: ServiceError = InvalidBodyError("What came is not a request of HTTP/1.1.")
        self._in_head = True
        self._incomplete = True
        self._head_bytes = 0
        self._received = 0
        self._seen = 0
        self._retires = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] - as uvicorn has it
        """The client is there, and has to send something."""
        limits = self._limits
        lingering = LingeringTransport(transport, limits.read_timeout_s, limits.max_body_bytes, self._is_arriving)
        super().connection_made(lingering)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._unwatch()
        self.transport.close_now()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        if self.transport.lingers:
            self.transport.throw_away(len(data))
            return
        began_in_head = self._in_head
        self._received += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._in_head:
            self._head_bytes = 0
        elif began_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.max_header_bytes:
                self._refuse(self._too_large())
                return
        if not self._incomplete:
            self._unwatch()
        elif self._timer is None:
            self._watch()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = self._incomplete = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there.

        Raises:
            ServiceError: it is too large; the parser stops, and `send_400_response` is called.
        """
        self._in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self._limits.max_header_bytes:
            self._refusal = self._too_large()
            raise self._refusal
        super().on_headers_complete()
        if self._retires:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The request is all there."""
        self._incomplete = False
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """The connection is another protocol's from now on."""
        self._unwatch()
        self.transport = self.transport.inner  # type: ignore[assignment] - the other protocol closes it in its own way
        super().handle_websocket_upgrade()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that was silent for long, unless a request came and was not read yet.

        A busy loop comes to its timers before it reads, and the request would have no answer but a reset.
        """
        if not has_unread(self.transport):
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """Close for good, but answer the request that is coming in."""
        self._retires = True
        idle = self.cycle is None or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison] - None before the first request
        head_is_coming = self._in_head and self._is_arriving()
        if not idle or not (head_is_coming or has_unread(self.transport)):
            super().shutdown()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn passes it
        """Answer what the parser did not take."""
        self._refuse(self._refusal)

    def _watch(self) -> None:
        self._seen = self._received
        self._timer = self.loop.call_later(self._limits.read_timeout_s, self._look)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Some time has passed, and the request is not all there."""
        self._timer = None
        came = self._received - self._seen
        answered = self.cycle is not None and self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison] - None before the first request
        if self.flow.read_paused or (
            not self._in_head and not answered and came >= LEAST_BYTES_S * self._limits.read_timeout_s
        ):
            self._watch()  # it is not the client that is slow
        elif not self._received or (answered and not self._in_head):
            self.transport.close_now()
        else:
            self._refuse(
                TooSlowError(
                    f"The request did not come within {self._limits.read_timeout_s} s, "
                    f"or its body brought less than {LEAST_BYTES_S} bytes a second."
                )
            )

    def _too_large(self) -> HeadTooLargeError:
        most = self._limits.max_header_bytes
        return HeadTooLargeError(f"The request line and the headers are larger than {most} bytes.")

    def _refuse(self, error: ServiceError) -> None:
        """Answer in the application's stead, unless it has begun to, and close the connection."""
        self._unwatch()
        self._refused(error.slug)
        if self._nothing_sent():
            self.transport.write(_response(error))
        self._incomplete = True  # whatever the parser made of it: more may come
        self.transport.close()
        if self.cycle is not None and not self.cycle.response_complete:  # pyright: ignore[reportUnnecessaryComparison] - None before the first request
            self.cycle.disconnected = True  # for the application, it ends here
            self.cycle.message_event.set()

    def _is_arriving(self) -> bool:
        """Whether a request has begun to come in and is not all there."""
        return self._incomplete and self._received > 0

    def _nothing_sent(self) -> bool:
        """Whether no answer of the application is under way on this connection."""
        return self.cycle is None or self.cycle.response_complete or not self.cycle.response_started  # pyright: ignore[reportUnnecessaryComparison] - None before the first request


def _response(error: ServiceError) -> bytes:
    request_id = request_id_from(None)
    body = orjson.dumps(error.problem() | {"request_id": request_id})
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
