"""What can go wrong, as the server tells it."""

from collections.abc import Mapping
from typing import Any

RETRYABLE = frozenset({429, 503})
"""Too many requests in flight; loading or shutting down: the same request may be answered later."""


class PoseError(Exception):
    """The server refused a request, or one image of it.

    Attributes:
        status: the HTTP status, over gRPC too.
        kind: the last part of the problem's `type`, for example `invalid-image`.
        detail: what is wrong and what to do.
        request_id: under which the server's log has the request; empty where it is not told.
        retry_after: when to come again, seconds; None where the server names no time.
    """

    def __init__(
        self, status: int, kind: str, detail: str, request_id: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(f"{status} {kind}: {detail}" + (f" (request {request_id})" if request_id else ""))
        self.status, self.kind, self.detail = status, kind, detail
        self.request_id, self.retry_after = request_id, retry_after

    @property
    def may_be_retried(self) -> bool:
        """Whether the same request may be answered later."""
        return self.status in RETRYABLE


class ServerUnreachableError(PoseError):
    """No answer came: nobody listens, the connection broke, or the time was over first. The status is 0."""

    def __init__(self, detail: str) -> None:
        super().__init__(0, "unreachable", detail)

    @property
    def may_be_retried(self) -> bool:
        """A request changes nothing on the server, so that it may be sent again."""
        return True


def from_problem(problem: Mapping[str, Any], retry_after: str | None) -> PoseError:
    """An RFC 9457 problem as an error."""
    return PoseError(
        int(problem["status"]),
        str(problem["type"]).rpartition(":")[2],
        str(problem["detail"]),
        str(problem.get("request_id", "")),
        _seconds(retry_after),
    )


def _seconds(text: str | None) -> float | None:
    """`Retry-After` in seconds; None for a date, which this server never sends, but a proxy might."""
    return float(text) if text is not None and text.isdecimal() else None
