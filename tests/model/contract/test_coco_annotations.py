"""Annotation files: read whole, refused by name, and training people chosen by the published rule."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.contract.coco import (
    AnnotationError,
    CocoImage,
    dropped_people,
    read_detections,
    read_keypoints,
    training_people,
)
from model.contract.skeleton import COCO_17

KEYPOINTS = ("nose", "left_eye", "right_eye")


def annotation(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": number, "image_id": 10, "category_id": 1, "iscrowd": 0, "area": 500.0, "num_keypoints": 2,
        "bbox": [10, 20, 30, 40], "keypoints": [11, 21, 2, 12.5, 22, 1, 0, 0, 0],
    } | changes  # fmt: skip


def content(*annotations: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 10, "file_name": "a.jpg", "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "person", "keypoints": list(KEYPOINTS)}],
        "annotations": list(annotations),
    } | changes


def write(folder: Path, value: Any) -> Path:
    path = folder / "people.json"
    path.write_text(json.dumps(value))
    return path


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path, content(annotation(), annotation(2, pseudo_keypoints=[1], iscrowd=1)))
    found = read_keypoints(path)
    assert found.path == path
    assert found.images == {10: CocoImage(10, "a.jpg", 100, 80)}
    assert found.keypoint_names == KEYPOINTS
    first, second = found.people
    assert (first.id, first.image_id, first.box, first.area) == (1, 10, (10, 20, 30, 40), 500.0)
    np.testing.assert_array_equal(first.keypoints, [[11, 21], [12.5, 22], [0, 0]])
    assert first.keypoints.dtype == np.float64
    assert first.visibility.tolist() == [2, 1, 0]
    assert first.labelled.tolist() == [True, True, False]
    assert not first.iscrowd
    assert first.is_pseudo.tolist() == [False] * 3
    assert second.iscrowd
    assert second.is_pseudo.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ([], "the file: it is a list; it must be an object"),
        ({"images": []}, "the key 'categories' is missing"),
        (content(categories=[{"id": 2}]), "no category has id 1 (person), and 0 list keypoints"),
        (content(categories=[{"id": 2, "keypoints": []}, {"id": 3, "keypoints": []}]), "and 2 list keypoints"),
        (content(categories=[{"id": 1, "name": "person"}]), "category 1: the key 'keypoints' is missing"),
        (content(images=[{"id": 1, "file_name": "a", "width": 0, "height": 5}]), "image 1: its size is 0 x 5"),
        (content(images=[{"file_name": "a", "width": 9, "height": 5}]), "image number 0: the key 'id' is missing"),
        (content(annotation(7, bbox=[1, 2, 3])), "annotation 7: its bbox has 3 numbers; it must have 4"),
        (content(annotation(7, bbox=None)), "annotation 7: its bbox is null; it must be a list"),
        (content(annotation(7, bbox=[1, 2, 3, "4"])), "annotation 7: its bbox holds '4'"),
        (content(annotation(7, keypoints=[1, 2, 2])), "its keypoints has 3 numbers; it must have 9"),
        (content(annotation(7, keypoints=[1, 2, 5] + [0] * 6)), "none of 0, 1 and 2"),
        (content(annotation(7, image_id=11)), "annotation 7: its image_id 11 is not among the images"),
        (content(annotation(7, image_id="10")), "is not a whole number"),
        (content(annotation(7, category_id=3)), "its category_id is 3"),
        (content(annotation(7, area=True)), "its area holds True, which is not a finite number"),
        (content(annotation(7, area=10**400)), "which is not a finite number"),
        (content(annotation(7, pseudo_keypoints=[3])), "outside 0..2"),
        (content(annotation(7), annotation(7)), "the id 7 occurs twice among its CocoPerson"),
        (content(["x"]), "annotation number 0: it is a list"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_broken_files_are_refused_by_name(tmp_path: Path, broken: Any, message: str) -> None:
    path = write(tmp_path, broken)
    with pytest.raises(AnnotationError) as caught:
        read_keypoints(path)
    assert "people.json" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["id", "image_id", "bbox", "area", "keypoints"])
def test_missing_keys_are_named(tmp_path: Path, key: str) -> None:
    entry = annotation(7)
    del entry[key]
    with pytest.raises(AnnotationError, match=f"'{key}' is missing"):
        read_keypoints(write(tmp_path, content(entry)))


@pytest.mark.parametrize("text", ["", "{", "NaN,", "\udcff", "[" * 100_000])
def test_what_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "people.json"
    path.write_text(text, errors="surrogateescape")
    for read in (read_keypoints, read_detections):
        with pytest.raises(AnnotationError, match="not JSON"):
            read(path)


def test_missing_files_are_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_keypoints(tmp_path / "none.json")


def test_training_people_golden(tmp_path: Path) -> None:
    people = read_keypoints(
        write(
            tmp_path,
            content(
                annotation(1),
                annotation(2, bbox=[-5, -5, 200, 200]),
                annotation(3, iscrowd=1),
                annotation(4, keypoints=[0] * 9),
                annotation(5, area=0),
                annotation(6, bbox=[100, 20, 30, 40]),
                annotation(7, bbox=[10, 20, -3, 40]),
                annotation(8, keypoints=[0] * 9),
            ),
        )
    )
    chosen = training_people(people)
    assert [person.id for person in chosen] == [1, 2]
    assert chosen[0].box == (10, 20, 29, 39)  # the last pixel's centre, as SimpleBaseline
    assert chosen[1].box == (0, 0, 99, 79)
    assert chosen[1].area == 500.0
    assert dropped_people(people) == {
        "crowd": 1,
        "no labelled keypoint": 2,
        "no area": 1,
        "box outside the image or under two pixels": 2,
    }


def test_detections_are_read(tmp_path: Path) -> None:
    entry = {"image_id": 10, "category_id": 1, "bbox": [1.5, 2, 3, 4], "score": 0.75}
    path = write(tmp_path, [entry, entry | {"category_id": 3}])
    first, second = read_detections(path)
    assert (first.image_id, first.category_id, first.box, first.score) == (10, 1, (1.5, 2, 3, 4), 0.75)
    assert second.category_id == 3
    assert read_detections(write(tmp_path, [])) == []


BROKEN_DETECTIONS: list[tuple[Any, str]] = [
    ({}, "a detections file is a JSON list"),
    ([[]], "entry 0: it is a list"),
    ([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}], "entry 0: the key 'score' is missing"),
    ([{"image_id": 1, "category_id": 1, "bbox": [1, 2], "score": 1}], "entry 0: its bbox has 2 numbers"),
]


@pytest.mark.parametrize(("broken", "message"), BROKEN_DETECTIONS)
def test_broken_detections_are_refused_by_name(tmp_path: Path, broken: Any, message: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        read_detections(write(tmp_path, broken))
    assert message in str(caught.value)


def test_shared_annotations_are_read_and_counted(shared_dir: Path) -> None:
    data = shared_dir / "data"
    for name, images, people in (
        ("coco/person_keypoints_val.json", 92, 311),
        ("pelota/person_keypoints_train.json", 70, 165),
    ):
        found = read_keypoints(data / name)
        assert (len(found.images), len(found.people)) == (images, people)
        assert found.keypoint_names == COCO_17.keypoint_names
        assert len(training_people(found)) + sum(dropped_people(found).values()) == people
    pseudo = read_keypoints(data / "lspet/person_keypoints_train.json")
    assert sum(person.is_pseudo.any() for person in pseudo.people) == 3659
