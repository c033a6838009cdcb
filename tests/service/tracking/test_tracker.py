from collections.abc import Sequence

import pytest

from model.contract.coco import PersonPose
from model.contract.detections import ScoredBox
from service.tracking.tracker import KEPT_LOST_S, Look, Tracker
from tests.service.tracking.people import SIGMAS, moved, person

LEFT, RIGHT = person((100, 100, 80, 200)), person((400, 100, 80, 200))


def look_at(tracker: Tracker, found: Sequence[PersonPose], time_s: float, **changes: object) -> dict[int, PersonPose]:
    values: dict[str, object] = {"missed": [], "threshold": 0.3, "most": 100, "anew": False} | changes
    tracker.look(Look(found=found, **values), time_s)  # pyright: ignore[reportArgumentType]
    return {track.number: track.pose for track in tracker.answered}


@pytest.fixture
def tracker() -> Tracker:
    """Two people were found at 0 s in an image of 640 x 480."""
    tracker = Tracker(SIGMAS)
    tracker.enter_image(640, 480)
    assert set(look_at(tracker, [LEFT, RIGHT], 0.0, anew=True)) == {1, 2}
    return tracker


def test_people_who_pass_each_other_keep_their_ids(tracker: Tracker) -> None:
    people = dict[int, PersonPose]()
    for frame in range(1, 41):
        shift = 7.5 * frame
        people = look_at(tracker, [moved(RIGHT, -shift, 6), moved(LEFT, shift)], frame / 30)
    assert people[1].box[0] == pytest.approx(400)
    assert people[2].box[0] == pytest.approx(100)


def test_poses_tell_apart_whom_boxes_do_not(tracker: Tracker) -> None:
    mirrored = LEFT.keypoints.copy()
    mirrored[:, 0] = 280 - mirrored[:, 0]
    other = PersonPose(LEFT.box, 0.9, 0.7, mirrored, LEFT.keypoint_scores)
    both = look_at(tracker, [LEFT, other, RIGHT], 0.03)
    again = look_at(tracker, [other, LEFT, RIGHT], 0.06)
    number = next(number for number, pose in both.items() if pose is other)
    assert again[number] is other
    assert again[1] is LEFT


def test_who_scores_little_is_still_the_same_but_not_somebody_new(tracker: Tracker) -> None:
    faint = person(LEFT.box, score=0.2)
    assert set(look_at(tracker, [RIGHT, faint, person((250, 100, 80, 200), score=0.2)], 0.1)) == {1, 2}


def test_somebody_faint_who_comes_is_answered_when_found_again(tracker: Tracker) -> None:
    faint = person((250, 100, 80, 200), score=0.35)
    assert set(look_at(tracker, [LEFT, RIGHT, faint], 0.1)) == {1, 2}
    assert set(look_at(tracker, [LEFT, RIGHT, faint], 0.2)) == {1, 2, 3}


def test_one_false_alarm_takes_no_id(tracker: Tracker) -> None:
    look_at(tracker, [LEFT, RIGHT, person((250, 100, 80, 200), score=0.35)], 0.1)
    look_at(tracker, [LEFT, RIGHT], 0.2)
    assert set(look_at(tracker, [LEFT, RIGHT, person((250, 300, 80, 100))], 0.3)) == {1, 2, 3}


def test_whom_the_detector_misses_stays_while_the_pose_is_sure(tracker: Tracker) -> None:
    assert set(look_at(tracker, [RIGHT], 0.1, missed=[LEFT])) == {1, 2}
    unsure = person(LEFT.box, keypoint_score=0.3)
    assert set(look_at(tracker, [RIGHT], 0.2, missed=[unsure])) == {2}


def test_nobody_stays_for_long_without_the_detector(tracker: Tracker) -> None:
    counts = [len(look_at(tracker, [RIGHT], frame / 10, missed=[LEFT])) for frame in range(1, 6)]
    assert counts == [2, 2, 2, 1, 1]


def test_who_is_lost_for_a_moment_gets_the_same_id_again(tracker: Tracker) -> None:
    assert set(look_at(tracker, [RIGHT], 0.1)) == {2}
    assert set(look_at(tracker, [RIGHT, moved(LEFT, 20)], 0.5)) == {1, 2}


def test_who_is_lost_for_long_is_somebody_new(tracker: Tracker) -> None:
    look_at(tracker, [RIGHT], 0.1)
    for frame in range(1, 8):
        look_at(tracker, [RIGHT], 0.1 + frame * KEPT_LOST_S / 4)
    assert set(look_at(tracker, [RIGHT, LEFT], 0.2 + 2 * KEPT_LOST_S)) == {2, 3}


def test_after_a_cut_other_people_are_others_and_a_flash_changes_nobody(tracker: Tracker) -> None:
    assert set(look_at(tracker, [LEFT, RIGHT], 0.1, anew=True)) == {1, 2}
    others = [person((130, 80, 80, 200)), person((420, 130, 80, 200))]
    assert set(look_at(tracker, others, 0.2, anew=True)) == {3, 4}


def test_no_more_people_than_asked_for(tracker: Tracker) -> None:
    assert set(look_at(tracker, [LEFT, RIGHT, person((250, 100, 80, 200))], 0.1, most=2)) == {1, 2}


def test_carried_people_follow_their_poses(tracker: Tracker) -> None:
    for frame in range(1, 10):
        assert tracker.carry([moved(LEFT, 8 * frame), moved(RIGHT, -3 * frame)], frame / 30)
    first, second = tracker.answered
    assert first.pose.box == pytest.approx((172, 100, 80, 200))
    assert second.pose.box == pytest.approx((373, 100, 80, 200))
    assert tracker.expected(10 / 30)[0].box[0] == pytest.approx(180, abs=2)


def test_a_pose_that_is_not_sure_wants_the_detector_and_changes_nothing(tracker: Tracker) -> None:
    assert not tracker.carry([moved(LEFT, 30), person(RIGHT.box, keypoint_score=0.2)], 0.03)
    assert [track.pose for track in tracker.answered] == [LEFT, RIGHT]


def test_two_tracks_on_one_person_want_the_detector(tracker: Tracker) -> None:
    assert not tracker.carry([LEFT, LEFT], 0.03)


def test_who_leaves_the_picture_wants_the_detector(tracker: Tracker) -> None:
    assert not tracker.carry([LEFT, moved(RIGHT, 210)], 0.03)


def test_faint_detections_are_posed_only_where_somebody_is_expected(tracker: Tracker) -> None:
    found = [ScoredBox(RIGHT.box, 0.9), ScoredBox(LEFT.box, 0.2), ScoredBox((250, 100, 80, 200), 0.2)]
    assert tracker.worth_posing(found, 0.3, 0.1) == found[:2]
    assert tracker.missed(found[:1], 0.1) == [ScoredBox(LEFT.box, 0.9)]


def test_carried_boxes_stay_in_the_image() -> None:
    tracker = Tracker(SIGMAS)
    tracker.enter_image(640, 480)
    at_border = person((570, 100, 70, 200))
    look_at(tracker, [at_border], 0.0, anew=True)
    assert tracker.carry([moved(at_border, 10)], 0.03)
    x, _, width, _ = tracker.answered[0].pose.box
    assert x + width == pytest.approx(640)


def test_who_seems_to_jump_makes_the_detector_look_or_is_held_while_it_has_just_looked(tracker: Tracker) -> None:
    jumped = moved(LEFT, 60)
    assert not tracker.carry([jumped, RIGHT], 0.03)
    assert [track.pose for track in tracker.answered] == [LEFT, RIGHT]
    assert tracker.carry([jumped, RIGHT], 0.03, patient=True)
    left, right = tracker.answered
    assert left.pose.box == LEFT.box
    assert left.pose.keypoints.tolist() == jumped.keypoints.tolist()
    assert right.pose.box == pytest.approx(RIGHT.box)
    assert left.velocity.tolist() == [0, 0]


def test_who_was_found_once_costs_no_pose_until_found_again(tracker: Tracker) -> None:
    faint = person((250, 100, 80, 200), score=0.35)
    look_at(tracker, [LEFT, RIGHT, faint], 0.03)
    assert [box for box, _ in tracker.expected(0.06)] == [LEFT.box, RIGHT.box]
    assert tracker.carry([LEFT, RIGHT], 0.06)
    assert set(look_at(tracker, [LEFT, RIGHT, faint], 0.1)) == {1, 2, 3}


def test_a_neighbour_does_not_inherit_the_id_of_somebody_who_is_lost(tracker: Tracker) -> None:
    assert set(look_at(tracker, [RIGHT], 0.1)) == {2}
    assert set(look_at(tracker, [RIGHT, moved(LEFT, 30)], 0.2)) == {2, 3}


def test_somebody_who_was_just_seen_may_have_moved_as_far(tracker: Tracker) -> None:
    assert set(look_at(tracker, [RIGHT, moved(LEFT, 30)], 0.2)) == {1, 2}
