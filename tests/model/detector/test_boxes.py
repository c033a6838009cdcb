from pathlib import Path

import pytest

from model.detector.boxes import BoxDataError, read_person_boxes


def test_persons_are_read_and_crowds_and_cats_left_out(box_folder: Path) -> None:
    with_persons, without = read_person_boxes(box_folder, "val")
    assert with_persons.boxes == ((10.0, 12.0, 20.0, 24.0), (50.0, -4.0, 30.0, 20.0))
    assert with_persons.size == (64, 48)
    assert without.boxes == ()


def test_coco_as_downloaded_is_read(box_folder: Path) -> None:
    (box_folder / "annotations").mkdir()
    (box_folder / "person_boxes_train.json").rename(box_folder / "annotations" / "instances_train2017.json")
    (box_folder / "images").rename(box_folder / "train2017")
    assert [image.path.name for image in read_person_boxes(box_folder, "train")] == ["a.png", "b.png"]


def test_missing_annotations_are_named(tmp_path: Path) -> None:
    with pytest.raises(BoxDataError, match=r"person_boxes_val\.json.*instances_val2017\.json"):
        read_person_boxes(tmp_path, "val")


def test_missing_image_is_named(box_folder: Path) -> None:
    (box_folder / "images" / "b.png").unlink()
    with pytest.raises(BoxDataError, match=r"1 of 2 images .* first .*b\.png"):
        read_person_boxes(box_folder, "train")


@pytest.mark.parametrize("text", ["{", "[]", '{"images": [{"id": 1}], "annotations": []}'])
def test_broken_annotations_are_named(box_folder: Path, text: str) -> None:
    (box_folder / "person_boxes_val.json").write_text(text)
    with pytest.raises(BoxDataError, match=r"person_boxes_val\.json is not a COCO annotation file"):
        read_person_boxes(box_folder, "val")
