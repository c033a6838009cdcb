"""What a client sends so that its request can be found again: a request id, a trace."""

import re
import secrets

LONGEST_REQUEST_ID = 128
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def request_id_from(given: str | None) -> str:
    """The client's id if it is short and printable, so that no log line can be forged; else a new one."""
    if given and len(given) <= LONGEST_REQUEST_ID and given.isascii() and given.isprintable():
        return given
    return secrets.token_hex(8)


def trace_id_from(traceparent: str | None) -> str | None:
    """The trace id, 32 hex digits, of a W3C `traceparent`; None if there is none or it is not a valid one."""
    match = TRACEPARENT.fullmatch(traceparent or "")
    return match[1] if match else None
