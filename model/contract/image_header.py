"""Image headers: format, stored size and orientation of JPEG, PNG, WebP, BMP, TIFF, GIF and AVIF, no pixel decoded.

The server refuses a picture by what its header claims, so that a few bytes cannot make it allocate gigabytes.
Every parser moves forward only, and a claim that does not fit the bytes is an error.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from model.contract.image_boxes import is_avif, read_primary
from model.contract.image_tags import EXIF_MARK, exif_orientation, read_tiff

SERVED = "JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF"
MAX_BLOCKS = 65_536
"""A file with more segments or chunks than this is refused: walking them would take longer than decoding."""
MAX_TEXT = 1 << 20
"""Bytes that are unpacked at most from a PNG's text, which can hold an EXIF block in hexadecimal."""

SCAN = 0xDA
"""JPEG's marker of a scan (SOS)."""

Reason = Literal["empty", "unsupported", "corrupt", "too_many_bytes", "too_many_pixels"]
Stored = tuple[int, int, int]
"""Width, height and orientation as stored."""


class ImageError(ValueError):
    """An image that cannot be used; the message is a sentence for whoever sent it.

    Attributes:
        reason: what kind of refusal it is.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason


@dataclass(frozen=True)
class ImageHeader:
    """What a file says of itself.

    Attributes:
        format: `jpeg`, `png`, `webp`, `bmp`, `tiff`, `gif` or `avif`.
        width: stored width in pixels, before the orientation is applied.
        height: stored height in pixels, before the orientation is applied.
        orientation: EXIF orientation 1..8; 1 is upright and stands where the file says nothing usable.
    """

    format: str
    width: int
    height: int
    orientation: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) in pixels once the orientation is applied."""
        turned = self.orientation >= 5
        return (self.height, self.width) if turned else (self.width, self.height)


def read_header(data: bytes) -> ImageHeader:
    """Read format, size and orientation from the first bytes of a file.

    Args:
        data: the whole file.

    Raises:
        ImageError: `empty`, `unsupported`, or `corrupt` where the header is broken or claims no pixels.
    """
    if not data:
        raise ImageError("empty", f"the image is empty (0 bytes); send a {SERVED} file")
    name = _format_of(data)
    try:
        width, height, orientation = PARSERS[name](data)
    except (struct.error, IndexError, ValueError) as error:
        raise ImageError("corrupt", f"the {name.upper()} header is broken or cut off; send the whole file") from error
    if width <= 0 or height <= 0:
        raise ImageError("corrupt", f"the {name.upper()} header claims {width} x {height} pixels; there is no picture")
    return ImageHeader(name, width, height, orientation)


def has_jpeg_end(data: bytes) -> bool:
    """Whether a JPEG's scan is closed by an end marker; a thumbnail's marker, in a segment before it, does not count.

    Raises:
        ValueError: broken or cut off before the scan.
    """
    starts = (end for marker, _, end in _jpeg_segments(data) if marker == SCAN)
    return data.rfind(b"\xff\xd9", next(starts)) >= 0


def _format_of(data: bytes) -> str:
    for signature, name in SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        if is_avif(data):
            return "avif"
        raise ImageError("unsupported", f"HEIC and other ISO media files are not served; convert it to {SERVED}")
    raise ImageError("unsupported", f"this is not an image type that is served; send {SERVED}")


def _read_jpeg(data: bytes) -> Stored:
    """ITU T.81, B.2: the frame header (SOF) holds the size; EXIF stands in an APP1 segment."""
    size: tuple[int, int] | None = None
    orientation = 1
    for marker, start, end in _jpeg_segments(data):
        if marker == SCAN:  # the entropy-coded data follow
            break
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC} and size is None:
            height, width = struct.unpack_from(">HH", data, start + 1)
            size = (width, height)
        if marker == 0xE1 and data[start : start + 6] == EXIF_MARK and orientation == 1:
            orientation = exif_orientation(data[start:end])
    if size is None:
        raise ValueError("no frame header before the scan")
    return (*size, orientation)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment's content, up to and with the first scan's header."""
    position = 2
    for _ in range(MAX_BLOCKS):
        position = data.index(b"\xff", position)
        while data[position] == 0xFF:  # any number of fill bytes
            position += 1
        marker = data[position]
        position += 1
        if marker in {0, 1, *range(0xD0, 0xD8)}:  # stuffing and markers without content
            continue
        length = struct.unpack_from(">H", data, position)[0]
        if marker in {0xD8, 0xD9} or length < 2:
            raise ValueError("a segment that cannot stand before the scan")
        yield marker, position + 2, position + length
        position += length
    raise ValueError("too many segments")


def _read_png(data: bytes) -> Stored:
    """PNG, third edition: IHDR comes first; `eXIf` and ImageMagick's text profiles may stand anywhere."""
    width, height = struct.unpack_from(">II", data, 16)
    if data[12:16] != b"IHDR" or max(width, height) > 0x7FFFFFFF:
        raise ValueError("no valid IHDR")
    orientation = 1
    for kind, start, end in _png_chunks(data):
        if orientation == 1:
            orientation = _png_orientation(kind, data, start, end)
    return width, height, orientation


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    position = 8
    for _ in range(MAX_BLOCKS):
        length, kind = struct.unpack_from(">I4s", data, position)
        start, end = position + 8, position + 8 + length
        if end + 4 > len(data):
            raise ValueError("a chunk is cut off")
        if kind == b"IEND":
            return
        yield kind, start, end
        position = end + 4
    raise ValueError("too many chunks")


def _png_orientation(kind: bytes, data: bytes, start: int, end: int) -> int:
    if kind == b"eXIf":
        return exif_orientation(data[start:end])
    if kind in {b"tEXt", b"zTXt", b"iTXt"} and data[start : start + 17] == b"Raw profile type ":
        name, _, content = data[start:end].partition(b"\0")
        if name[17:] in {b"exif", b"APP1"}:
            return exif_orientation(_unhex(_png_text(kind, content)))
    return 1


def _png_text(kind: bytes, content: bytes) -> bytes:
    """The text of a chunk after its keyword, unpacked where it is packed."""
    if kind == b"tEXt":
        return content[:MAX_TEXT]
    if kind == b"zTXt":
        return _inflate(content[1:])
    packed, text = content[:1] == b"\x01", content[2:].split(b"\0", 2)[-1]
    return _inflate(text) if packed else text[:MAX_TEXT]


def _inflate(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, MAX_TEXT)
    except zlib.error:
        return b""


def _unhex(text: bytes) -> bytes:
    """ImageMagick's profile text: a newline, the name, the length, then hexadecimal digits in lines."""
    digits = b"".join(text.split(b"\n")[3:])
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return b""


def _read_webp(data: bytes) -> Stored:
    """RFC 9649: the first chunk holds the size; EXIF, if any, is a chunk of its own."""
    if struct.unpack_from("<I", data, 4)[0] + 8 > len(data):
        raise ValueError("the file is shorter than its RIFF header says")
    width, height = _webp_size(data)
    orientation = 1
    for kind, start, end in _riff_chunks(data):
        if kind == b"EXIF" and orientation == 1:
            orientation = exif_orientation(data[start:end])
    return width, height, orientation


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("no VP8, VP8L or VP8X chunk at the start")


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    position, blocks = 12, 0
    while position + 8 <= len(data) and blocks < MAX_BLOCKS:
        kind, length = struct.unpack_from("<4sI", data, position)
        yield kind, position + 8, position + 8 + length
        position += 8 + length + length % 2
        blocks += 1


def _read_bmp(data: bytes) -> Stored:
    """Windows bitmap: a core header has 16 bit sizes; a negative height means the top row comes first."""
    core = struct.unpack_from("<I", data, 14)[0] == 12
    width, height = struct.unpack_from("<HH" if core else "<ii", data, 18)
    return width, abs(height), 1


def _read_gif(data: bytes) -> Stored:
    """GIF89a: the size of the canvas."""
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height, 1


SIGNATURES = (
    (b"\xff\xd8", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"BM", "bmp"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    *((start, "tiff") for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
)

PARSERS: dict[str, Callable[[bytes], Stored]] = {
    "jpeg": _read_jpeg,
    "png": _read_png,
    "webp": _read_webp,
    "bmp": _read_bmp,
    "gif": _read_gif,
    "tiff": read_tiff,
    "avif": read_primary,
}
