"""HEIC, the photographs of iPhones: decoded by libheif where the extra `heic` is installed.

libheif keeps a picture to the size that its file claims, so that the header decides on limits, as for all types.
"""

import struct
from types import ModuleType

import cv2
import numpy as np

from model.contract.arrays import ImageArray
from model.contract.image import ImageError, ImageHeader, ImageLimits, check_limits, to_rgb
from model.contract.image_boxes import brands_of, check_whole, is_avif, read_primary
from model.contract.image_header import SERVED

BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis"})
"""ISO 23008-12: single pictures in HEVC. Bursts and films (`hevc`, `mp42`) are other things."""


def is_heic(data: bytes) -> bool:
    """Whether a file says that it is HEIC; one that is AVIF too is not, since every server decodes that."""
    return not BRANDS.isdisjoint(brands_of(data)) and not is_avif(data)


def read_heic_header(data: bytes) -> ImageHeader:
    """Size and orientation, no pixel decoded.

    Raises:
        ImageError: `unsupported` without the extra; `corrupt` where the file is broken or cut off, or claims no pixels.
    """
    _libheif()
    try:
        check_whole(data)
        width, height, orientation = read_primary(data)
    except (struct.error, IndexError, ValueError) as error:
        raise _corrupt() from error
    if width <= 0 or height <= 0:
        raise _corrupt()
    return ImageHeader("heic", width, height, orientation)


def decode_heic(data: bytes, limits: ImageLimits) -> ImageArray:
    """Decode the primary picture of a HEIC file.

    It is upright by the file's own rotation and mirroring (`irot`, `imir`), which the standard puts in the place of the
    EXIF orientation. 10 and 12 bit samples become 8 bit ones; a transparent picture lies on white.

    Args:
        data: the whole file.
        limits: what is refused before decoding.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: as `read_heic_header`; the file is too large, or corrupt.
    """
    check_limits(data, limits, read_heic_header)
    try:
        pictures = _libheif().open_heif(data, bgr_mode=True)
        pixels = np.asarray(pictures[pictures.primary_index])
    except (RuntimeError, ValueError, SyntaxError, EOFError, OSError, MemoryError) as error:
        raise _corrupt() from error
    return to_rgb(_gray_as_colour(pixels))


def _libheif() -> ModuleType:
    try:
        import pillow_heif  # noqa: PLC0415 - only who is sent a HEIC needs it
    except ImportError as error:
        raise ImageError(
            "unsupported",
            "HEIC is served only where the extra `heic` is installed, which it is not here "
            f"(pip install 'fasterpose[heic]'); convert it to {SERVED}",
        ) from error
    pillow_heif.options.DECODE_THREADS = 1  # several pictures are decoded at a time, each on a thread of ours
    return pillow_heif


def _gray_as_colour(pixels: np.ndarray) -> ImageArray:
    """Gray with transparency, (H, W, 2), as BGRA; all else as it is."""
    if pixels.ndim == 2 or pixels.shape[2] != 2:
        return pixels
    return np.dstack([cv2.cvtColor(pixels[..., 0], cv2.COLOR_GRAY2BGR), pixels[..., 1]])


def _corrupt() -> ImageError:
    return ImageError("corrupt", "the HEIC file is truncated or corrupt; send the whole file")
