"""One place where errors become responses: `application/problem+json`, for our errors and the framework's."""

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from service.errors import ClientGoneError, InternalError, InvalidOptionError, ServiceError, from_http_status
from service.schemas import describe_location
from service.state import Service

REJECTIONS = {401, 403, 413, 429, 499, 503, 504}
"""Statuses that say: not you, not now, or not so much; and the client's own no."""
INFERENCE = "/v2"
"""Below it clients of the Open Inference Protocol look for a member `error`, which RFC 9457 lets a problem have."""


def add_problem_handlers(app: FastAPI) -> None:
    """Let every expected error come out as a problem; `RequestMiddleware` sees to the unexpected ones."""

    async def service_error(request: Request, error: Exception) -> Response:
        return problem_response(request, error if isinstance(error, ServiceError) else InternalError())

    async def http_error(request: Request, error: Exception) -> Response:
        status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
        response = problem_response(request, from_http_status(status, detail))
        response.headers.update(getattr(error, "headers", None) or {})  # `Allow` of a 405
        return response

    async def validation_error(request: Request, error: Exception) -> Response:
        first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": ""}
        return problem_response(
            request, InvalidOptionError(f"{describe_location(tuple(first['loc']))}: {first['msg']}")
        )

    async def client_gone(request: Request, _: Exception) -> Response:
        return problem_response(request, ClientGoneError())  # it hung up while it sent its body

    app.add_exception_handler(ServiceError, service_error)
    app.add_exception_handler(ClientDisconnect, client_gone)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, validation_error)


def problem_response(request: Request, error: ServiceError) -> Response:
    """An error as a response."""
    service: Service = request.app.state.service
    if error.status in REJECTIONS:
        service.metrics.count_rejected(error.slug)
    problem = error.problem() | {"request_id": request.state.request_id}
    if request.url.path.startswith(INFERENCE):
        problem["error"] = error.detail
    return Response(orjson.dumps(problem), error.status, dict(error.headers), "application/problem+json")
