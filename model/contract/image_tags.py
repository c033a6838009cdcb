"""TIFF directories: size and orientation of a TIFF file, and the orientation in EXIF, which is a small TIFF."""

import struct
from typing import NamedTuple

WIDTH, HEIGHT, ORIENTATION, TILE_WIDTH, TILE_HEIGHT = 256, 257, 274, 322, 323
EXIF_MARK = b"Exif\0\0"
INTEGER_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Field type -> struct code, for the unsigned integers: BYTE, SHORT, LONG and BigTIFF's LONG8."""


class Tag(NamedTuple):
    """One whole number of a directory: the number and where its bytes stand."""

    number: int
    position: int
    code: str


def read_tiff(data: bytes) -> tuple[int, int, int]:
    """Width, height and orientation of a TIFF's first picture.

    Raises:
        ValueError: no size, or tiles far larger than the picture, which would be allocated whole.
        struct.error: cut off.
    """
    tags = _first_directory(data)
    if WIDTH not in tags or HEIGHT not in tags:
        raise ValueError("no width or height")
    width, height = tags[WIDTH].number, tags[HEIGHT].number
    tile = [tags[key].number for key in (TILE_WIDTH, TILE_HEIGHT) if key in tags]
    if len(tile) == 2 and tile[0] * tile[1] > max(4 * width * height, 1 << 20):
        raise ValueError("tiles larger than the picture")
    return width, height, _usable(tags)


def exif_orientation(block: bytes) -> int:
    """Orientation 1..8 of an EXIF block, with or without its `Exif` mark; 1 where it is absent, broken or cut off.

    A broken EXIF block never makes a picture unusable: cameras and editors write many.
    """
    try:
        return _usable(_first_directory(block.removeprefix(EXIF_MARK)))
    except (struct.error, ValueError):
        return 1


def with_upright_tag(data: bytes) -> bytes:
    """The same TIFF with orientation 1, so that no decoder turns it: some do, whatever they are told."""
    tag = _first_directory(data).get(ORIENTATION)
    if tag is None or tag.number == 1:
        return data
    upright = struct.pack(_byte_order(data) + tag.code, 1)
    return data[: tag.position] + upright + data[tag.position + len(upright) :]


def _usable(tags: dict[int, Tag]) -> int:
    number = tags[ORIENTATION].number if ORIENTATION in tags else 1
    return number if 1 <= number <= 8 else 1


def _byte_order(data: bytes) -> str:
    return ">" if data[:2] == b"MM" else "<"


def _first_directory(data: bytes) -> dict[int, Tag]:
    """The whole-number tags of the first directory; of a tag that occurs twice the first counts, as in libtiff."""
    order = _byte_order(data)
    version = struct.unpack_from(order + "H", data, 2)[0]
    if data[:2] not in {b"II", b"MM"} or version not in {42, 43}:
        raise ValueError("not a TIFF directory")
    big = version == 43
    start = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    if start > len(data):
        raise ValueError("the directory lies behind the end")
    count = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
    first, size, value_offset = (start + 8, 20, 12) if big else (start + 2, 12, 8)
    if first + count * size > len(data):
        raise ValueError("the directory is cut off")
    tags: dict[int, Tag] = {}
    for position in range(first, first + min(count, 0xFFFF) * size, size):
        key, kind = struct.unpack_from(order + "HH", data, position)
        code = INTEGER_CODES.get(kind)
        if code is not None and key not in tags:
            where = position + value_offset
            tags[key] = Tag(struct.unpack_from(order + code, data, where)[0], where, code)
    return tags
