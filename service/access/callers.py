"""Who asks: the owner of a key, or anybody where there are no keys."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from starlette.types import Scope as AsgiScope

from service.access.keys import Scope


class Caller(Protocol):
    """Who sent a request.

    Attributes:
        name: of the key, for logs and metrics; empty where there are no keys.
    """

    @property
    def name(self) -> str:
        """Of the key."""
        ...

    def require(self, scope: Scope) -> None:
        """Let the caller pass if the key has a scope.

        Raises:
            ForbiddenError: it has not.
        """
        ...

    def use(self) -> AbstractContextManager[None]:
        """Count one request, or one frame of a stream, against the key's limits while the context lasts.

        Raises:
            RateLimitedError: one of the limits is reached.
            UnauthenticatedError: the key was revoked since the stream began.
        """
        ...


class Anybody:
    """The caller of a server without keys."""

    name = ""

    def require(self, scope: Scope) -> None:
        """Everything but what only an admin key may ask for, which is refused where it is asked for."""

    def use(self) -> AbstractContextManager[None]:
        """No limits but the server's own."""
        return nullcontext()


ANYBODY = Anybody()


def caller_of(scope: AsgiScope) -> Caller:
    """Who sent an HTTP request or opened a WebSocket, as `AccessMiddleware` found out."""
    return scope.get("state", {}).get("caller", ANYBODY)


def key_fields(caller: Caller) -> dict[str, str]:
    """The caller for a log line: the name of the key, never the key."""
    return {"key": caller.name} if caller.name else {}
