"""Bytes where an image is expected: mutated files of every format, and noise behind their signatures."""

import cv2
import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.doctor.extras import has_module
from tests.service.test_heic import heic

HEIC = ("heic",) if has_module("pillow_heif") else ()
FORMATS = ("jpeg", "png", "webp", "bmp", "tiff", "gif", "avif", *HEIC)
ALLOWED = {200, 400, 413, 415, 422}
TYPE = {"Content-Type": "application/octet-stream"}


def sample(extension: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    if extension == "heic":
        return heic(Image.fromarray(cv2.GaussianBlur(pixels, (0, 0), 3)))
    return cv2.imencode(f".{extension}", cv2.GaussianBlur(pixels, (0, 0), 3))[1].tobytes()


SAMPLES = {name: sample(name) for name in FORMATS}


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """A file with some bytes changed, cut out, or put in twice; those at its start the most often."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 8))):
        end = draw(st.sampled_from([64, len(changed)]))
        at = draw(st.integers(0, max(0, min(end, len(changed)) - 1)))
        kind = draw(st.sampled_from(["set", "number", "cut", "repeat"]))
        if kind == "set":
            changed[at : at + 1] = draw(st.binary(min_size=1, max_size=4))
        elif kind == "number":  # sizes and offsets at their limits
            changed[at : at + 4] = draw(st.sampled_from([b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\x75\x30"]))
        elif kind == "cut":
            del changed[at : at + draw(st.integers(1, 64))]
        else:
            changed[at:at] = changed[at : at + draw(st.integers(1, 64))] * draw(st.integers(1, 50))
    return bytes(changed)


@pytest.mark.parametrize("name", FORMATS)
@given(choice=st.data())
def test_a_broken_file_is_answered_or_refused(client: httpx.Client, name: str, choice: st.DataObject) -> None:
    data = choice.draw(mutated(SAMPLES[name]))
    answer = client.post("/v1/pose?detect=false", content=data, headers=TYPE)
    assert answer.status_code in ALLOWED, answer.text
    assert answer.status_code == 200 or answer.json()["detail"]


@given(start=st.sampled_from([data[:16] for data in SAMPLES.values()]), rest=st.binary(max_size=400))
def test_noise_behind_a_signature_is_refused(client: httpx.Client, start: bytes, rest: bytes) -> None:
    answer = client.post("/v1/pose", content=start + rest, headers=TYPE)
    assert answer.status_code in ALLOWED - {422}, answer.text
