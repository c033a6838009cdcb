from dataclasses import replace

import numpy as np
import pytest

from service.tracking.carrying import carried_box, common_motion
from tests.service.tracking.people import moved, person

THEN = person((100, 50, 80, 200))


def test_the_box_moves_and_grows_with_the_keypoints() -> None:
    larger = person((140, 60, 100, 250))
    assert carried_box(THEN, larger) == pytest.approx((140, 60, 100, 250))


def test_a_keypoint_that_goes_astray_moves_the_box_little() -> None:
    points = moved(THEN, 30).keypoints.copy()
    points[5] += (0, 60)
    scores = np.full(17, 0.8, np.float32)
    astray = replace(moved(THEN, 30), keypoints=points, keypoint_scores=scores)
    motion = common_motion(THEN, astray)
    assert motion is not None
    assert motion.moved(THEN.box) == pytest.approx((130, 50, 80, 200), abs=4)


def test_the_box_holds_an_arm_that_is_stretched_out() -> None:
    points = THEN.keypoints.copy()
    points[9] = (20, 100)
    box = carried_box(THEN, replace(THEN, keypoints=points))
    assert box is not None
    assert box[0] == pytest.approx(20)
    assert box[0] + box[2] == pytest.approx(180, abs=8)


def test_keypoints_that_are_not_seen_do_not_count() -> None:
    scores = np.full(17, 0.8, np.float32)
    scores[0] = 0.1
    points = moved(THEN, 10).keypoints.copy()
    points[0] = (900, 900)
    assert carried_box(THEN, replace(THEN, keypoints=points, keypoint_scores=scores)) == pytest.approx(
        (110, 50, 80, 200)
    )


def test_too_few_keypoints_tell_nothing() -> None:
    scores = np.full(17, 0.1, np.float32)
    scores[:3] = 0.9
    assert carried_box(THEN, replace(THEN, keypoint_scores=scores)) is None
