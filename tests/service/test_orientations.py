"""A photograph in every format and orientation is answered as its upright twin."""

import io

import httpx
import numpy as np
import pytest
from PIL import Image

from model.contract.arrays import ImageArray

STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation -> how an upright picture lies in a file that says so."""
WITH_ORIENTATION = ("jpeg", "png", "webp", "tiff", "avif")
ORIENTATION = 274


def stored(scene: ImageArray, kind: str, orientation: int = 1) -> bytes:
    picture, turn, exif, file = Image.fromarray(scene), STORED[orientation], Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = orientation
    options = {"exif": exif} if kind in WITH_ORIENTATION else {}
    (picture if turn is None else picture.transpose(turn)).save(file, kind, quality=95, **options)
    return file.getvalue()


async def keypoints(client: httpx.AsyncClient, data: bytes) -> tuple[dict[str, int], np.ndarray]:
    answer = await client.post("/v1/pose", content=data, headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 200, answer.text
    people = np.array([person["keypoints"] for person in answer.json()["results"]])
    return answer.json()["images"][0], people.reshape(len(people), -1, 3)[..., :2]


@pytest.mark.parametrize(
    ("kind", "orientation"),
    [("bmp", 1), ("gif", 1), *((kind, orientation) for kind in WITH_ORIENTATION for orientation in STORED)],
)
async def test_people_are_where_they_are_in_the_upright_picture(
    client: httpx.AsyncClient, scene: ImageArray, photo: bytes, kind: str, orientation: int
) -> None:
    image, found = await keypoints(client, stored(scene, kind, orientation))
    upright, expected = await keypoints(client, photo)
    assert (image["width"], image["height"]) == (upright["width"], upright["height"]) == (320, 240)
    assert len(found) == len(expected) == 2
    assert np.abs(found - expected).max() <= 1
