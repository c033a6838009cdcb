"""What surrounds every gRPC call: its id, arrival, status, metrics and log line."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from grpc import StatusCode, aio

from service.access.callers import ANYBODY, Caller, key_fields
from service.access.rpc_access import rpc_caller
from service.errors import ClientGoneError, DeadlineExceededError, InternalError, ServiceError
from service.identity import request_id_from, trace_fields
from service.problems import REJECTIONS
from service.state import Service

logger = logging.getLogger("fasterpose.access")

CLOCKS_AGREE_S = 0.02
"""A client whose deadline has passed hangs up a little before or after the server's clock says so."""

Context = aio.ServicerContext[Any, Any]


@dataclass
class RpcCall:
    """One call.

    Attributes:
        method: `/package.Service/Method`.
        request_id: the client's, or a new one.
        trace: fields of the client's `traceparent` for the log, if it sent one.
        arrival: by the event loop's clock, seconds.
        metadata: what the client sent beside the message; its key may be there.
        status: name of the gRPC status that it ends with.
        caller: who calls, once it is known.
    """

    method: str
    request_id: str
    trace: dict[str, str]
    arrival: float
    metadata: Mapping[str, Any] = field(repr=False)
    status: str = "OK"
    caller: Caller = ANYBODY


class RpcCalls:
    """Gives each call an id, counts and logs it, turns errors into statuses, and knows which ones are in progress."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._tasks: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def around(self, method: str, context: Context) -> AsyncGenerator[RpcCall]:
        """Surround one call, if its key lets it in; a `ServiceError` becomes its status, any other error INTERNAL."""
        call = _begin(method, context)
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        context.set_trailing_metadata((("x-request-id", call.request_id),))
        try:
            call.caller = rpc_caller(self._service.keyring, call.metadata)
            yield call
        except asyncio.CancelledError:
            self._note_cancellation(call, context)
            raise
        except Exception as error:
            await self._abort(call, context, self.explain(error, call.request_id))
        finally:
            self._record(call, asyncio.get_running_loop().time() - call.arrival)

    def explain(self, error: Exception, request_id: str) -> ServiceError:
        """An error as the client is told it: counted if it is a refusal, logged if it is a fault of ours."""
        if not isinstance(error, ServiceError):
            logger.error("request failed", exc_info=error, extra={"fields": {"request_id": request_id}})
            return InternalError()
        if error.status in REJECTIONS:
            self._service.metrics.count_rejected(error.slug)
        return error

    async def finish(self, grace_s: float) -> None:
        """Wait until the calls in progress are answered, at most `grace_s`."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)

    def _note_cancellation(self, call: RpcCall, context: Context) -> None:
        """A client gives up because its deadline has passed, or for a reason of its own."""
        remaining = time_remaining(context)
        too_late = remaining is not None and remaining < CLOCKS_AGREE_S
        reason = DeadlineExceededError if too_late else ClientGoneError
        call.status = reason.grpc_code
        self._service.metrics.count_rejected(reason.slug)

    async def _abort(self, call: RpcCall, context: Context, error: ServiceError) -> None:
        call.status = error.grpc_code
        problem = orjson.dumps(error.problem() | {"request_id": call.request_id})
        headers = ((name.lower(), value) for name, value in error.headers.items())
        metadata = (("x-request-id", call.request_id), ("fasterpose-problem-bin", problem), *headers)
        await context.abort(StatusCode[error.grpc_code], error.detail, metadata)

    def _record(self, call: RpcCall, seconds: float) -> None:
        self._service.metrics.count_request("grpc", call.method, call.status, seconds)
        self._service.count_caller(call.caller, call.status)
        fields: dict[str, object] = {
            "method": "gRPC",
            "path": call.method,
            "status": call.status,
            "duration_ms": round(seconds * 1000, 1),
            "request_id": call.request_id,
            **key_fields(call.caller),
            **call.trace,
        }
        logger.info("gRPC %s %s", call.method, call.status, extra={"fields": fields})


def time_remaining(context: Context) -> float | None:
    """What is left until the client gives up, s; None if it will wait, which grpc's types leave out."""
    return context.time_remaining()


def _begin(method: str, context: Context) -> RpcCall:
    given: dict[str, Any] = dict(context.invocation_metadata() or ())
    return RpcCall(
        method,
        request_id_from(given.get("x-request-id")),
        trace_fields(given.get("traceparent")),
        asyncio.get_running_loop().time(),
        given,
    )
