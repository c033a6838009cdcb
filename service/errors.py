"""Every error a caller can meet; each knows its HTTP status and its gRPC status.

ServiceError
├── InvalidImageError      400  the bytes cannot be decoded
├── InvalidBodyError       400  the body around the image cannot be read
├── UnauthenticatedError   401  API keys are configured, and none or a wrong one was given
├── ForbiddenError         403  the key is not for this
├── NotFoundError          404
├── MethodNotAllowedError  405
├── TooSlowError           408  the request did not come in time
├── NotLoadedError         409  a bundle could not take a model's place; what served before still does
├── TooLargeError          413  more bytes, pixels, images or boxes than configured
├── UnsupportedMediaError  415  not an image type, or not a body form, that is served
├── InvalidOptionError     422  a wrong option or box, named with its location
├── OverloadedError        429  too many requests in flight, or too much waits
│   └── RateLimitedError   429  the limits of this key
├── HeadTooLargeError      431  a request line and headers of too many bytes
├── ClientGoneError        499  the client hung up; nobody reads the answer
├── InternalError          500  a fault of ours; the log has it under the request id
├── UnavailableError       503  loading or draining
└── DeadlineExceededError  504
"""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from model.contract.image import ImageError


class ServiceError(Exception):
    """An error with a public sentence.

    Attributes:
        status: HTTP status.
        grpc_code: name of the gRPC status code.
        slug: the error's short name, used in the problem's `type` and in metrics.
        title: what kind of error it is, the same for all of its kind.
        detail: what is wrong this time and what to do; free of paths and stack traces.
    """

    status: ClassVar[int] = 500
    grpc_code: ClassVar[str] = "INTERNAL"
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def headers(self) -> Mapping[str, str]:
        """HTTP headers that belong to the error."""
        return {}

    def problem(self) -> dict[str, str | int]:
        """The members of an RFC 9457 problem, without the request id."""
        return {
            "type": f"urn:fasterpose:problem:{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }


class InvalidImageError(ServiceError):
    """The bytes are empty, truncated or corrupt."""

    status, grpc_code, slug, title = 400, "INVALID_ARGUMENT", "invalid-image", "The image cannot be decoded"


class InvalidBodyError(ServiceError):
    """The JSON or multipart body around the images cannot be read."""

    status, grpc_code, slug, title = 400, "INVALID_ARGUMENT", "invalid-body", "The body cannot be read"


class UnauthenticatedError(ServiceError):
    """No API key, or a wrong one, where one is asked for."""

    status, grpc_code, slug, title = 401, "UNAUTHENTICATED", "unauthenticated", "An API key is needed"

    def __init__(self, detail: str, *, given: bool = False) -> None:
        super().__init__(detail)
        self._given = given

    @property
    def headers(self) -> Mapping[str, str]:
        """How to authenticate, RFC 6750."""
        error = ', error="invalid_token"' if self._given else ""
        return {"WWW-Authenticate": f'Bearer realm="fasterpose"{error}'}


class ForbiddenError(ServiceError):
    """The key lets its owner in, but not here."""

    status, grpc_code, slug, title = 403, "PERMISSION_DENIED", "forbidden", "Not allowed"


class NotFoundError(ServiceError):
    """No such route or model."""

    status, grpc_code, slug, title = 404, "NOT_FOUND", "not-found", "Not found"


class MethodNotAllowedError(ServiceError):
    """The route exists, but not with this method."""

    status, grpc_code, slug, title = 405, "UNIMPLEMENTED", "method-not-allowed", "Method not allowed"


class TooSlowError(ServiceError):
    """The head of a request, or its body, did not come in time."""

    status, grpc_code, slug, title = 408, "DEADLINE_EXCEEDED", "too-slow", "The request came too slowly"


class NotLoadedError(ServiceError):
    """A bundle could not take a model's place; what served before still does."""

    status, grpc_code, slug, title = 409, "FAILED_PRECONDITION", "not-loaded", "The bundle was not loaded"


class TooLargeError(ServiceError):
    """More bytes, pixels, images or boxes than configured."""

    status, grpc_code, slug, title = 413, "RESOURCE_EXHAUSTED", "too-large", "Too large"


class UnsupportedMediaError(ServiceError):
    """Not an image type, or not a body form, that is served."""

    status, grpc_code, slug, title = 415, "INVALID_ARGUMENT", "unsupported-media", "Unsupported media type"


class InvalidOptionError(ServiceError):
    """A wrong option or box; the detail names its location."""

    status, grpc_code, slug, title = 422, "INVALID_ARGUMENT", "invalid-option", "Invalid option"


class OverloadedError(ServiceError):
    """Too many requests in flight, or too much waits for a model.

    Attributes:
        retry_after: when to come again, seconds.
    """

    status, grpc_code, slug, title = 429, "RESOURCE_EXHAUSTED", "overloaded", "Too many requests in flight"

    def __init__(self, detail: str, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = max(1, math.ceil(retry_after))

    @property
    def headers(self) -> Mapping[str, str]:
        """When to come again, in whole seconds."""
        return {"Retry-After": str(self.retry_after)}


class RateLimitedError(OverloadedError):
    """The key has used up what it may; others are still answered."""

    slug, title = "rate-limited", "Too many requests of this key"


class HeadTooLargeError(ServiceError):
    """The request line and the headers have more bytes than configured."""

    status, grpc_code, slug, title = 431, "RESOURCE_EXHAUSTED", "head-too-large", "Request head too large"


class ClientGoneError(ServiceError):
    """The client hung up before its answer; 499 as nginx logs it. Nobody reads this, but logs and metrics count it."""

    status, grpc_code, slug, title = 499, "CANCELLED", "client-gone", "The client is gone"

    def __init__(self) -> None:
        super().__init__("The client closed the connection before the answer.")


class InternalError(ServiceError):
    """A fault of ours; the log has it under the request id."""

    def __init__(self) -> None:
        super().__init__("The server failed on this request. The log of the server has the cause under the request id.")


class UnavailableError(ServiceError):
    """The models are loading, could not be loaded, or the server is shutting down."""

    status, grpc_code, slug, title = 503, "UNAVAILABLE", "unavailable", "Not ready"

    @property
    def headers(self) -> Mapping[str, str]:
        """When to come again, in seconds."""
        return {"Retry-After": "1"}


class DeadlineExceededError(ServiceError):
    """The request's deadline passed."""

    status, grpc_code, slug, title = 504, "DEADLINE_EXCEEDED", "deadline-exceeded", "Deadline exceeded"


_IMAGE_ERRORS: dict[str, type[ServiceError]] = {
    "empty": InvalidImageError,
    "corrupt": InvalidImageError,
    "unsupported": UnsupportedMediaError,
    "too_many_bytes": TooLargeError,
    "too_many_pixels": TooLargeError,
}


def from_image_error(error: ImageError) -> ServiceError:
    """The service's error for what the image decoder refused."""
    sentence = str(error)
    return _IMAGE_ERRORS[error.reason](f"{sentence[0].upper()}{sentence[1:]}.")


def from_http_status(status: int, detail: str) -> ServiceError:
    """The service's error for a refusal of the web framework."""
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError("There is no such route. GET /docs lists the routes.")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowedError("This route does not take this method. GET /docs lists the routes.")
    if status == HTTPStatus.BAD_REQUEST:
        return InvalidBodyError(detail)
    return InternalError()
