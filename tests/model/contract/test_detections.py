"""From the detector's rows to people."""

import numpy as np
import pytest

from model.contract.detections import read_people
from model.contract.letterbox import Letterbox
from model.contract.spec import DetectorSpec, Provenance

LETTERBOX = Letterbox((200, 100), (100, 100))  # half size, 25 rows of border above and below
PROVENANCE = Provenance("d", "1", "a", "MIT", {}, {})


def spec(needs_nms: bool = True) -> DetectorSpec:
    return DetectorSpec(PROVENANCE, (100, 100), needs_nms, nms_iou=0.6, score_floor=0.1)


def rows(*values: tuple[float, float, float, float, float]) -> np.ndarray:
    return np.array(values, dtype=np.float32).reshape(-1, 5)


def test_boxes_come_in_image_pixels_highest_score_first() -> None:
    found = read_people(spec(), rows((0, 25, 10, 45, 0.5), (50, 30, 70, 60, 0.9)), LETTERBOX, 0.3, 100)
    assert [person.box for person in found] == [(100, 10, 40, 60), (0, 0, 20, 40)]
    assert [person.score for person in found] == pytest.approx([0.9, 0.5])


def test_a_person_below_the_threshold_or_the_floor_is_dropped() -> None:
    weak = rows((0, 25, 10, 45, 0.2), (50, 30, 70, 60, 0.05))
    assert read_people(spec(), weak, LETTERBOX, 0.3, 100) == []
    assert len(read_people(spec(), weak, LETTERBOX, 0.0, 100)) == 1


def test_an_overlapping_box_is_suppressed_only_where_the_head_needs_it() -> None:
    twice = rows((10, 30, 50, 70, 0.9), (11, 30, 51, 70, 0.8), (60, 30, 90, 70, 0.7))
    assert len(read_people(spec(), twice, LETTERBOX, 0.3, 100)) == 2
    assert len(read_people(spec(needs_nms=False), twice, LETTERBOX, 0.3, 100)) == 3


def test_the_most_likely_people_are_kept() -> None:
    found = read_people(spec(), rows((0, 25, 10, 45, 0.5), (50, 30, 70, 60, 0.9)), LETTERBOX, 0.3, 1)
    assert [person.score for person in found] == pytest.approx([0.9])


def test_a_box_in_the_border_shows_nobody() -> None:
    assert read_people(spec(), rows((0, 0, 100, 20, 0.9)), LETTERBOX, 0.3, 100) == []


def test_no_row_gives_nobody() -> None:
    assert read_people(spec(), rows(), LETTERBOX, 0.3, 100) == []
