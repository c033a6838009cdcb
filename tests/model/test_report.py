"""The report page: everything in one file, the numbers those of the evaluation."""

import base64
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.config import read_recipe
from model.contract.coco import read_keypoints
from model.contract.skeleton import COCO_17
from model.data.sources import usable_samples
from model.evaluate import coco_ap, pck
from model.measure import Measured, Measurement
from model.report import joint_scores, write_report
from model.validation import draft_spec
from tests.model.test_evaluate import moved


@pytest.fixture
def task(data: Path, tmp_path: Path) -> Measurement:
    return Measurement(tmp_path / "model", data / "val.json", data / "images")


@pytest.fixture
def measured(task: Measurement, recipe_file: Path) -> Measured:
    """Two people whose every joint is right, but for the first one's wrists: forty pixels off."""
    samples = usable_samples(read_keypoints(task.annotations), task.images, COCO_17)
    results = [
        moved(sample.person.keypoints, joints, 40)[0] | {"image_id": sample.person.image_id}
        for sample, joints in zip(samples, ([9, 10], []), strict=True)
    ]
    figures = coco_ap(task.annotations, results) | {"PCK@0.2": pck(samples, results)}
    return Measured(results, figures, draft_spec(read_recipe(recipe_file)), samples)


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/(?:png|jpeg);base64,([^"]+)"', page)
    decoded = [cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR) for text in found]
    return [picture for picture in decoded if picture is not None]


def test_joints_are_scored_one_by_one(measured: Measured) -> None:
    scores = {score.name: score for score in joint_scores(measured)}
    assert list(scores) == list(COCO_17.keypoint_names)
    nose, wrist = scores["nose"], scores["left_wrist"]
    assert (nose.count, nose.similarity, nose.pck, nose.error) == (2, 1, 1, 0)
    assert (wrist.count, wrist.pck) == (2, 0.5)
    assert 0.5 <= wrist.similarity < 0.6
    mean = np.mean([score.pck for score in scores.values()])
    assert mean == pytest.approx(measured.figures["PCK@0.2"])


def test_a_joint_that_nobody_has_is_no_figure(measured: Measured) -> None:
    samples = [
        replace(each, person=replace(each.person, visibility=np.where(np.arange(17) == 3, 0, each.person.visibility)))
        for each in measured.samples
    ]
    ear = joint_scores(replace(measured, samples=samples))[3]
    assert (ear.count, ear.similarity, ear.pck, ear.error) == (0, -1, -1, -1)


def test_the_page_holds_tables_and_pictures_and_needs_nothing_else(
    task: Measurement, measured: Measured, tmp_path: Path
) -> None:
    page = write_report(task, measured, tmp_path / "report").read_text()
    assert f"<tr><th>AP<td>{measured.figures['AP']:.4f}" in page
    assert "<tr><th>left_wrist<td>2<td>" in page
    assert len(pictures(page)) == 2  # precision over recall, worst cases
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "Training" not in page


def test_of_a_run_the_training_is_drawn_too(task: Measurement, measured: Measured, tmp_path: Path) -> None:
    task.model.mkdir()
    lines = ['{"step": 1, "loss": 0.5}', '{"step": 2, "loss": 0.25}', '{"epoch": 1, "step": 2, "coco/AP": 0.1}']
    (task.model / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    page = write_report(task, measured, tmp_path / "report").read_text()
    assert "<h2>Training</h2>" in page
    assert len(pictures(page)) == 3


def test_detected_boxes_have_no_joint_table(task: Measurement, measured: Measured, tmp_path: Path) -> None:
    page = write_report(task, replace(measured, samples=[]), tmp_path / "report").read_text()
    assert "The boxes were detected" in page
    assert len(pictures(page)) == 1
