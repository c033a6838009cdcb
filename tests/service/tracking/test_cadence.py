from service.tracking.cadence import Cadence
from service.tracking.tracker import Change

NOTHING, SOMEBODY = Change(0, 0, 0), Change(1, 0, 0)


def frames_to_next_look(cadence: Cadence) -> int:
    frames = 1
    while not cadence.due:
        cadence.pass_frame()
        frames += 1
    return frames


def test_looks_become_rare_while_nothing_happens() -> None:
    cadence, gaps = Cadence(10), list[int]()
    assert cadence.due
    for _ in range(6):
        cadence.look(NOTHING, alarmed=False)
        gaps.append(frames_to_next_look(cadence))
    assert gaps == [2, 4, 8, 10, 10, 10]


def test_a_surprise_makes_them_frequent_again() -> None:
    for surprise in (Change(1, 0, 0), Change(0, 1, 0), Change(0, 0, 1)):
        cadence = Cadence(10)
        for _ in range(4):
            cadence.look(NOTHING, alarmed=False)
        cadence.look(surprise, alarmed=False)
        assert frames_to_next_look(cadence) == 1


def test_surprises_that_go_on_are_looked_at_less_often() -> None:
    cadence, gaps = Cadence(10), list[int]()
    for _ in range(6):
        cadence.look(SOMEBODY, alarmed=False)
        gaps.append(frames_to_next_look(cadence))
    assert gaps == [1, 2, 3, 4, 4, 4]
    cadence.look(NOTHING, alarmed=False)
    cadence.look(SOMEBODY, alarmed=False)
    assert frames_to_next_look(cadence) == 1


def test_an_unsure_pose_waits_for_some_frames_after_a_look() -> None:
    cadence = Cadence(10)
    cadence.look(NOTHING, alarmed=False)
    patience = list[bool]()
    for _ in range(5):
        patience.append(cadence.patient)
        cadence.pass_frame()
    assert patience == [True, True, True, False, False]
    assert not Cadence(1).patient


def test_it_is_known_when_the_next_look_is_due() -> None:
    cadence = Cadence(10)
    cadence.look(NOTHING, alarmed=False)
    cadence.look(NOTHING, alarmed=False)
    assert [cadence.due_after(frames) for frames in range(5)] == [False, False, False, True, True]


def test_every_frame_is_looked_at_if_asked_for() -> None:
    cadence = Cadence(1)
    for _ in range(4):
        cadence.look(NOTHING, alarmed=False)
        assert cadence.due


def test_after_a_false_alarm_the_border_does_not_count_for_a_while() -> None:
    cadence = Cadence(5)
    cadence.look(NOTHING, alarmed=True)
    assert not cadence.alert
    for _ in range(5):
        cadence.pass_frame()
    assert cadence.alert
    cadence.look(SOMEBODY, alarmed=True)
    assert cadence.alert
