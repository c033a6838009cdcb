"""The limits of one key, on a clock that the test sets."""

import pytest

from service.access.allowance import Allowance
from service.access.keys import Limits
from service.errors import RateLimitedError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def spend(allowance: Allowance) -> bool:
    try:
        with allowance.use():
            return True
    except RateLimitedError:
        return False


def test_no_limits_limit_nothing() -> None:
    assert all(spend(Allowance(Limits())) for _ in range(1000))


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    allowance = Allowance(Limits(requests_per_second=2, burst=5), clock)
    assert [spend(allowance) for _ in range(7)] == [True] * 5 + [False] * 2
    clock.now += 0.5
    assert [spend(allowance) for _ in range(2)] == [True, False]
    clock.now += 1000
    assert [spend(allowance) for _ in range(6)] == [True] * 5 + [False]


def test_a_refused_request_says_when_to_come_again() -> None:
    clock = Clock()
    allowance = Allowance(Limits(requests_per_second=0.1), clock)
    assert spend(allowance)
    clock.now += 4
    with pytest.raises(RateLimitedError, match=r"0\.1 requests a second") as error, allowance.use():
        pass
    assert error.value.headers == {"Retry-After": "6"}
    clock.now += 6
    assert spend(allowance)


def test_places_are_given_back_also_after_an_error() -> None:
    allowance = Allowance(Limits(max_in_flight=2))
    with allowance.use():
        with pytest.raises(ZeroDivisionError), allowance.use():
            raise ZeroDivisionError
        with allowance.use():
            assert not spend(allowance)
        assert spend(allowance)


def test_who_finds_no_place_spends_no_token() -> None:
    allowance = Allowance(Limits(requests_per_second=1, burst=2, max_in_flight=1), Clock())
    with allowance.use():
        assert not spend(allowance)
    assert spend(allowance)
