"""`docs/errors.md`, from `service/errors.py`."""

from collections.abc import Iterator

from docs.site.markdown import page, table
from service.docs import ROUTE_ERRORS
from service.errors import ServiceError
from service.problems import REJECTIONS

INTRODUCTION = """
An error is an RFC 9457 problem, `application/problem+json`, with a sentence that says what is wrong and what to do:

```json
{
  "type": "urn:fasterpose:problem:invalid-option",
  "title": "Invalid option",
  "status": 422,
  "detail": "person_threshold: input should be less than or equal to 1",
  "request_id": "8d5b0f8be66b4a3c"
}
```

`request_id` is also the header `X-Request-ID`: the client's own, or a new one; the server's log has it too.
Programs look at `type`, or at `status`; `detail` is for people and may change. No error carries a stack trace or a
path of the server. Of a request with several images, one that cannot be answered fails alone: the same members,
without `request_id`, are the `error` of its entry in `images`, and the status is 200.

Over gRPC an error is a status with the same sentence; the problem is in the trailing metadata
`fasterpose-problem-bin`, as JSON. Over a WebSocket it is the answer to the frame ([websocket.md](websocket.md)).
[troubleshooting.md](troubleshooting.md) goes through the sentences.
"""
AFTER = """
Those that are counted are in the metric `fasterpose_rejected_total` by their type. 429 and 503 carry `Retry-After`
in seconds. 499 is seen by nobody but logs and metrics: the client hung up.
"""


def errors_page() -> str:
    """The page, Markdown."""
    header = ["HTTP", "gRPC", "type, after `urn:fasterpose:problem:`", "when", "for example", "counted"]
    rows = [_row(error) for error in sorted(_kinds(ServiceError), key=lambda error: error.status)]
    return page("Errors", INTRODUCTION, table(header, rows), AFTER)


def _kinds(error: type[ServiceError]) -> Iterator[type[ServiceError]]:
    """All kinds of an error that the server answers with; the plain one is never raised."""
    for kind in error.__subclasses__():
        if kind.__module__ == ServiceError.__module__:
            yield kind
        yield from _kinds(kind)


def _row(error: type[ServiceError]) -> list[str]:
    when = (error.__doc__ or "").split("\n")[0]
    example = next((errors[error] for errors in ROUTE_ERRORS.values() if error in errors), "")
    counted = "yes" if error.status in REJECTIONS else ""
    return [str(error.status), error.grpc_code, f"`{error.slug}`", when, example, counted]
