"""A port of its own for operators: metrics and the admin routes are there and nowhere else."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.access.routes import HEALTH, on_admin_port
from service.errors import from_http_status
from service.problems import problem_response
from service.state import Service


class PortMiddleware:
    """Answers 404 on the public port for what belongs to the operators', and the other way round.

    Both ports have the health routes.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "lifespan" or self._belongs(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await problem_response(Request(scope), from_http_status(404, ""))(scope, receive, send)

    def _belongs(self, scope: Scope) -> bool:
        path: str = scope["path"]
        here_for_operators = (scope.get("server") or ("", None))[1] == self._service.admin_port
        return path in HEALTH or on_admin_port(path) == here_for_operators
