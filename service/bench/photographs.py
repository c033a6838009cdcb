"""The photographs that are sent, made of the packaged samples: nothing is downloaded."""

from importlib import resources
from pathlib import Path

import cv2
import numpy as np

from model.contract.arrays import ImageArray
from model.contract.image import decode_image
from service.overlay import encode_image

SAMPLES = Path(str(resources.files("service"))) / "static" / "samples"
"""The packaged sample photographs."""
WIDTH, HEIGHT = 1280, 720
CROWD = (1, 5)
"""People in the photographs."""
SMALL = (192, 256)
"""(width, height) in pixels of the small photograph."""


def crowd_photograph(people: int) -> bytes:
    """A 1280x720 JPEG with `people` portraits side by side, made of the packaged sample photographs."""
    portraits = _portraits()
    canvas = np.full((HEIGHT, WIDTH, 3), 200, dtype=np.uint8)
    width = WIDTH // people
    for place in range(people):
        portrait = portraits[place % len(portraits)]
        scale = min(width / portrait.shape[1], HEIGHT / portrait.shape[0])
        resized = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top = HEIGHT - resized.shape[0]
        left = place * width + (width - resized.shape[1]) // 2
        canvas[top:, left : left + resized.shape[1]] = resized
    return encode_image(canvas, "image/jpeg")


def small_photograph() -> bytes:
    """A JPEG of one person, about 17 kB: where decoding and sending must not hide the server around them."""
    resized = cv2.resize(_portraits()[0], SMALL, interpolation=cv2.INTER_AREA)
    return encode_image(np.asarray(resized, dtype=np.uint8), "image/jpeg")


def _portraits() -> list[ImageArray]:
    return [decode_image((SAMPLES / name).read_bytes()) for name in ("astronaut.jpg", "grace_hopper.jpg")]
