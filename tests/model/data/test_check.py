"""`fasterpose data`: each broken thing is named, counts are right, the sheet shows people."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.contract.skeleton import COCO_17
from model.data.check import check_set, describe
from tests.model import drawn
from tests.model.test_cli import call, error_line

Content = dict[str, Any]


def change(data: Path, edit: Callable[[Content], object], *, edges: bool = False) -> Path:
    """The training file after an edit; with COCO's limbs if asked for."""
    path = data / "train.json"
    content: Content = json.loads(path.read_text())
    if edges:
        content["categories"][0]["skeleton"] = [[a + 1, b + 1] for a, b in COCO_17.edges]
    edit(content)
    path.write_text(json.dumps(content))
    return path


def first(**changes: Any) -> Callable[[Content], object]:
    return lambda content: content["annotations"][0].update(changes)


def repeat_first(content: Content) -> None:
    content["annotations"].append(content["annotations"][0] | {"id": 999})


def repeat_image(content: Content) -> None:
    content["images"].append(content["images"][0] | {"id": 999})


def narrow_first_image(content: Content) -> None:
    content["images"][0]["width"] = 64


def rename_first_image(content: Content) -> None:
    content["images"][0]["file_name"] = "gone.png"


def push_outside(content: Content) -> None:
    content["annotations"][0]["keypoints"][0] = 130.0


def test_a_whole_set_is_counted_and_nothing_is_broken(data: Path) -> None:
    checked = check_set(change(data, lambda _: None, edges=True), data / "images")
    assert (checked.broken, checked.suspects) == ([], {})
    text = describe(checked)
    assert "4 images, 4 of them with people" in text
    assert "6 people, 6 to train on, 0 crowds" in text
    assert "nose                        6        0        0" in text
    assert text.endswith("0 broken, 0 suspect")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (first(bbox=[10, 10, 0, 30]), "annotation 10: its box [10.0, 10.0, 0.0, 30.0] has no area"),
        (first(bbox=[500, 10, 20, 30]), "lies outside the 120 x 100 image"),
        (push_outside, "annotation 10: labelled outside the 120 x 100 image: nose"),
        (first(keypoints=[1, 2, 2]), "annotation 10: its keypoints has 3 numbers; it must have 51"),
        (first(image_id=77), "annotation 10: its image_id 77 is not among the images"),
        (first(id=11), "the id 11 occurs twice"),
        (repeat_first, "annotation 999: the same person as annotation 10"),
        (repeat_image, "photograph train-1.png stands in 2 image entries"),
        (narrow_first_image, "photograph train-1.png is 120 x 100; image 1 says 64"),
        (rename_first_image, "gone.png cannot be read"),
    ],
)
def test_what_is_broken_is_named(data: Path, edit: Callable[[Content], object], message: str) -> None:
    broken = check_set(change(data, edit), data / "images").broken
    assert any(message in line for line in broken), broken


def test_exchanged_knees_are_suspect_but_not_broken(data: Path) -> None:
    def exchange_knees(content: Content) -> None:
        keypoints = content["annotations"][0]["keypoints"]
        keypoints[39:42], keypoints[42:45] = keypoints[42:45], keypoints[39:42]

    checked = check_set(change(data, exchange_knees, edges=True), data / "images")
    assert checked.suspects == {10: "left and right look exchanged: left_knee and right_knee"}
    assert checked.broken == []


def test_the_command_counts_draws_and_fails_for_a_broken_set(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("data", "check", "--annotations", data / "train.json", "--images", data / "images")
    assert call(*files, "--sheet", tmp_path / "sheet.png") == 0
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.shape == (256, 8 * 192, 3)
    assert all(sheet[20:, at * 192 : (at + 1) * 192].any() == (at < 6) for at in range(8))
    assert call(*files, "--sheet", tmp_path / "sheet.unknown") == 2
    assert "no image format" in error_line(capsys)
    (data / "images/train-2.png").write_bytes(b"no photograph")
    assert call(*files, "--sheet", tmp_path / "sheet.png") == 1
    assert "broken: photograph" in capsys.readouterr().out


def test_a_file_that_is_none_is_one_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "check", "--annotations", data / "absent.json", "--images", data) == 2
    assert "absent.json cannot be read" in error_line(capsys)


def test_the_skeleton_of_a_file_is_written(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "skeleton", "--annotations", data / "train.json") == 0
    assert capsys.readouterr().out == f'[skeleton]\nname = "{drawn.COCO_17.name}"\n'
