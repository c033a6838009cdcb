"""The id under which a request can be found again."""

import secrets

LONGEST_REQUEST_ID = 128


def request_id_from(given: str | None) -> str:
    """The client's id if it is short and printable, so that no log line can be forged; else a new one."""
    if given and len(given) <= LONGEST_REQUEST_ID and given.isascii() and given.isprintable():
        return given
    return secrets.token_hex(8)
