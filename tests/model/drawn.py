"""A tiny COCO-format set of drawn figures, and a recipe that trains on it in seconds. Needs no torch."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from model.contract.arrays import DoubleArray
from model.contract.skeleton import COCO_17

SIZE = (120, 100)
"""Width and height of a drawn photograph, pixels."""

RECIPE = """
seed = 5
[network]
trunk = "resnet18"
[codec]
input_size = [64, 64]
sigma = 1.0
alignment = "half_pixel"
centre = "exact"
decoder = "dark"
[loss]
kind = "rce"
[augmentation]
shift = 0.05
brightness = 0.2
[optimiser]
learning_rate = 0.01
[schedule]
epochs = 4
batch_size = 4
warmup_steps = 1
ema_decay = 0.9
[[training]]
annotations = "train.json"
images = "images"
repeat = 2
[[validation]]
name = "ap"
annotations = "val.json"
images = "images"
metric = "ap"
[[validation]]
name = "pck"
annotations = "val.json"
images = "images"
metric = "pck"
"""
"""Twelve samples an epoch, three steps; see `draw_set`."""

# left side first, a figure of 40 x 80 pixels that faces the camera: its left is on the right of the picture
FIGURE: DoubleArray = np.array(
    [
        *[(20, 8), (23, 6), (17, 6), (26, 8), (14, 8)],
        *[(30, 20), (10, 20), (36, 32), (4, 32), (38, 44), (2, 44)],
        *[(27, 44), (13, 44), (28, 60), (12, 60), (29, 76), (11, 76)],
    ],
    dtype=np.float64,
)


def figure_at(x: float, y: float, scale: float = 1.0) -> DoubleArray:
    """(17, 2) keypoints of the figure with its top-left corner at (x, y), image pixels."""
    return FIGURE * scale + (x, y)


def draw_set(folder: Path) -> Path:
    """Write `train.json` (six people on four photographs), `val.json` (two people) and `images/`."""
    (folder / "images").mkdir(parents=True)
    places = [[(10, 8), (70, 12)], [(40, 10)], [(5, 15), (66, 4)], [(52, 14)]]
    _write_file(folder, "train", [[figure_at(x, y) for x, y in people] for people in places])
    _write_file(folder, "val", [[figure_at(20, 6)], [figure_at(60, 10)]])
    return folder


def annotation(number: int, image_id: int, points: DoubleArray) -> dict[str, Any]:
    """A person of a COCO keypoint file: all joints visible, the box four pixels around them."""
    (left, top), (right, bottom) = points.min(axis=0) - 4, points.max(axis=0) + 4
    width, height = float(right - left), float(bottom - top)
    triples = np.column_stack([points, np.full(len(points), 2.0)])
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "bbox": [float(left), float(top), width, height],
        "area": 0.53 * width * height,
        "iscrowd": 0,
        "num_keypoints": len(points),
        "keypoints": triples.flatten().tolist(),
    }


def coco_file(images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    """The content of a COCO keypoint file."""
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.keypoint_names), "skeleton": []}
    return {"info": {}, "images": images, "annotations": annotations, "categories": [category]}


def _write_file(folder: Path, split: str, photographs: list[list[DoubleArray]]) -> None:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, people in enumerate(photographs, start=1):
        name = f"{split}-{image_id}.png"
        images.append({"id": image_id, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
        cv2.imwrite(str(folder / "images" / name), _draw(people, image_id))
        annotations += [annotation(10 * image_id + i, image_id, points) for i, points in enumerate(people)]
    (folder / f"{split}.json").write_text(json.dumps(coco_file(images, annotations)))


def _draw(people: list[DoubleArray], seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(90, 140, (SIZE[1], SIZE[0], 3))
    picture = np.ascontiguousarray(noise, dtype=np.uint8)
    for points in people:
        for start, end in COCO_17.edges:
            ends = [tuple(int(value) for value in points[joint]) for joint in (start, end)]
            cv2.line(picture, ends[0], ends[1], (40, 40, 220) if start % 2 else (220, 60, 40), 3)
    return picture
