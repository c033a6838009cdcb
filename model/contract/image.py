"""Image files -> upright RGB arrays, for training, evaluation and serving alike.

Limits are decided from the header before any pixel is decoded. The orientation is applied here, by an explicit
flag; the decoder is kept from applying it, so that nothing turns twice.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from model.contract.arrays import ImageArray
from model.contract.image_boxes import sample_peak
from model.contract.image_header import SERVED, ImageError, ImageHeader, has_jpeg_end, read_header
from model.contract.image_tags import with_upright_tag

__all__ = ["ImageError", "ImageHeader", "ImageLimits", "check_limits", "decode_image", "read_header", "to_rgb"]


@dataclass(frozen=True)
class ImageLimits:
    """What is refused before decoding.

    Attributes:
        max_bytes: largest file, bytes.
        max_pixels: largest width x height that a header may claim.
    """

    max_bytes: int = 32 * 1024 * 1024
    max_pixels: int = 64_000_000


def decode_image(data: bytes, limits: ImageLimits = ImageLimits(), apply_orientation: bool = True) -> ImageArray:
    """Decode a JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF file.

    Of an animation or a multi-page file the first picture counts. Gray, palette and CMYK become RGB; 16 bit
    samples are divided by 257 and rounded. A transparent picture lies on white, as on a page: people that were cut
    out of their background are made to be seen so.

    Args:
        data: the whole file.
        limits: what is refused before decoding.
        apply_orientation: turn and mirror the picture upright, as its EXIF orientation says.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: the file is empty, too large, of a type that is not served, or corrupt.
    """
    header = check_limits(data, limits, read_header)
    rgb = _decode_jpeg(data, header) if header.format == "jpeg" else _decode_other(data, header)
    return _turn_upright(rgb, header.orientation) if apply_orientation else rgb


def check_limits(data: bytes, limits: ImageLimits, read: Callable[[bytes], ImageHeader]) -> ImageHeader:
    """The header of a file, as `read` reads it, if the file is within the limits.

    Raises:
        ImageError: `too_many_bytes`, `too_many_pixels`, or what `read` raises.
    """
    if len(data) > limits.max_bytes:
        raise ImageError("too_many_bytes", f"the image has {len(data)} bytes; at most {limits.max_bytes} are taken")
    header = read(data)
    if header.width * header.height > limits.max_pixels:
        raise ImageError(
            "too_many_pixels",
            f"the image has {header.width} x {header.height} pixels; at most {limits.max_pixels} are taken",
        )
    return header


def _decode_jpeg(data: bytes, header: ImageHeader) -> ImageArray:
    """RGB as the decoder writes it: a JPEG has 8 bits and no transparency, and the pixels need no second pass."""
    if not has_jpeg_end(data):
        raise _corrupt(header)  # without its end marker some decoders fill the rest with gray
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return np.asarray(_decode_stored(data, header, flags), dtype=np.uint8)


def _decode_other(data: bytes, header: ImageHeader) -> ImageArray:
    source = with_upright_tag(data) if header.format == "tiff" else data
    return to_rgb(_to_uint8(_decode_stored(source, header, cv2.IMREAD_UNCHANGED), data, header))


def _decode_stored(data: bytes, header: ImageHeader, flags: int) -> np.ndarray:
    """The pixels as `flags` ask; unchanged: (H, W) gray, (H, W, 3) BGR or (H, W, 4) BGRA, of the file's own depth."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        raise _corrupt(header) from error
    if pixels is None:
        raise _corrupt(header) if _is_built_in(header.format) else _not_built_in(header)
    if pixels.shape[:2] != (header.height, header.width):
        raise _corrupt(header)
    return pixels


def _is_built_in(image_format: str) -> bool:
    """Whether this OpenCV can decode the format; old builds lack GIF and AVIF."""
    return cv2.haveImageWriter(f"image.{image_format}")


def _not_built_in(header: ImageHeader) -> ImageError:
    return ImageError("unsupported", f"this server's OpenCV cannot decode {header.format.upper()}; send JPEG or PNG")


def _corrupt(header: ImageHeader) -> ImageError:
    return ImageError("corrupt", f"the {header.format.upper()} file is truncated or corrupt; send the whole file")


def _to_uint8(pixels: np.ndarray, data: bytes, header: ImageHeader) -> ImageArray:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype != np.uint16:
        raise ImageError("unsupported", f"samples of type {pixels.dtype} are not served; send {SERVED}, 8 or 16 bit")
    peak = sample_peak(data) if header.format == "avif" else 65535  # OpenCV leaves 10 and 12 bit AVIF as they are
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=255 / peak), dtype=np.uint8)


def to_rgb(pixels: ImageArray) -> ImageArray:
    """Decoded pixels as they go into networks.

    Args:
        pixels: (H, W) or (H, W, 1) gray, (H, W, 3) BGR or (H, W, 4) BGRA; uint8.

    Returns:
        (H, W, 3) uint8 RGB; what is transparent lies on white.
    """
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    rgb = np.asarray(cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2RGB), dtype=np.uint8)
    return _on_white(rgb, pixels[..., 3]) if pixels.shape[2] == 4 else rgb


def _on_white(rgb: ImageArray, alpha: ImageArray) -> ImageArray:
    if alpha.min() == 255:
        return rgb
    weight = alpha[..., None].astype(np.uint16)
    return ((rgb * weight + 255 * (255 - weight) + 127) // 255).astype(np.uint8)


def _turn_upright(image: ImageArray, orientation: int) -> ImageArray:
    """EXIF 2.32, tag 274: what undoes each orientation."""
    turned = image
    if orientation in {5, 7}:
        turned = cv2.transpose(image)
    if orientation in {3, 6, 8}:
        turns = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
        turned = cv2.rotate(image, turns[orientation])
    if orientation in {2, 4, 7}:
        turned = cv2.flip(turned, {2: 1, 4: 0, 7: -1}[orientation])
    return np.asarray(turned, dtype=np.uint8)
