"""Keys of HTTP requests and WebSockets: nobody gets past without one that fits."""

import secrets

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.callers import Caller
from service.access.keyring import Keyring
from service.access.routes import asks_for_poses, needed_scope
from service.errors import ServiceError
from service.problems import problem_response
from service.state import Service

SUBPROTOCOL = "fasterpose.v1"
KEY_SUBPROTOCOL = "fasterpose-key."
"""Browsers let a page choose the subprotocols of a WebSocket and no other header: the key stands in one of them."""


class AccessMiddleware:
    """Finds out who asks, refuses who may not, and counts poses against the key's limits."""

    def __init__(self, app: ASGIApp, service: Service, keyring: Keyring) -> None:
        self._app = app
        self._service = service
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            caller = self._let_in(scope)
        except ServiceError as error:
            await self._refuse(error, scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, _choosing_subprotocol(scope, send))
        elif caller is not None and asks_for_poses(scope["path"]):
            await self._count(caller, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _let_in(self, scope: Scope) -> Caller | None:
        """Who asks; None where nobody has to say so."""
        needed = needed_scope(scope["path"], metrics_key=self._service.settings.metrics_key)
        if needed is None:
            return None
        caller = self._keyring.identify(sent_key(scope))
        scope.setdefault("state", {})["caller"] = caller
        caller.require(needed)
        return caller

    async def _count(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with caller.use():
                await self._app(scope, receive, send)
        except ServiceError as error:  # of the limits: those of the route are answered by then
            await self._refuse(error, scope, receive, send)

    async def _refuse(self, error: ServiceError, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            scope.setdefault("state", {}).setdefault("request_id", secrets.token_hex(8))
            if "websocket.http.response" not in scope.get("extensions", {}):
                await send({"type": "websocket.close", "code": 1008})  # before `accept`: the handshake gets a 403
                return
        await problem_response(Request({**scope, "type": "http"}), error)(scope, receive, send)


def sent_key(scope: Scope) -> str | None:
    """The key that came with a connection: `Authorization: Bearer`, `X-API-Key`, or a WebSocket's subprotocol."""
    headers = Headers(scope=scope)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = scope.get("subprotocols", ())
    as_subprotocol = (name.removeprefix(KEY_SUBPROTOCOL) for name in offered if name.startswith(KEY_SUBPROTOCOL))
    return headers.get("x-api-key") or next(as_subprotocol, None)


def _choosing_subprotocol(scope: Scope, send: Send) -> Send:
    """Answer a client that offered subprotocols with ours: browsers close a connection that chose none of them."""
    offered = SUBPROTOCOL in scope.get("subprotocols", ())

    async def choosing(message: Message) -> None:
        if offered and message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message["subprotocol"] = SUBPROTOCOL
        await send(message)

    return choosing
