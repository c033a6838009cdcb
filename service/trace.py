"""W3C trace context: the caller's trace in our log lines, so that one request is found across services."""

import re

TRACEPARENT = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header, version 00."""


def trace_fields(traceparent: str | None) -> dict[str, str]:
    """`traceparent` -> `trace_id` and `parent_id` for the log; nothing for one that is missing, broken or all zeros."""
    match = TRACEPARENT.fullmatch(traceparent or "")
    if match is None or not (match["trace"].strip("0") and match["span"].strip("0")):
        return {}
    return {"trace_id": match["trace"], "parent_id": match["span"]}
