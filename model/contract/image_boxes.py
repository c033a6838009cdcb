"""AVIF and HEIC headers: the boxes of ISO media files (ISO 14496-12, 23008-12) with size, rotation and mirroring."""

import struct
from collections.abc import Iterator

MAX_BOXES = 4096
"""More boxes than this in one box are refused."""

Box = tuple[bytes, int, int]
"""Type, start and end of a box's content."""

ORIENTATIONS: dict[tuple[int, int | None], int] = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip
"""(quarter turns against the clock, mirror axis) -> EXIF orientation."""


def is_avif(data: bytes) -> bool:
    """Whether an ISO media file names AVIF among its brands."""
    return not brands_of(data).isdisjoint({b"avif", b"avis"})


def brands_of(data: bytes) -> set[bytes]:
    """What an ISO media file says it is; nothing for other files."""
    if data[4:8] != b"ftyp":
        return set()
    brands = data[8 : min(struct.unpack_from(">I", data)[0], 512)]
    return {brands[at : at + 4] for at in range(0, len(brands), 4)}


def check_whole(data: bytes) -> None:
    """Refuse a file that ends within a box.

    Raises:
        ValueError: it does.
        struct.error: cut off.
    """
    for _ in _boxes(data, 0, len(data)):
        pass


def read_primary(data: bytes) -> tuple[int, int, int]:
    """Stored width, height and orientation of the primary picture of an AVIF or HEIC file.

    Raises:
        ValueError: a box is cut off, or there is no size.
        struct.error: cut off.
    """
    properties = _primary_properties(data)
    if b"ispe" not in properties:
        raise ValueError("no size")
    width, height = struct.unpack_from(">II", data, properties[b"ispe"] + 4)
    turns = data[properties[b"irot"]] & 3 if b"irot" in properties else 0
    axis = data[properties[b"imir"]] & 1 if b"imir" in properties else None
    return width, height, ORIENTATIONS[turns, axis]


def sample_peak(data: bytes) -> int:
    """The value of white in an AVIF's samples: 255, 1023 or 4095.

    Raises:
        ValueError: a box is cut off.
        struct.error: cut off.
    """
    peaks = [255]
    for kind, start, _ in _properties(data):
        if kind == b"av1C":
            high, twelve = data[start + 2] & 0x40, data[start + 2] & 0x20
            peaks.append((4095 if twelve else 1023) if high else 255)
    return max(peaks)


def _primary_properties(data: bytes) -> dict[bytes, int]:
    """Property type -> start of its content, for the primary picture; the first of a type counts."""
    meta = _meta(data)
    primary = _full_box_number(data, _only(data, b"pitm", meta))
    indices = _associations(data, _only(data, b"ipma", _only(data, b"iprp", meta)), primary)
    boxes = _properties(data)
    found: dict[bytes, int] = {}
    for index in indices:
        if 1 <= index <= len(boxes):
            found.setdefault(boxes[index - 1][0], boxes[index - 1][1])
    return found


def _properties(data: bytes) -> list[Box]:
    _, start, end = _only(data, b"ipco", _only(data, b"iprp", _meta(data)))
    return list(_boxes(data, start, end))


def _meta(data: bytes) -> Box:
    kind, start, end = _only(data, b"meta", (b"", 0, len(data)))
    return kind, start + 4, end  # after version and flags


def _only(data: bytes, kind: bytes, inside: Box) -> Box:
    for box in _boxes(data, inside[1], inside[2]):
        if box[0] == kind:
            return box
    raise ValueError(f"no {kind.decode()} box")


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    for _ in range(MAX_BOXES):
        if start >= end:
            return
        length, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        stop = end if length == 0 else start + length
        if stop > end or stop < start + head:
            raise ValueError("a box does not fit into its parent")
        yield kind, start + head, stop
        start = stop
    raise ValueError("too many boxes")


def _full_box_number(data: bytes, box: Box) -> int:
    version = data[box[1]]
    return struct.unpack_from(">H" if version == 0 else ">I", data, box[1] + 4)[0]


def _associations(data: bytes, box: Box, item: int) -> list[int]:
    """The 1-based property numbers of one item (ipma box)."""
    start, end = box[1], box[2]
    version, wide = data[start], data[start + 3] & 1
    count = struct.unpack_from(">I", data, start + 4)[0]
    position = start + 8
    for _ in range(count):
        if position >= end:
            break
        found = struct.unpack_from(">H" if version < 1 else ">I", data, position)[0]
        position += 2 if version < 1 else 4
        entries = data[position]
        position += 1
        size = 2 if wide else 1
        if found == item:
            numbers = struct.unpack_from(f">{entries}{'H' if wide else 'B'}", data, position)
            return [number & (0x7FFF if wide else 0x7F) for number in numbers]
        position += entries * size
    raise ValueError("the primary picture has no properties")
