"""What a client sends so that its request can be found again: a request id, a trace."""

import random
import re

LONGEST_REQUEST_ID = 128
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(-.*)?"
)
"""https://www.w3.org/TR/trace-context/#traceparent-header; later versions may have more behind the flags."""


def request_id_from(given: str | None) -> str:
    """The client's id if it is short and printable, so that no log line can be forged; else a new one."""
    if given and len(given) <= LONGEST_REQUEST_ID and given.isascii() and given.isprintable():
        return given
    return f"{random.getrandbits(64):016x}"  # unlike others, not secret


def trace_fields(traceparent: str | None) -> dict[str, str]:
    """The caller's trace for a log line, so that one request is found across services.

    Args:
        traceparent: W3C trace context, as sent.

    Returns:
        `trace_id` of 32 and `parent_id` of 16 hex digits; nothing if it is missing or not valid.
    """
    match = TRACEPARENT.fullmatch(traceparent or "")
    return {"trace_id": match["trace"], "parent_id": match["span"]} if match else {}
