from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ultralytics", reason="needs the train extra")

from model.contract.arrays import FloatArray, ImageArray
from model.detector.network import ServedDetector, build_coco_network, keep_person_row
from model.detector.scores import score_shifts, shift_scores
from model.graph import Graph, open_graph, trace

IMAGE = np.zeros((64, 96, 3), dtype=np.uint8)
SCALES = (slice(0, 96), slice(96, 120), slice(120, 126))


def logits(scores: FloatArray) -> FloatArray:
    return np.log(scores / (1 - scores))


def graph_of(scores: FloatArray) -> Graph:
    def run(images: ImageArray) -> FloatArray:
        assert images.shape == (1, 64, 96, 3)
        return np.concatenate([np.zeros((126, 4)), scores[:, None]], axis=1, dtype=np.float32)[None]

    return run


def test_the_shift_is_that_of_people_on_each_scale() -> None:
    expected, lowered = np.full(126, 0.01, np.float32), np.full(126, 0.01, np.float32)
    expected[:10], expected[100] = 0.5, 0.9  # people on the first two scales; nobody on the third
    lowered[:10], lowered[100], lowered[50] = 0.4, 0.8, 0.001
    shifts = score_shifts(graph_of(expected), graph_of(lowered), [IMAGE, IMAGE])
    np.testing.assert_allclose(shifts, [np.log(1 / (2 / 3)), np.log(9 / 4), 0.0], rtol=1e-4)


def test_a_shifted_graph_gives_shifted_scores_and_the_same_boxes(tmp_path: Path) -> None:
    network = build_coco_network()
    keep_person_row(network)
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)
    path = tmp_path / "model.onnx"
    trace(ServedDetector(network), images, path, "boxes_scores", open_sides=True)
    before = open_graph(path)(images)
    shift_scores(path, [0.5, -0.25, 0.0])
    after = open_graph(path)(images)
    np.testing.assert_allclose(after[..., :4], before[..., :4], rtol=1e-4, atol=1e-3)
    moved = logits(after[..., 4]) - logits(before[..., 4])
    for rows, shift in zip(SCALES, (0.5, -0.25, 0.0), strict=True):
        np.testing.assert_allclose(moved[:, rows], shift, atol=1e-2)
