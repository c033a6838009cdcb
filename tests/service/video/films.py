"""Small videos of the figures that the stand-in networks see."""

from pathlib import Path

import numpy as np

from model.contract.arrays import ImageArray
from service.video.writer import VideoWriter
from tests.service.fakes import FIGURE, SPOT

WIDTH, HEIGHT, RATE = 320, 240, 20.0


def picture(index: int) -> ImageArray:
    """A frame in which a figure on the left walks to the right by two pixels a frame, and one on the right stands."""
    image = np.full((HEIGHT, WIDTH, 3), 230, np.uint8)
    x = 20 + 2 * index
    image[60:200, x : x + 60] = FIGURE
    image[100:120, x + 20 : x + 40] = SPOT
    image[80:200, 220:260] = FIGURE
    image[140:160, 230:250] = SPOT
    return image


def make_film(path: Path, frames: int = 12) -> Path:
    writer = VideoWriter(path, RATE)
    for index in range(frames):
        writer.write(picture(index), index / RATE)
    writer.close()
    return path
