"""Joints become labels where two networks agree; people who have keypoints are left alone."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.contract.arrays import DoubleArray, FloatArray, ImageArray
from model.contract.codec import HeatmapCodec
from model.contract.crop import Box
from model.contract.skeleton import COCO_17
from model.contract.spec import PoseSpec, Provenance
from model.data.dataset import DataError
from model.data.movenet import MoveNet
from model.data.pseudo_labels import Agreement, agree, label_people, unlabelled_people, write_labels
from model.data.sources import read_annotations

BOX: Box = (100.0, 50.0, 100.0, 200.0)
CENTRE = (150.0, 150.0)
UNIT = 2 * np.asarray(COCO_17.sigmas) * np.sqrt(0.534 * 100 * 200)
SPEC = PoseSpec(
    provenance=Provenance("two", "", "none", "", {}, {}),
    skeleton=COCO_17,
    codec=HeatmapCodec((48, 64), (12, 16), 2.0, "half_pixel", "exact", "quarter"),
    box_padding=1.25,
    mean=(0, 0, 0),
    std=(1, 1, 1),
    flip_shift=False,
)


def views(points: DoubleArray, score: float = 0.9) -> DoubleArray:
    return np.repeat(np.concatenate([points, np.full((17, 1), score)], axis=1)[None], 4, axis=0)


def test_joints_agree_up_to_one_unit_of_oks() -> None:
    first = np.tile(CENTRE, (17, 1))
    second = first.copy()
    second[:8, 0] += 1.01 * UNIT[:8]
    second[8:, 0] += 0.99 * UNIT[8:]
    points, agreed = agree(views(first), second, BOX, Agreement())
    assert agreed.tolist() == [False] * 8 + [True] * 9
    np.testing.assert_allclose(points, (first + second) / 2)


def test_unsure_joints_and_those_that_move_between_views_are_no_labels() -> None:
    first = np.tile(CENTRE, (17, 1))
    unsure = views(first)
    unsure[:, 0, 2] = 0.19
    unsure[0, 1, 0] += 4 * UNIT[1]  # the mean moves a quarter of it, so that this view is 3 units off
    _, agreed = agree(unsure, first, BOX, Agreement(apart=2))
    assert agreed.tolist() == [False] * 2 + [True] * 15


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """One photograph with a labelled person, the same person's other box, a bystander, a dwarf and an unsure box."""
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.full((400, 400, 3), 128, dtype=np.uint8))
    image = {"id": 7, "file_name": "a.png", "width": 400, "height": 400}
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.keypoint_names), "skeleton": []}
    person = {"id": 1, "image_id": 3, "category_id": 1, "iscrowd": 0, "bbox": [0, 0, 80, 200], "area": 8000.0}
    person |= {"keypoints": [10, 10, 2] * 17, "num_keypoints": 17}
    labelled = {"images": [image | {"id": 3}], "annotations": [person], "categories": [category]}
    found: list[dict[str, Any]] = [
        {"id": 1, "bbox": [2, 0, 80, 200]},
        {"id": 2, "bbox": list(BOX), "score": 0.9},
        {"id": 3, "bbox": [300, 0, 20, 40]},
        {"id": 4, "bbox": [200, 200, 80, 180], "score": 0.2},
    ]
    boxes = {"images": [image], "annotations": [{"image_id": 7, "category_id": 1, "iscrowd": 0} | b for b in found]}
    (tmp_path / "labelled.json").write_text(json.dumps(labelled))
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    return tmp_path


def test_only_bystanders_of_some_size_are_candidates(photographs: Path) -> None:
    (person,) = unlabelled_people(photographs / "boxes.json", photographs / "labelled.json")
    assert (person.id, person.image_id, person.file_name, person.box) == (2, 7, "a.png", BOX)


class AlwaysCentre(MoveNet):
    """Sees every joint in the middle of the box."""

    def __init__(self) -> None:
        pass

    def look(self, image: ImageArray, box: Box) -> DoubleArray:
        assert image.shape == (400, 400, 3)
        return views(np.tile((box[0] + box[2] / 2, box[1] + box[3] / 2), (17, 1)))


def peaks_at(column: int, row: int) -> FloatArray:
    heatmaps = np.zeros((17, 16, 12), dtype=np.float32)
    heatmaps[:, row, column] = 1
    return heatmaps


def test_labels_are_written_as_a_set_to_train_on(photographs: Path) -> None:
    """The bundle sees the middle too, whichever way the crop is mirrored."""
    people = unlabelled_people(photographs / "boxes.json", photographs / "labelled.json")

    def middle(crops: ImageArray) -> FloatArray:
        return np.stack([peaks_at(5, 8) + peaks_at(6, 8)] * len(crops)) / np.float32(2)

    found = list(label_people(people, photographs / "images", AlwaysCentre(), (SPEC, middle), Agreement()))
    annotations = [annotation for annotation in found if annotation is not None]
    output = photographs / "new" / "others.json"
    write_labels(photographs / "boxes.json", photographs / "labelled.json", annotations, output)
    (person,) = read_annotations(output).people
    agreed = person.labelled
    assert agreed.sum() >= 5
    assert person.is_pseudo.tolist() == agreed.tolist()
    np.testing.assert_allclose(person.keypoints[agreed], np.tile(CENTRE, (agreed.sum(), 1)), atol=8)
    assert (person.keypoints[~agreed] == 0).all()


def test_where_the_networks_disagree_nobody_is_labelled(photographs: Path) -> None:
    people = unlabelled_people(photographs / "boxes.json", photographs / "labelled.json")

    def corner(crops: ImageArray) -> FloatArray:
        return np.stack([peaks_at(0, 0)] * len(crops))

    assert list(label_people(people, photographs / "images", AlwaysCentre(), (SPEC, corner), Agreement())) == [None]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"boxes\.json cannot be read"):
        unlabelled_people(tmp_path / "boxes.json", tmp_path / "labelled.json")
