import json
from pathlib import Path

import pytest

from model.contract.coco_entry import AnnotationError
from service.jobs import PoseOptions
from service.predict.boxes import BoxesFile, NotListedError, read_boxes
from service.predict.inputs import Photo
from service.settings import SettingsError

BOX = [10, 20, 30, 40]


def boxes_of(folder: Path, content: object) -> BoxesFile:
    path = folder / "boxes.json"
    path.write_text(json.dumps(content))
    return read_boxes(path)


def people(boxes: BoxesFile, name: str, options: PoseOptions | None = None) -> list[float]:
    return [person.score for person in boxes.people_in(Photo(0, name), options or PoseOptions())]


def test_annotations_are_found_by_the_names_of_the_images(tmp_path: Path) -> None:
    images = [{"id": 5, "file_name": "train/a.jpg"}, {"id": 6, "file_name": "train/b.jpg"}]
    annotations = [
        {"image_id": 5, "category_id": 3, "bbox": BOX},
        {"image_id": 5, "category_id": 4, "bbox": BOX},
        {"image_id": 5, "category_id": 3, "bbox": BOX, "iscrowd": 1},
        {"image_id": 5, "category_id": 3, "bbox": [1, 2, 0.4, 50]},
    ]
    categories = [{"id": 3, "name": "person"}, {"id": 4, "name": "dog"}]
    boxes = boxes_of(tmp_path, {"images": images, "annotations": annotations, "categories": categories})
    assert people(boxes, "/data/train/a.jpg") == [1.0]
    assert people(boxes, "b.jpg") == []
    assert boxes.left_out == 3
    with pytest.raises(NotListedError):
        boxes.people_in(Photo(0, "c.jpg"), PoseOptions())


def test_a_name_that_two_folders_have_needs_its_folder(tmp_path: Path) -> None:
    images = [{"id": 5, "file_name": "x/a.jpg"}, {"id": 6, "file_name": "y/a.jpg"}]
    annotations = [{"image_id": 6, "category_id": 1, "bbox": BOX}]
    boxes = boxes_of(tmp_path, {"images": images, "annotations": annotations})
    assert people(boxes, "y/a.jpg") == [1.0]
    assert people(boxes, "x/a.jpg") == []
    with pytest.raises(NotListedError):
        boxes.people_in(Photo(0, "a.jpg"), PoseOptions())


@pytest.mark.parametrize("image_id", [139, "photos/000000000139.jpg", "000000000139.jpg", "000000000139"])
def test_detections_are_found_by_the_id(tmp_path: Path, image_id: object) -> None:
    boxes = boxes_of(tmp_path, [{"image_id": image_id, "category_id": 1, "bbox": BOX, "score": 0.7}])
    assert people(boxes, "photos/000000000139.jpg") == [0.7]
    assert people(boxes, "photos/000000000140.jpg") == []
    assert boxes.unused([Photo(0, "000000000140.jpg")]) == 1


def test_options_choose_among_detections(tmp_path: Path) -> None:
    entries = [{"image_id": "a", "bbox": BOX, "score": score} for score in (0.2, 0.6, 0.9, 0.5)]
    boxes = boxes_of(tmp_path, entries)
    assert people(boxes, "a.jpg") == [0.9, 0.6, 0.5]
    assert people(boxes, "a.jpg", PoseOptions(person_threshold=0.0, max_persons=2)) == [0.9, 0.6]


def test_our_own_results_carry_the_boxs_score_apart(tmp_path: Path) -> None:
    boxes = boxes_of(tmp_path, [{"image_id": "a", "bbox": BOX, "score": 0.2, "bbox_score": 0.8}])
    assert people(boxes, "a.jpg") == [0.8]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([{"image_id": 1, "bbox": [1, 2, 3]}], "entry 0: its bbox has 3 numbers"),
        ([{"bbox": BOX}], "entry 0: the key 'image_id' is missing"),
        ([{"image_id": 1, "bbox": BOX, "score": 7}], "entry 0: its score is 7"),
        ({"annotations": []}, "the file: the key 'images' is missing"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, content: object, sentence: str) -> None:
    with pytest.raises(AnnotationError, match=sentence):
        boxes_of(tmp_path, content)


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_text("no")
    with pytest.raises(SettingsError, match="is not JSON"):
        read_boxes(tmp_path / "boxes.json")
