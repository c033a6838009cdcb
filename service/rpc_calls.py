"""What surrounds every gRPC call: its id, arrival, status, metrics and log line."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from grpc import StatusCode, aio

from service.errors import DeadlineExceededError, InternalError, ServiceError
from service.identity import request_id_from, trace_fields
from service.problems import REJECTIONS
from service.state import Service

logger = logging.getLogger("fasterpose.access")

Context = aio.ServicerContext[Any, Any]


@dataclass
class RpcCall:
    """One call.

    Attributes:
        method: `/package.Service/Method`.
        request_id: the client's, or a new one.
        trace: fields of the client's `traceparent` for the log, if it sent one.
        arrival: by the event loop's clock, seconds.
        status: name of the gRPC status that it ends with.
    """

    method: str
    request_id: str
    trace: dict[str, str]
    arrival: float
    status: str = "OK"


class RpcCalls:
    """Gives each call an id, counts and logs it, turns errors into statuses, and knows which ones are in progress."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._tasks: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def around(self, method: str, context: Context) -> AsyncGenerator[RpcCall]:
        """Surround one call; a `ServiceError` inside becomes the call's status, any other error INTERNAL."""
        call = _begin(method, context)
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        context.set_trailing_metadata((("x-request-id", call.request_id),))
        try:
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
        if context.time_remaining() == 0:
            call.status = DeadlineExceededError.grpc_code
            self._service.metrics.count_rejected(DeadlineExceededError.slug)
        else:
            call.status = StatusCode.CANCELLED.name

    async def _abort(self, call: RpcCall, context: Context, error: ServiceError) -> None:
        call.status = error.grpc_code
        problem = orjson.dumps(error.problem() | {"request_id": call.request_id})
        headers = ((name.lower(), value) for name, value in error.headers.items())
        metadata = (("x-request-id", call.request_id), ("fasterpose-problem-bin", problem), *headers)
        await context.abort(StatusCode[error.grpc_code], error.detail, metadata)

    def _record(self, call: RpcCall, seconds: float) -> None:
        self._service.metrics.count_request("grpc", call.method, call.status, seconds)
        fields: dict[str, object] = {
            "method": "gRPC",
            "path": call.method,
            "status": call.status,
            "duration_ms": round(seconds * 1000, 1),
            "request_id": call.request_id,
            **call.trace,
        }
        logger.info("gRPC %s %s", call.method, call.status, extra={"fields": fields})


def _begin(method: str, context: Context) -> RpcCall:
    given: dict[str, Any] = dict(context.invocation_metadata() or ())
    return RpcCall(
        method,
        request_id_from(given.get("x-request-id")),
        trace_fields(given.get("traceparent")),
        asyncio.get_running_loop().time(),
    )
