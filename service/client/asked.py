"""What a client asks: images and choices, checked and encoded alike for both transports."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np

from model.contract.arrays import ImageArray
from model.contract.crop import Box

ImageIn = bytes | str | PathLike[str] | ImageArray
"""An encoded image file, the path of one, or (H, W, 3) uint8 RGB pixels, which are sent as PNG."""

FASTEST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


class Choices(TypedDict, total=False):
    """What a request may choose; what is absent has the server's default. See `POST /v1/pose`.

    Attributes:
        boxes: person boxes (x, y, width, height) in pixels of the upright image; the detector is skipped.
        detect: False with no boxes: the whole image is one person.
        person_threshold: drop people whose box score is lower, 0 to 1.
        keypoint_threshold: keypoints above it count for a person's score, 0 to 1.
        max_persons: keep the highest-scoring.
        flip_test: average with the mirrored crop.
        image_id: echoed in the results.
    """

    boxes: Sequence[Box]
    detect: bool
    person_threshold: float
    keypoint_threshold: float
    max_persons: int
    flip_test: bool
    image_id: int | str


class StreamChoices(Choices, total=False):
    """What the frames of a stream may choose besides; see docs/video.md.

    Attributes:
        track: follow people from frame to frame: they have a `track_id`, and the detector looks at some frames only.
        smooth: of tracked people, smooth keypoints and boxes over the frames.
        detect_every: of tracked people, frames from one look of the detector to the next at most.
        frame_rate: of tracked people, frames a second; without it the frames' times are those of their arrival.
    """

    track: bool
    smooth: bool
    detect_every: int
    frame_rate: float


def encoded(image: ImageIn) -> bytes:
    """The bytes of an image file.

    Raises:
        OSError: the path cannot be read.
        ValueError: the pixels are not (H, W, 3) uint8.
    """
    if isinstance(image, bytes):
        return image
    if not isinstance(image, np.ndarray):
        return Path(image).read_bytes()
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"pixels must be (H, W, 3) uint8 RGB, not {image.shape} {image.dtype}")
    return cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]), FASTEST_PNG)[1].tobytes()
