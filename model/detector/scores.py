"""Restores the scores of an int8 detector: rounding lowers those of people, which the server's threshold would drop.

NNCF corrects the bias of a convolution by its mean over the whole picture, and most of a picture is background.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from model.contract.arrays import FloatArray, ImageArray
from model.graph import Graph

STRIDES = (8, 16, 32)
"""Input pixels to a cell of the head's three scales, in the order of the graph's rows."""

LIKELY = 0.2
"""Rows with at least this float score show people."""


def score_shifts(reference: Graph, quantised: Graph, images: Sequence[ImageArray]) -> list[float]:
    """Median difference of people's logits, reference minus quantised, of each scale; 0 where a scale shows nobody.

    Args:
        reference: the float graph.
        quantised: the int8 graph.
        images: (H, W, 3) uint8 RGB letterboxed training images.
    """
    differences: list[list[FloatArray]] = [[] for _ in STRIDES]
    for image in images:
        expected, found = (graph(image[None])[0, :, 4] for graph in (reference, quantised))
        likely = expected >= LIKELY
        for scale, rows in enumerate(_rows_of_scales(image)):
            chosen = likely[rows]
            differences[scale].append((_logits(expected[rows]) - _logits(found[rows]))[chosen])
    gathered = [np.concatenate(of_scale) for of_scale in differences]
    return [float(np.median(values)) if len(values) else 0.0 for values in gathered]


def shift_scores(path: Path, shifts: Sequence[float]) -> None:
    """Add to the biases of the score convolutions of an exported YOLO11, one number for each scale.

    Raises:
        ValueError: the graph has no such convolutions.
    """
    graph = onnx.load(path)
    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    for scale, shift in enumerate(shifts):
        bias = tensors[_last_score_convolution(graph, scale).input[2]]
        bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(shift), bias.name))
    onnx.save(graph, path)


def _rows_of_scales(image: ImageArray) -> list[slice]:
    height, width = image.shape[:2]
    counts = [height // stride * (width // stride) for stride in STRIDES]
    ends = np.cumsum(counts)
    return [slice(int(end) - count, int(end)) for end, count in zip(ends, counts, strict=True)]


def _logits(scores: FloatArray) -> FloatArray:
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def _last_score_convolution(graph: onnx.ModelProto, scale: int) -> onnx.NodeProto:
    ending = f"/cv3.{scale}/cv3.{scale}.2/Conv"
    found = next((node for node in graph.graph.node if node.name.endswith(ending)), None)
    if found is None:
        raise ValueError(f"the graph has no convolution ...{ending}; is it a YOLO11 as exported here?")
    return found
