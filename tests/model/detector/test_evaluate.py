from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("faster_coco_eval", reason="needs the train extra")

from model.contract.arrays import FloatArray, ImageArray
from model.contract.detections import ScoredBox
from model.contract.spec import DetectorSpec, Provenance
from model.detector.boxes import BoxDataError, read_person_boxes
from model.detector.evaluate import find_all, find_people, measure, read_image, recall_at

SPEC = DetectorSpec(Provenance("d", "1", "a", "MIT", {}, {}), (64, 64), needs_nms=True)
NOBODY: list[ScoredBox] = []


def rows_of(*rows: tuple[float, float, float, float, float]) -> FloatArray:
    return np.array(rows, dtype=np.float32)


def test_boxes_come_back_in_image_pixels() -> None:
    def graph(images: ImageArray) -> FloatArray:
        assert images.shape == (1, 64, 64, 3)
        return rows_of((16, 24, 32, 40, 0.8))[None]  # 128x64 image: scale 1/2, 16 rows of border above

    (person,) = find_people(graph, np.zeros((64, 128, 3), dtype=np.uint8), SPEC)
    np.testing.assert_allclose(person.box, [32, 16, 32, 32])


def test_perfect_boxes_measure_one(box_folder: Path) -> None:
    images = read_person_boxes(box_folder, "val")
    found = {image.image_id: [ScoredBox(box, 0.9) for box in image.boxes] for image in images}
    assert measure(images, found) == {"AP": 1.0, "AP50": 1.0, "recall@0.3": 1.0}


def test_nobody_found_measures_zero(box_folder: Path) -> None:
    images = read_person_boxes(box_folder, "val")
    found = {image.image_id: NOBODY for image in images}
    assert measure(images, found) == {"AP": 0.0, "AP50": 0.0, "recall@0.3": 0.0}


def test_one_box_stands_for_one_person_and_must_be_likely(box_folder: Path) -> None:
    images = read_person_boxes(box_folder, "val")
    first, second = images[0].boxes
    found = {7: [ScoredBox(first, 0.9), ScoredBox(first, 0.8), ScoredBox(second, 0.2)], 9: NOBODY}
    assert recall_at(images, found, score=0.3, iou=0.5) == 0.5
    assert recall_at(images, found, score=0.1, iou=0.5) == 1.0


def test_an_image_of_another_size_is_named(box_folder: Path) -> None:
    image = read_person_boxes(box_folder, "val")[0]
    (box_folder / "images" / "b.png").replace(image.path)
    with pytest.raises(BoxDataError, match=r"a\.png is 40x80, its annotation says 64x48"):
        read_image(image)


def test_every_image_is_looked_at(box_folder: Path) -> None:
    images = read_person_boxes(box_folder, "val")
    found = find_all(lambda _: np.zeros((1, 1, 5), dtype=np.float32), images, SPEC)
    assert list(found) == [7, 9]
