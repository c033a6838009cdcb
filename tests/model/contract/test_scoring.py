"""Person scores, OKS against pycocotools, and OKS-NMS."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.contract.scoring import oks, oks_nms, person_score
from model.contract.skeleton import COCO_17

SIGMAS = COCO_17.sigmas


def test_person_score_golden() -> None:
    scores = np.array([0.9, 0.5, 0.2, 0.1], dtype=np.float32)
    assert person_score(0.8, scores) == pytest.approx(0.8 * 0.7)
    assert person_score(0.8, scores, threshold=0.6) == pytest.approx(0.8 * 0.9)
    assert person_score(0.8, scores, threshold=0.95) == 0.0


def test_a_keypoint_at_the_threshold_does_not_count() -> None:
    assert person_score(1.0, np.array([0.2], dtype=np.float32), threshold=0.2) == 0.0


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=17), st.floats(0, 1))
def test_person_score_stays_within_the_box_score(scores: list[float], box_score: float) -> None:
    assert 0 <= person_score(box_score, np.array(scores, dtype=np.float32)) <= box_score + 1e-9


def test_oks_of_equal_poses_is_one() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (17, 2))
    assert oks(points, points, 500.0, SIGMAS) == 1.0


def test_oks_golden() -> None:
    first = np.zeros((17, 2))
    second = first.copy()
    second[0, 0] = 0.052 * 10  # the nose, one (2 sigma) x sqrt(area) away
    expected = (16 + np.exp(-0.5)) / 17
    assert oks(first, second, 100.0, SIGMAS) == pytest.approx(expected)
    only_nose = np.arange(17) == 0
    assert oks(first, second, 100.0, SIGMAS, only_nose) == pytest.approx(np.exp(-0.5))
    assert oks(first, second, 100.0, SIGMAS, np.zeros(17, dtype=np.bool_)) == 0.0


def test_oks_agrees_with_pycocotools(tmp_path: Path) -> None:
    coco_type: Any = importlib.import_module("pycocotools.coco").COCO
    evaluator_type: Any = importlib.import_module("pycocotools.cocoeval").COCOeval
    random = np.random.default_rng(1)
    count = 12
    truth = random.uniform(0, 300, (count, 17, 2))
    visible = random.random((count, 17)) < 0.7
    visible[:, 0] = True
    areas = random.uniform(500, 40_000, count)
    guesses = truth + random.normal(0, 8, truth.shape)
    annotations = [
        {
            "id": i + 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": float(areas[i]),
            "bbox": [0, 0, 300, 300], "num_keypoints": int(visible[i].sum()),
            "keypoints": np.column_stack([truth[i], 2.0 * visible[i]]).ravel().tolist(),
        }
        for i in range(count)
    ]  # fmt: skip
    path = tmp_path / "truth.json"
    path.write_text(
        json.dumps({"images": [{"id": 1}], "categories": [{"id": 1, "name": "person"}], "annotations": annotations})
    )
    results = [
        {"image_id": 1, "category_id": 1, "score": 1 - i / 100,
         "keypoints": np.column_stack([guesses[i], np.ones(17)]).ravel().tolist()}
        for i in range(count)
    ]  # fmt: skip
    ground = coco_type(str(path))
    evaluator = evaluator_type(ground, ground.loadRes(results), "keypoints")
    evaluator._prepare()
    expected = np.array(evaluator.computeOks(1, 1))
    for guess in range(count):
        for person in range(count):
            ours = oks(guesses[guess], truth[person], float(areas[person]), SIGMAS, visible[person])
            assert ours == pytest.approx(expected[guess, person], abs=1e-9)


def people(*offsets: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    pose = np.random.default_rng(2).uniform(0, 200, (17, 2))
    return np.stack([pose + offset for offset in offsets])


def test_duplicates_go_and_others_stay() -> None:
    points = people(0.0, 0.5, 400.0)
    kept = oks_nms(points, np.array([0.5, 0.9, 0.3]), np.full(3, 20_000.0), SIGMAS)
    assert kept == [1, 2]


def test_suppression_is_greedy_and_strict() -> None:
    points = people(0.0, 6.0, 12.0)
    areas = np.full(3, 10_000.0)
    near, far = (oks(points[0], points[i], 10_000.0, SIGMAS) for i in (1, 2))
    assert near > far
    threshold = (near + far) / 2  # neighbours are duplicates, the ends are not
    assert oks_nms(points, np.array([0.9, 0.8, 0.7]), areas, SIGMAS, threshold) == [0, 2]
    assert oks_nms(points, np.array([0.8, 0.9, 0.7]), areas, SIGMAS, threshold) == [1]
    assert oks_nms(points[[0, 0]], np.array([0.9, 0.8]), areas[:2], SIGMAS, threshold=1.0) == [0, 1]


def test_the_area_is_the_mean_of_both() -> None:
    points = people(0.0, 6.0)
    overlap = oks(points[0], points[1], 10_000.0, SIGMAS)
    areas = np.array([5_000.0, 15_000.0])
    assert oks_nms(points, np.array([0.9, 0.8]), areas, SIGMAS, overlap - 1e-6) == [0]
    assert oks_nms(points, np.array([0.9, 0.8]), areas, SIGMAS, overlap + 1e-6) == [0, 1]


def test_equal_scores_keep_their_order_and_nobody_is_nothing() -> None:
    points = people(0.0, 500.0, 1000.0)
    assert oks_nms(points, np.full(3, 0.5), np.full(3, 9_000.0), SIGMAS) == [0, 1, 2]
    assert oks_nms(np.zeros((0, 17, 2)), np.zeros(0), np.zeros(0), SIGMAS) == []
