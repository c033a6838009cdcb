"""The person detector: image -> letterbox -> network -> boxes of people."""

import numpy as np
from cv2 import dnn

from model.contract.arrays import DoubleArray, FloatArray, ImageArray
from model.contract.crop import Box
from model.contract.letterbox import Letterbox
from model.contract.spec import DetectorSpec
from service.bundles import LoadedModel

SMALLEST_SIDE = 1.0
"""Pixels: a box that clipping left thinner than this shows nobody."""

ScoredBox = tuple[Box, float]
"""A box in image pixels and its score in [0, 1]."""


class Detector:
    """Finds people in one image at a time."""

    def __init__(self, model: LoadedModel[DetectorSpec]) -> None:
        self.model = model
        self.spec = model.spec

    def letterbox(self, image: ImageArray) -> tuple[Letterbox, ImageArray]:
        """The image fitted into the network's input, and the map back."""
        height, width = image.shape[:2]
        letterbox = Letterbox((width, height), self.spec.input_size)
        return letterbox, letterbox.fit_image(image)

    def infer(self, fitted: ImageArray) -> FloatArray:
        """(H, W, 3) uint8 letterboxed image -> (M, 5) float32 rows x1, y1, x2, y2, score, letterbox pixels."""
        return self.model.runtime.infer(fitted[None])[0]

    def people(self, rows: FloatArray, letterbox: Letterbox, threshold: float, most: int) -> list[ScoredBox]:
        """The network's rows -> boxes in image pixels, highest score first.

        Args:
            rows: (M, 5) as from `infer`.
            letterbox: the map of this image.
            threshold: people with a lower score are dropped; the spec's floor holds below it.
            most: keep this many.
        """
        rows = rows[rows[:, 4] >= max(threshold, self.spec.score_floor)]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        if self.spec.needs_nms:
            rows = _suppress_overlaps(rows, self.spec.nms_iou)
        boxes = letterbox.boxes_to_image(rows[:, :4].astype(np.float64))
        visible = np.all(boxes[:, 2:] >= SMALLEST_SIDE, axis=1)
        return [(_as_box(box), float(row[4])) for box, row in zip(boxes[visible], rows[visible], strict=True)][:most]


def _suppress_overlaps(rows: FloatArray, iou: float) -> FloatArray:
    corners_sizes = np.concatenate([rows[:, :2], rows[:, 2:4] - rows[:, :2]], axis=1)
    kept = dnn.NMSBoxes(corners_sizes.tolist(), rows[:, 4].tolist(), 0.0, iou)
    return rows[np.asarray(kept, dtype=np.int64).reshape(-1)]


def _as_box(values: DoubleArray) -> Box:
    x, y, width, height = (float(value) for value in values)
    return x, y, width, height
