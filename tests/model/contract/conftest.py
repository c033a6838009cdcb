"""Small real files of every format, made by Pillow and OpenCV, and the photographs beside the checkout."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Encoder = Callable[..., bytes]


def four_corners() -> NDArray[np.uint8]:
    """(64, 96, 3) RGB: red, blue / black, green quarters, so that every turn and mirror shows."""
    picture = np.zeros((64, 96, 3), dtype=np.uint8)
    picture[:32, :48] = (255, 0, 0)
    picture[:32, 48:] = (0, 0, 255)
    picture[32:, 48:] = (0, 255, 0)
    return picture


def encode(image_format: str, picture: Image.Image | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    (picture or Image.fromarray(four_corners())).save(file, image_format, **options)
    return file.getvalue()


def encode_array(extension: str, bgr: NDArray[Any], options: list[int] | None = None) -> bytes:
    done, encoded = cv2.imencode(extension, bgr, options or [])
    assert done
    return encoded.tobytes()


@pytest.fixture(scope="session")
def corners() -> NDArray[np.uint8]:
    return four_corners()


@pytest.fixture(scope="session")
def encode_image() -> Encoder:
    return encode


@pytest.fixture(scope="session")
def encode_pixels() -> Encoder:
    return encode_array


@pytest.fixture(scope="session")
def samples() -> dict[str, bytes]:
    """Format -> a small file of it."""
    frames: dict[str, Any] = {"save_all": True, "append_images": [Image.fromarray(four_corners()).rotate(180)]}
    exif = Image.Exif()
    exif[274] = 6
    return {
        "jpeg": encode("JPEG", exif=exif),
        "jpeg progressive": encode("JPEG", progressive=True),
        "png": encode("PNG", exif=exif),
        "webp": encode("WEBP", exif=exif),
        "webp lossless": encode("WEBP", lossless=True),
        "webp animated": encode("WEBP", None, **frames),
        "bmp": encode("BMP"),
        "tiff": encode("TIFF", tiffinfo={274: 6}),
        "tiff packed": encode("TIFF", compression="tiff_lzw"),
        "tiff big": encode("TIFF", big_tiff=True),
        "gif": encode("GIF"),
        "gif animated": encode("GIF", None, **frames),
        "avif": encode("AVIF", exif=exif, quality=90),
    }


@pytest.fixture(scope="session")
def photographs(shared_dir: Path) -> dict[str, bytes]:
    """File name -> bytes of the photographs beside the checkout."""
    return {path.name: path.read_bytes() for path in sorted((shared_dir / "photos").iterdir()) if path.suffix != ".md"}
