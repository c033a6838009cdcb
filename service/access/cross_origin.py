"""Pages of other origins: none may call, unless the setting names them."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.settings import SettingsError

ALLOWED_HEADERS = ("Authorization", "Content-Type", "X-API-Key", "X-Request-ID", "Traceparent")
EXPOSED_HEADERS = ("X-Request-ID", "Retry-After")


def parse_origins(text: str) -> tuple[str, ...]:
    """`https://a.example,https://b.example` -> the origins.

    Raises:
        SettingsError: an entry is not an origin: scheme, host and perhaps a port, nothing behind them.
    """
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            raise SettingsError(
                f"setting cors_origins: {origin!r} is not an origin; write for example https://a.example or "
                "http://localhost:3000, and name each one: `*` is not taken"
            )
    return origins


class OriginMiddleware:
    """Refuses WebSockets of other origins' pages, for which browsers ask no permission first.

    A client that is no browser sends no `Origin`.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "websocket" and not self._allowed(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008})  # before `accept`: the handshake gets a 403
            return
        await self._app(scope, receive, send)

    def _allowed(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None or origin in self._origins:
            return True
        return urlsplit(origin).netloc == headers.get("host")
