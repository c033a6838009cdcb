"""HEIC files, made here by pillow-heif: as their JPEG twins, or refused before they cost anything."""

import io
import struct
import sys

import httpx
import numpy as np
import pytest
from PIL import Image

from model.contract.arrays import ImageArray
from model.contract.image import ImageError, ImageLimits
from service.decoding import decode_image, read_header
from service.doctor.extras import has_module
from tests.service.http_client import PNG, check_problem
from tests.service.test_orientations import ORIENTATION, STORED, keypoints

LIMITS = ImageLimits(max_bytes=300_000, max_pixels=200_000)
made_here = pytest.mark.skipif(not has_module("pillow_heif"), reason="needs the extra `heic`")


def heic(picture: Image.Image, orientation: int = 1) -> bytes:
    """The picture as it lies in a file of this orientation, which pillow-heif writes as `irot` and `imir`."""
    import pillow_heif  # noqa: PLC0415 - an extra

    exif, file, turn = Image.Exif(), io.BytesIO(), STORED[orientation]
    exif[ORIENTATION] = orientation
    turned = picture if turn is None else picture.transpose(turn)
    pillow_heif.from_pillow(turned).save(file, quality=95, exif=exif.tobytes())
    return file.getvalue()


def reason_of(data: bytes, limits: ImageLimits = LIMITS) -> str:
    with pytest.raises(ImageError) as caught:
        decode_image(data, limits)
    return caught.value.reason


@made_here
@pytest.mark.parametrize("orientation", STORED)
async def test_people_are_where_they_are_in_the_jpeg_twin(
    client: httpx.AsyncClient, scene: ImageArray, orientation: int
) -> None:
    twin = io.BytesIO()
    Image.fromarray(scene).save(twin, "jpeg", quality=95)
    upright, expected = await keypoints(client, twin.getvalue())
    image, found = await keypoints(client, heic(Image.fromarray(scene), orientation))
    assert (image["width"], image["height"]) == (upright["width"], upright["height"]) == (320, 240)
    assert len(found) == len(expected) == 2
    assert np.abs(found - expected).max() <= 1


@made_here
@pytest.mark.parametrize("orientation", STORED)
def test_pixels_are_those_of_the_upright_picture(scene: ImageArray, orientation: int) -> None:
    data = heic(Image.fromarray(scene), orientation)
    header, pixels = read_header(data), decode_image(data, LIMITS)
    assert header.format == "heic"
    assert header.upright_size == (320, 240)
    assert (pixels.dtype, pixels.shape) == (np.uint8, scene.shape)
    assert np.abs(pixels.astype(int) - scene).mean() < 3


@made_here
@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_gray_becomes_colour_and_the_transparent_lies_on_white(mode: str) -> None:
    picture = Image.new(mode, (64, 48), {"L": 40, "LA": (40, 255), "RGBA": (200, 40, 40, 255)}[mode])
    if mode != "L":
        picture.putalpha(Image.new("L", (64, 48), 0).point(lambda _: 0))
        picture.paste(Image.new(mode, (32, 48), (40, 255) if mode == "LA" else (200, 40, 40, 255)), (0, 0))
    pixels = decode_image(heic(picture), LIMITS).astype(int)
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels[24, 8] - ((200, 40, 40) if mode == "RGBA" else (40, 40, 40))).max() < 12
    assert np.abs(pixels[24, 56] - (40 if mode == "L" else 255)).max() < 12


@made_here
def test_limits_are_decided_from_the_header(scene: ImageArray, monkeypatch: pytest.MonkeyPatch) -> None:
    import pillow_heif  # noqa: PLC0415 - an extra

    data = heic(Image.fromarray(scene))
    monkeypatch.delattr(pillow_heif, "open_heif")  # what decodes
    assert reason_of(data, ImageLimits(max_pixels=320 * 240 - 1)) == "too_many_pixels"
    assert reason_of(data, ImageLimits(max_bytes=len(data) - 1)) == "too_many_bytes"


@made_here
def test_a_file_that_claims_less_than_it_holds_is_corrupt_before_it_takes_memory(scene: ImageArray) -> None:
    data = heic(Image.fromarray(scene))
    for claimed in ((16, 16), (2000, 90)):
        lying = data.replace(
            b"ispe" + bytes(4) + struct.pack(">II", 320, 240), b"ispe" + bytes(4) + struct.pack(">II", *claimed)
        )
        assert lying != data
        assert read_header(lying).width == claimed[0]
        assert reason_of(lying) == "corrupt"


@made_here
def test_what_is_cut_off_is_corrupt(scene: ImageArray) -> None:
    data = heic(Image.fromarray(scene))
    for length in (40, 200, len(data) // 2, len(data) - 1):
        assert reason_of(data[:length]) == "corrupt"
    assert reason_of(data.replace(b"ispe", b"ispf")) == "corrupt"


async def test_without_the_extra_the_reason_names_it(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    file = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    answer = await client.post("/v1/pose", content=file, headers=PNG)
    check_problem(answer, 415, "HEIC")
    assert "pip install 'fasterpose[heic]'" in answer.json()["detail"]


def test_other_iso_media_are_no_images() -> None:
    film = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100)
    assert reason_of(film) == "unsupported"
