import numpy as np
import pytest

from model.contract.boxes import box_overlaps, paired_overlaps


def test_every_pair_has_its_intersection_over_union() -> None:
    boxes = [(0.0, 0.0, 10.0, 10.0), (100.0, 0.0, 4.0, 4.0)]
    others = [(5.0, 0.0, 10.0, 10.0), (0.0, 0.0, 10.0, 10.0), (2.0, 2.0, 5.0, 4.0)]
    np.testing.assert_allclose(box_overlaps(boxes, others), [[1 / 3, 1.0, 0.2], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(box_overlaps(np.array(boxes), np.array(others)), box_overlaps(boxes, others))


def test_boxes_that_touch_or_have_no_area_overlap_by_nothing() -> None:
    assert box_overlaps([(0, 0, 4, 4)], [(4, 0, 4, 4)]).item() == 0
    assert box_overlaps([(1, 1, 0, 0)], [(1, 1, 0, 0)]).item() == 0


@pytest.mark.parametrize(("boxes", "others"), [(0, 3), (2, 0), (0, 0)])
def test_no_boxes_give_an_empty_table(boxes: int, others: int) -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    assert box_overlaps([box] * boxes, [box] * others).shape == (boxes, others)


def test_paired_boxes_overlap_place_by_place() -> None:
    assert paired_overlaps([(0, 0, 2, 2), (0, 0, 2, 2)], [(0, 0, 2, 2), (1, 0, 2, 2)]) == pytest.approx([1, 1 / 3])
    assert paired_overlaps([], []).shape == (0,)
