"""Image files -> pixels: every type of the contract, and HEIC, which training never sees."""

from model.contract import image
from model.contract.arrays import ImageArray
from model.contract.image import ImageHeader, ImageLimits
from service.heic import decode_heic, is_heic, read_heic_header


def read_header(data: bytes) -> ImageHeader:
    """Format, size and orientation of a file, no pixel decoded.

    Raises:
        ImageError: empty, of a type that is not served, or broken.
    """
    return read_heic_header(data) if is_heic(data) else image.read_header(data)


def decode_image(data: bytes, limits: ImageLimits) -> ImageArray:
    """Decode a file, upright: (H, W, 3) uint8 RGB.

    Raises:
        ImageError: as `read_header`; too large, or corrupt.
    """
    return decode_heic(data, limits) if is_heic(data) else image.decode_image(data, limits)
