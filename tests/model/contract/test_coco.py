"""Result entries: pycocotools takes them as they are."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.contract.coco import PersonPose, order_by_score, to_result, write_results


def pose(score: float = 0.5, seed: int = 0) -> PersonPose:
    random = np.random.default_rng(seed)
    return PersonPose(
        box=(10.04, 20.06, 30.0, 40.0),
        box_score=0.9,
        score=score,
        keypoints=random.uniform(0, 100, (17, 2)),
        keypoint_scores=random.random(17).astype(np.float32),
    )


def test_result_golden() -> None:
    person = PersonPose((1.04, -0.04, 30.06, 40.0), 0.91, 0.85, np.array([[1.25, 2.349]]), np.array([0.1], np.float32))
    assert to_result(person, 7) == {
        "image_id": 7,
        "category_id": 1,
        "bbox": [1.0, 0.0, 30.1, 40.0],
        "bbox_score": 0.91,
        "score": 0.85,
        "keypoints": [1.2, 2.3, 0.1],
    }
    assert "bbox" not in to_result(person, 7, with_box=False)
    assert to_result(person, "frame-1")["image_id"] == "frame-1"


def test_results_are_plain_json() -> None:
    text = json.dumps(to_result(pose(), 3))
    entry = json.loads(text)
    assert len(entry["keypoints"]) == 51
    assert all(round(value, 1) == value for i, value in enumerate(entry["keypoints"]) if i % 3 < 2)
    assert "-0.0" not in text


def test_low_scores_keep_their_coordinates() -> None:
    person = PersonPose((0.0, 0.0, 5.0, 5.0), 0.1, 0.0, np.array([[3.0, 4.0]]), np.zeros(1, np.float32))
    assert to_result(person, 0)["keypoints"] == [3.0, 4.0, 0.0]


def test_highest_score_first_and_equal_ones_in_order() -> None:
    people = [pose(0.2, 1), pose(0.9, 2), pose(0.2, 3), pose(0.5, 4)]
    ordered = order_by_score(people)
    assert [id(person) for person in ordered] == [id(people[i]) for i in (1, 3, 0, 2)]
    assert order_by_score([]) == []


@pytest.mark.parametrize("with_box", [True, False])
def test_pycocotools_loads_the_results(tmp_path: Path, with_box: bool) -> None:
    coco_type: Any = importlib.import_module("pycocotools.coco").COCO
    truth = tmp_path / "truth.json"
    truth.write_text(
        json.dumps({"images": [{"id": 3}], "categories": [{"id": 1, "name": "person"}], "annotations": []})
    )
    results = [to_result(pose(0.5, seed), 3, with_box) for seed in range(4)]
    write_results(tmp_path / "results.json", results)
    loaded = coco_type(str(truth)).loadRes(str(tmp_path / "results.json"))
    assert len(loaded.getAnnIds()) == 4
    assert loaded.loadAnns(1)[0]["keypoints"] == results[0]["keypoints"]


def test_numbers_that_json_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_results(tmp_path / "results.json", [{"score": float("nan")}])
