"""`multipart/form-data` (RFC 7578): a body that is all there, and no larger than allowed, -> its parts.

Parsers that take a form as it comes in go through it state by state. A whole body needs a search for its boundaries.
"""

import re
from typing import NamedTuple

from service.errors import InvalidBodyError, TooLargeError

LONGEST_HEAD = 8 * 1024
"""Bytes of a part's header lines."""
PARAMETER = re.compile(r';\s*([^\s=;"]+)=(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))')
"""`; name=value` or `; name="value"` of a header's value."""


class Part(NamedTuple):
    """One part of a form.

    Attributes:
        name: of the field.
        content: its bytes.
        is_file: whether it came with a file name.
    """

    name: str
    content: bytes
    is_file: bool


def read_parts(content_type: str, body: bytes, most: int) -> list[Part]:
    """Take a form apart.

    Args:
        content_type: the request's header, which names the boundary.
        body: the whole form.
        most: parts that are taken.

    Raises:
        InvalidBodyError: not a form, or not all of one.
        TooLargeError: more parts than `most`.
    """
    boundary = _parameters(content_type).get("boundary")
    if not boundary:
        raise InvalidBodyError("The Content-Type multipart/form-data names no boundary.")
    _, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(), most + 1)
    parts: list[Part] = []
    for piece in pieces:
        if piece.startswith(b"--"):
            return parts
        if len(parts) == most:
            raise TooLargeError(f"The form has more than {most} parts.")
        parts.append(_read_part(piece))
    raise InvalidBodyError("The form ends before its last boundary; send all of it.")


def _read_part(piece: bytes) -> Part:
    """What stands between two boundaries: the end of the boundary's line, header lines, an empty one, the content."""
    head, end_of_head, content = piece.partition(b"\r\n\r\n")
    padding, *lines = head.split(b"\r\n") if len(head) <= LONGEST_HEAD else [head]
    if not end_of_head or padding.strip(b" \t"):
        raise InvalidBodyError("A part of the form has no header, or one that is too long.")
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            parameters = _parameters(value.decode(errors="replace"))
            return Part(parameters.get("name", ""), content, bool({"filename", "filename*"} & parameters.keys()))
    raise InvalidBodyError("A part of the form has no Content-Disposition.")


def _parameters(value: str) -> dict[str, str]:
    return {match[1].lower(): match[2] if match[2] is not None else match[3] for match in PARAMETER.finditer(value)}
