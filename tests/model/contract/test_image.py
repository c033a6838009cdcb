"""Decoding: right colours, upright, limits first, and nothing but ImageError for bad bytes."""

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from model.contract.arrays import ImageArray
from model.contract.image import ImageError, ImageLimits, decode_image, read_header

Encoder = Callable[..., bytes]

UNLIKE_PILLOW = {
    "pillow__Tests_images_16_bit_noise.tif",  # Pillow clips 16 bit to 8
    "pillow__Tests_images_transparent.png",  # Pillow drops the transparency
}
REFUSED = {"exif__heic_IMG_5195.HEIC": "unsupported", "pillow__Tests_images_truncated_jpeg.jpg": "corrupt"}


def pillow_rgb(data: bytes) -> ImageArray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"), dtype=np.uint8)


def difference(first: ImageArray, second: ImageArray) -> float:
    assert first.shape == second.shape
    return float(np.abs(first.astype(np.int16) - second.astype(np.int16)).mean())


def reason_of(data: bytes, limits: ImageLimits | None = None) -> str:
    with pytest.raises(ImageError) as caught:
        decode_image(data, limits or ImageLimits())
    assert str(caught.value)
    return caught.value.reason


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_every_photograph_is_as_pillow_shows_it_or_is_refused(photographs: dict[str, bytes]) -> None:
    assert len(photographs) >= 40
    for name, data in photographs.items():
        if name in REFUSED:
            assert reason_of(data) == REFUSED[name], name
            continue
        image, expected = decode_image(data), pillow_rgb(data)
        assert image.shape == expected.shape, name
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        if name not in UNLIKE_PILLOW:
            assert difference(image, expected) < 1.0, name


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_jpeg_photographs_are_bit_identical_to_pillow(photographs: dict[str, bytes]) -> None:
    compared = 0
    for name, data in photographs.items():
        if name not in REFUSED and read_header(data).format == "jpeg" and "cmyk" not in name:
            assert difference(decode_image(data), pillow_rgb(data)) < 0.01, name
            compared += 1
    assert compared >= 25


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "YCbCr"])
@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"keep_rgb": True}, {"subsampling": 0}])
def test_every_kind_of_jpeg_decodes_as_by_way_of_bgr(corners: ImageArray, mode: str, settings: dict[str, int]) -> None:
    encoded = io.BytesIO()
    Image.fromarray(corners).convert(mode).save(encoded, "JPEG", **settings)
    assert_same_as_by_way_of_bgr(encoded.getvalue())


def test_jpeg_photographs_decode_as_by_way_of_bgr(photographs: dict[str, bytes]) -> None:
    for name, data in photographs.items():
        if name not in REFUSED and read_header(data).format == "jpeg":
            assert_same_as_by_way_of_bgr(data)


def assert_same_as_by_way_of_bgr(jpeg: bytes) -> None:
    stored = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    assert stored is not None
    rgb = cv2.cvtColor(stored, cv2.COLOR_GRAY2RGB if stored.ndim == 2 else cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(decode_image(jpeg, apply_orientation=False), rgb)


def test_every_format_decodes_to_the_picture(samples: dict[str, bytes]) -> None:
    for name, data in samples.items():
        assert difference(decode_image(data), pillow_rgb(data)) < 1.0, name


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "BMP", "WEBP", "GIF", "AVIF"])
def test_modes_become_rgb(encode_image: Encoder, corners: ImageArray, image_format: str, mode: str) -> None:
    picture = Image.fromarray(corners).convert(mode)
    if image_format == "BMP" and mode == "LA":
        picture = picture.convert("L")
    data = encode_image(image_format, picture)
    assert difference(decode_image(data), pillow_rgb(data)) < 1.5


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(encode_image: Encoder, corners: ImageArray, image_format: str) -> None:
    data = encode_image(image_format, Image.fromarray(corners).convert("CMYK"))
    assert difference(decode_image(data), corners) < 2.0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_all_orientations_come_upright(encode_image: Encoder, image_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    tag = {"tiffinfo": {274: orientation}} if image_format == "TIFF" else {"exif": exif}
    data = encode_image(image_format, **tag)
    header = read_header(data)
    assert (header.width, header.height, header.orientation) == (96, 64, orientation)
    image = decode_image(data)
    assert (image.shape[1], image.shape[0]) == header.upright_size
    assert difference(image, pillow_rgb(data)) < 3.0
    stored = decode_image(data, apply_orientation=False)
    assert stored.shape == (64, 96, 3)
    assert stored[4, 4, 0] > 200  # the red quarter is stored at the top left


@pytest.mark.parametrize("orientation", [2, 5, 6, 7])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_no_tiff_turns_twice(
    encode_pixels: Encoder, corners: ImageArray, orientation: int, deep: bool, channels: int
) -> None:
    opaque = np.full((64, 96, 1), 255, dtype=np.uint8)
    values = np.concatenate([corners, opaque], axis=2)[..., :channels]
    data = encode_pixels(".tiff", values.astype(np.uint16) * 257 if deep else values)
    tagged = _with_orientation(data, orientation)
    upright, stored = decode_image(tagged), decode_image(tagged, apply_orientation=False)
    assert difference(stored, decode_image(data)) == 0
    turned = Image.fromarray(stored)
    turned.getexif()[274] = orientation
    assert difference(upright, np.asarray(ImageOps.exif_transpose(turned), dtype=np.uint8)) == 0


def _with_orientation(tiff: bytes, orientation: int) -> bytes:
    """The same TIFF with its directory moved to the end and an orientation entry added."""
    order = "<" if tiff[:2] == b"II" else ">"
    byteorder = "little" if order == "<" else "big"
    start = int.from_bytes(tiff[4:8], byteorder)
    count = int.from_bytes(tiff[start : start + 2], byteorder)
    entries = [tiff[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    entries = [entry for entry in entries if int.from_bytes(entry[:2], byteorder) != 274]
    tag = [(274, 2), (3, 2), (1, 4), (orientation, 2), (0, 2)]
    entries.append(b"".join(number.to_bytes(size, byteorder) for number, size in tag))
    entries.sort(key=lambda entry: int.from_bytes(entry[:2], byteorder))
    directory = len(entries).to_bytes(2, byteorder) + b"".join(entries) + b"\0\0\0\0"
    body = tiff + b"\0" * (len(tiff) % 2)
    return body[:4] + len(body).to_bytes(4, byteorder) + body[8:] + directory


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_sixteen_bits_are_divided_by_257_and_rounded(encode_pixels: Encoder, extension: str) -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.round(np.arange(65536) / 257).reshape(256, 256)
    image = decode_image(encode_pixels(extension, ramp))
    for channel in range(3):
        np.testing.assert_array_equal(image[..., channel], expected)


@pytest.mark.parametrize(("depth", "factor"), [(10, 4), (12, 16)])
def test_deep_avif_fills_the_range(encode_pixels: Encoder, corners: ImageArray, depth: int, factor: int) -> None:
    avif_depth = 513  # cv2.IMWRITE_AVIF_DEPTH
    data = encode_pixels(".avif", corners[..., ::-1].astype(np.uint16) * factor, [avif_depth, depth])
    assert difference(decode_image(data), corners) < 3.0


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_transparent_pixels_lie_on_white(encode_image: Encoder, corners: ImageArray, image_format: str) -> None:
    alpha = np.full((64, 96, 1), 255, dtype=np.uint8)
    alpha[:, 48:] = 0
    alpha[32:, :48] = 128  # over black
    data = encode_image(image_format, Image.fromarray(np.concatenate([corners, alpha], axis=2)), lossless=True)
    image = decode_image(data).astype(int)
    assert np.abs(image[8, 70] - 255).max() <= 3
    assert np.abs(image[8, 8] - (255, 0, 0)).max() <= 6
    assert np.abs(image[56, 8] - 127).max() <= 4


def test_float_samples_are_refused_by_name(encode_pixels: Encoder) -> None:
    assert reason_of(encode_pixels(".tiff", np.zeros((4, 4), dtype=np.float32))) == "unsupported"


def test_limits_come_before_decoding(samples: dict[str, bytes]) -> None:
    for name, data in samples.items():
        half = data[: len(data) * 9 // 10] if name in {"jpeg", "gif", "bmp"} else data  # cannot be decoded
        assert reason_of(half, ImageLimits(max_pixels=96 * 64 - 1)) == "too_many_pixels", name
        assert reason_of(data, ImageLimits(max_bytes=len(data) - 1)) == "too_many_bytes"
        exact = ImageLimits(max_bytes=len(data), max_pixels=96 * 64)
        assert decode_image(data, exact).size == 96 * 64 * 3


def test_a_bomb_is_refused_by_its_header(encode_image: Encoder) -> None:
    bomb = bytearray(encode_image("PNG"))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    assert reason_of(bytes(bomb)) == "too_many_pixels"


def test_empty_and_foreign_bodies() -> None:
    assert reason_of(b"") == "empty"
    for foreign in (b"hello", b"%PDF-1.7", b"<svg/>", b"\0" * 64, b"\xff", b"\0\0\0\x0cjP  \r\n\x87\n"):
        assert reason_of(foreign) == "unsupported"
    with pytest.raises(ImageError, match="JPEG, PNG"):
        decode_image(b"hello")


def test_every_truncation_is_corrupt(samples: dict[str, bytes]) -> None:
    for name, data in samples.items():
        for share in (0.2, 0.5, 0.8, 0.95):
            part = data[: int(len(data) * share)]
            assert reason_of(part) in {"corrupt", "unsupported"}, (name, share)
            if share >= 0.5:
                assert reason_of(part) == "corrupt", (name, share)


def test_truncated_photographs_are_corrupt(photographs: dict[str, bytes]) -> None:
    data = photographs["hrnet__demo_inference_7.jpg"]
    for end in (len(data) // 2, len(data) - 500, len(data) - 2):
        assert reason_of(data[:end]) == "corrupt"
        assert reason_of(data[:end] + b"\0" * (len(data) - end)) == "corrupt"


def test_a_thumbnails_end_marker_does_not_stand_for_the_pictures(samples: dict[str, bytes]) -> None:
    whole = samples["jpeg progressive"]
    thumbnail = b"\xff\xe1" + (len(whole) + 2).to_bytes(2, "big") + whole
    assert decode_image(whole[:2] + thumbnail + whole[2:]).shape == (64, 96, 3)
    padded = whole[2 : len(whole) * 2 // 3] + b"\0" * 500
    assert reason_of(whole[:2] + thumbnail + padded) == "corrupt"


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_image_errors(data: bytes) -> None:
    _decodes_or_image_error(data)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choice=st.data())
def test_mutated_files_raise_only_image_errors(samples: dict[str, bytes], choice: st.DataObject) -> None:
    data = bytearray(samples[choice.draw(st.sampled_from(sorted(samples)))])
    places = st.tuples(st.integers(0, min(len(data), 400) - 1) | st.integers(0, len(data) - 1), st.integers(0, 255))
    for place, value in choice.draw(st.lists(places, min_size=1, max_size=8)):
        data[place] = value
    end = choice.draw(st.integers(0, len(data)) | st.just(len(data)))
    _decodes_or_image_error(bytes(data[:end]))


def _decodes_or_image_error(data: bytes) -> None:
    limits = ImageLimits(max_pixels=1_000_000)
    try:
        image = decode_image(data, limits)
    except ImageError:
        return
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.size <= 3 * limits.max_pixels
