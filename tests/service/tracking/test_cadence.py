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
