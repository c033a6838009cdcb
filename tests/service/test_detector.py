import numpy as np
import pytest

from model.contract.letterbox import Letterbox
from model.contract.spec import DetectorSpec
from service.batching.limit import BatchLimit
from service.detector import Detector
from tests.service.fakes import FakeDetectorRuntime, loaded, provenance


def make_detector(*, needs_nms: bool) -> Detector:
    spec = DetectorSpec(provenance("fake"), (160, 160), needs_nms=needs_nms, nms_iou=0.5, score_floor=0.1)
    return Detector(loaded(spec, FakeDetectorRuntime((160, 160))), BatchLimit(4, {}))


ROWS = np.array(
    [
        [10, 10, 50, 90, 0.5],
        [12, 12, 52, 92, 0.8],  # overlaps the first
        [100, 20, 140, 100, 0.6],
        [100, 20, 140, 100, 0.05],  # below the floor
        [155, 5, 155.2, 60, 0.9],  # thinner than a pixel
    ],
    dtype=np.float32,
)
LETTERBOX = Letterbox((320, 320), (160, 160))


def test_boxes_come_in_image_pixels_best_first() -> None:
    people = make_detector(needs_nms=False).people(ROWS, LETTERBOX, 0.0, 100)
    assert [score for _, score in people] == pytest.approx([0.8, 0.6, 0.5])
    np.testing.assert_allclose(people[0][0], (24, 24, 80, 160), atol=1e-3)


def test_overlapping_boxes_are_suppressed_where_the_graph_leaves_them() -> None:
    people = make_detector(needs_nms=True).people(ROWS, LETTERBOX, 0.0, 100)
    assert [score for _, score in people] == pytest.approx([0.8, 0.6])


@pytest.mark.parametrize(("threshold", "most", "expected"), [(0.55, 100, 2), (0.0, 1, 1), (0.99, 100, 0)])
def test_threshold_and_number_hold(threshold: float, most: int, expected: int) -> None:
    assert len(make_detector(needs_nms=True).people(ROWS, LETTERBOX, threshold, most)) == expected


def test_no_rows_is_nobody() -> None:
    assert make_detector(needs_nms=True).people(np.zeros((0, 5), np.float32), LETTERBOX, 0.1, 100) == []
