from service.pace import FIRST_GUESS_S, LONGEST_WAIT_S, Pace


def test_nothing_is_known_at_first() -> None:
    assert Pace().seconds_for(100, now=5.0) == FIRST_GUESS_S


def test_the_wait_is_that_of_the_requests_ahead_at_the_last_pace() -> None:
    pace = Pace()
    for i in range(200):
        pace.count(1000 + i / 10)
    assert 1.9 < pace.seconds_for(20, now=1020.0) < 2.1


def test_a_stalled_server_names_a_longer_wait_but_never_more_than_a_minute() -> None:
    pace = Pace()
    for i in range(10):
        pace.count(i / 10)
    assert 2.5 < pace.seconds_for(10, now=3.0) < 3.5
    assert pace.seconds_for(10_000, now=3.0) == LONGEST_WAIT_S
