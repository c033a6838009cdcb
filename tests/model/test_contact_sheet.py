"""The contact sheet: estimates beside labels, of people that nobody chose, with or without their photographs."""

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.config import read_recipe
from model.contact_sheet import PAPER, write_contact_sheet
from model.contract.coco import read_keypoints
from model.contract.skeleton import COCO_17
from model.data.dataset import DataError
from model.data.drawing import TILE
from model.data.sources import usable_samples
from model.measure import Measured
from model.validation import draft_spec
from tests.model.test_evaluate import moved


@pytest.fixture
def measured(data: Path, recipe_file: Path) -> Measured:
    """The two people of the drawn validation file, every joint estimated forty pixels away from its label."""
    samples = usable_samples(read_keypoints(data / "val.json"), data / "images", COCO_17)
    results = [moved(sample.person.keypoints, list(range(17)), 40)[0] for sample in samples]
    return Measured(results, {}, draft_spec(read_recipe(recipe_file)), samples)


def tiles_of(path: Path) -> list[np.ndarray]:
    """The tiles of a sheet of one row."""
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.split(picture[: TILE[1]], picture.shape[1] // TILE[0], axis=1)


def test_each_estimate_stands_beside_its_label(measured: Measured, tmp_path: Path) -> None:
    write_contact_sheet(measured, tmp_path / "sheet.png", blank=False)
    estimate, label, second = tiles_of(tmp_path / "sheet.png")[:3]
    shown = slice(20, None)  # below the caption
    assert np.abs(estimate[shown].astype(int) - label[shown]).mean() > 1
    assert np.abs(estimate[shown].astype(int) - second[shown]).mean() > 1
    assert len(np.unique(label[shown].reshape(-1, 3), axis=0)) > 30  # the drawn photograph's noise shows


def test_a_blank_sheet_holds_nothing_of_the_photographs(measured: Measured, tmp_path: Path) -> None:
    write_contact_sheet(measured, tmp_path / "sheet.png", blank=True)
    label = tiles_of(tmp_path / "sheet.png")[1]
    assert (label[20:] == PAPER).mean() > 0.5
    assert (label != PAPER).any()


def test_detected_people_have_no_label_to_stand_beside(measured: Measured, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leave --detections out"):
        write_contact_sheet(Measured(measured.results, {}, measured.spec, []), tmp_path / "sheet.png", blank=True)


def test_an_unknown_format_is_named(measured: Measured, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"sheet\.txt names no picture format"):
        write_contact_sheet(measured, tmp_path / "sheet.txt", blank=True)
