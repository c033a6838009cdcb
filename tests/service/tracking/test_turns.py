from service.tracking.turns import Turns


def test_turns_come_in_order_and_who_leaves_early_holds_nobody_up() -> None:
    line = Turns()
    first, second, third = line.stand(), line.stand(), line.stand()
    assert [turn.came.is_set() for turn in (first, second, third)] == [True, False, False]
    second.leave()
    assert not third.came.is_set()
    first.leave()
    first.leave()
    assert third.came.is_set()
    third.leave()
    assert line.stand().came.is_set()
