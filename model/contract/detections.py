"""From the detector's rows to people's boxes in the image. Evaluation and serving call this."""

from typing import NamedTuple

import numpy as np
from cv2 import dnn

from model.contract.arrays import DoubleArray, FloatArray
from model.contract.crop import Box
from model.contract.letterbox import Letterbox
from model.contract.spec import DetectorSpec

SMALLEST_SIDE = 1.0
"""Pixels: a box that clipping left thinner than this shows nobody."""


class ScoredBox(NamedTuple):
    """A person's box in image pixels and its score in [0, 1]."""

    box: Box
    score: float


def read_people(
    spec: DetectorSpec, rows: FloatArray, letterbox: Letterbox, threshold: float, most: int
) -> list[ScoredBox]:
    """Read the people of one image from the detector's output.

    Args:
        spec: the detector's score floor and overlap rule.
        rows: (M, 5) float32 x1, y1, x2, y2, score in letterbox pixels.
        letterbox: the map of this image.
        threshold: people with a lower score are dropped; the spec's floor holds below it.
        most: keep this many.

    Returns:
        People, highest score first, boxes clipped to the image.
    """
    rows = rows[rows[:, 4] >= max(threshold, spec.score_floor)]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    if spec.needs_nms:
        rows = _suppress_overlaps(rows, spec.nms_iou)
    boxes = letterbox.boxes_to_image(rows[:, :4].astype(np.float64))
    visible = np.all(boxes[:, 2:] >= SMALLEST_SIDE, axis=1)
    people = [ScoredBox(_as_box(box), float(row[4])) for box, row in zip(boxes[visible], rows[visible], strict=True)]
    return people[:most]


def _suppress_overlaps(rows: FloatArray, iou: float) -> FloatArray:
    """Keep the rows that overlap no better one by more than `iou`; rows come sorted, best first."""
    corners_sizes = np.concatenate([rows[:, :2], rows[:, 2:4] - rows[:, :2]], axis=1)
    kept = dnn.NMSBoxes(corners_sizes.tolist(), rows[:, 4].tolist(), 0.0, iou)
    return rows[np.sort(np.asarray(kept, dtype=np.int64).reshape(-1))]


def _as_box(values: DoubleArray) -> Box:
    x, y, width, height = (float(value) for value in values)
    return x, y, width, height
