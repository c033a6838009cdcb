"""A video of which all is known: a camera that pans and zooms over photographs, whose people stand still in them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from model.contract.arrays import DoubleArray, ImageArray
from model.contract.coco import PersonPose
from model.contract.crop import Box
from service.video.writer import VideoWriter

WIDTH, HEIGHT = 640, 480
RATE = 30.0
NOISE = 3.0
"""Gray levels, standard deviation: what a sensor adds, so that no two frames are alike."""
NEAR, FAR = 0.65, 0.9
"""Part of the photograph that the nearest and the farthest view shows."""
SWEEPS_S = (7.0, 5.0, 9.0)
"""Periods of the camera's motion to the sides, up and down, and nearer and farther."""


class View(NamedTuple):
    """What the camera shows: a point p of the photograph is at (p - corner) * zoom in the frame, pixels."""

    corner: DoubleArray
    zoom: float

    def points_to_photograph(self, points: DoubleArray) -> DoubleArray:
        """(..., 2) frame pixels -> (..., 2) photograph pixels."""
        return points / self.zoom + self.corner

    def box_to_frame(self, box: Box) -> Box:
        """The visible part of a photograph's box, frame pixels; without area where nothing is visible."""
        low = (np.array(box[:2]) - self.corner) * self.zoom
        high = low + np.array(box[2:]) * self.zoom
        low, high = np.clip(low, 0, (WIDTH, HEIGHT)), np.clip(high, 0, (WIDTH, HEIGHT))
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


@dataclass(frozen=True)
class Shot:
    """The camera over one photograph.

    Attributes:
        name: of the photograph's file.
        photograph: (H, W, 3) uint8 RGB.
        people: who was found in the photograph, its pixels.
        views: what each frame shows.
    """

    name: str
    photograph: ImageArray
    people: list[PersonPose]
    views: list[View]


def camera_path(photograph: ImageArray, frames: int) -> list[View]:
    """A smooth motion over a photograph, the same each time."""
    height, width = photograph.shape[:2]
    times = [index / RATE for index in range(frames)]
    return [_view(width, height, *(math.sin(2 * math.pi * time / period) for period in SWEEPS_S)) for time in times]


def film(shot: Shot, seed: int) -> Iterator[ImageArray]:
    """The frames of a shot, (480, 640, 3) uint8 RGB, with noise."""
    noise = np.random.default_rng(seed)
    for view in shot.views:
        matrix = np.column_stack([np.eye(2) * view.zoom, -view.corner * view.zoom])
        frame = np.asarray(cv2.warpAffine(shot.photograph, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR))
        grain = NOISE * noise.standard_normal((HEIGHT, WIDTH, 3), dtype=np.float32)
        yield np.clip(frame + grain, 0.0, 255.0).astype(np.uint8)


def write_film(shots: Sequence[Shot], path: Path) -> None:
    """All shots one after the other as a video file: between two of them the scene is cut.

    Raises:
        VideoError: PyAV is not installed, or the file cannot be written.
    """
    writer = VideoWriter(path, RATE)
    frames = (frame for seed, shot in enumerate(shots) for frame in film(shot, seed))
    for index, frame in enumerate(frames):
        writer.write(frame, index / RATE)
    writer.close()


def _view(width: int, height: int, aside: float, up: float, near: float) -> View:
    """A view by three numbers from -1 to 1."""
    part = (NEAR + FAR) / 2 + near * (FAR - NEAR) / 2
    zoom = max(WIDTH / (width * part), HEIGHT / (height * part))
    shown = np.array([WIDTH, HEIGHT]) / zoom
    free = np.array([width, height]) - shown
    return View(free * (1 + np.array([aside, up])) / 2, float(zoom))
