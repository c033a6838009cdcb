"""MoveNet Lightning (single pose, int8, Apache-2.0) as a second opinion on people that nobody labelled.

Source of the format: the TFLite file's own description; 192x192 uint8 RGB in, 17 COCO keypoints (y, x, score) out.
"""

import importlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from model.contract.arrays import DoubleArray, ImageArray
from model.contract.crop import Box
from model.contract.skeleton import COCO_17
from model.data.dataset import DataError

SIZE = 192
SCALES = (1.15, 1.4)
"""Sides of the square around a box, in the box's longer side."""


class MoveNet:
    """The network, on one thread."""

    def __init__(self, path: Path) -> None:
        """Open the .tflite file.

        Raises:
            DataError: ai-edge-litert is not installed, or the file is no such network.
        """
        try:
            interpreter: Any = importlib.import_module("ai_edge_litert.interpreter")  # few have it installed
        except ModuleNotFoundError as error:
            raise DataError("MoveNet runs on ai-edge-litert; pip install 'fasterpose[pseudo]'") from error
        try:
            self._network: Any = interpreter.Interpreter(str(path), num_threads=1)
        except ValueError as error:
            raise DataError(f"{path} is no TFLite network: {error}") from error
        self._network.allocate_tensors()
        self._input: int = self._network.get_input_details()[0]["index"]
        self._output: int = self._network.get_output_details()[0]["index"]

    def look(self, image: ImageArray, box: Box) -> DoubleArray:
        """(H, W, 3) uint8 RGB and a box in its pixels -> (4, 17, 3): x, y in image pixels and score of four views.

        Two squares around the box, each as it is and mirrored.
        """
        return np.stack([view for scale in SCALES for view in self._both_ways(image, box, scale)])

    def _both_ways(self, image: ImageArray, box: Box, scale: float) -> tuple[DoubleArray, DoubleArray]:
        x, y, width, height = box
        side = max(width, height) * scale
        left, top, zoom = x + (width - side) / 2, y + (height - side) / 2, SIZE / side
        matrix = np.array([[zoom, 0, -left * zoom], [0, zoom, -top * zoom]])
        square = cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
        upright, mirrored = self._run(square), self._run(square[:, ::-1])
        mirrored = mirrored[list(COCO_17.mirror_order)] * (-1, 1, 1) + (1, 0, 0)
        return tuple(points * (side, side, 1) + (left, top, 0) for points in (upright, mirrored))  # pyright: ignore[reportReturnType]

    def _run(self, square: np.ndarray[Any, Any]) -> DoubleArray:
        """(192, 192, 3) uint8 -> (17, 3): x and y in shares of the side, score."""
        self._network.set_tensor(self._input, np.ascontiguousarray(square[None]))
        self._network.invoke()
        found = np.asarray(self._network.get_tensor(self._output), dtype=np.float64).reshape(17, 3)
        return found[:, [1, 0, 2]]
