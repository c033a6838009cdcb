"""The estimate of the wait: the pace, what it takes no notice of, and who is refused."""

from contextlib import ExitStack

import pytest

from service.backlog import FEWEST, LONGEST_RETRY_S, REMEMBERED, Backlog
from service.errors import OverloadedError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Line:
    """A backlog whose images are answered one by one, by a clock of its own."""

    def __init__(self, longest_wait_s: float = 0.5) -> None:
        self.clock, self.inside = Clock(), ExitStack()
        self.backlog = Backlog(longest_wait_s, self.clock)

    def enter(self, images: int) -> None:
        for _ in range(images):
            self.inside.enter_context(self.backlog.hold())

    def answer(self, images: int, seconds_each: float) -> None:
        """Let in and answer images one after the other."""
        for _ in range(images):
            with self.backlog.hold():
                self.clock.now += seconds_each
                self.backlog.count_answer()


def test_nobody_is_refused_before_the_pace_is_known() -> None:
    line = Line()
    line.enter(1000)
    line.backlog.check()
    assert (line.backlog.images, line.backlog.wait_s) == (1000, 0.0)


def test_the_wait_is_that_of_the_images_ahead_at_the_last_pace() -> None:
    line = Line(longest_wait_s=0.5)
    line.answer(100, 0.02)
    line.enter(25)
    assert line.backlog.wait_s == pytest.approx(0.5)
    line.backlog.check()
    line.enter(1)
    with pytest.raises(OverloadedError, match="26 images are ahead, which take about 520 ms") as refused:
        line.backlog.check()
    assert refused.value.headers == {"Retry-After": "1"}


def test_idle_times_do_not_slow_the_pace() -> None:
    line = Line()
    for _ in range(50):
        line.answer(1, 0.02)
        line.clock.now += 10
    line.enter(20)
    assert line.backlog.wait_s == pytest.approx(0.4)


def test_images_that_fail_or_are_given_up_do_not_hasten_the_pace() -> None:
    line = Line()
    line.answer(10, 0.1)
    for _ in range(1000):
        with line.backlog.hold():
            pass
    line.enter(10)
    assert line.backlog.wait_s == pytest.approx(1.0)


def test_the_pace_follows_the_last_images() -> None:
    line = Line()
    line.answer(200, 1.0)
    line.answer(REMEMBERED, 0.01)
    line.enter(10)
    assert line.backlog.wait_s == pytest.approx(0.1)


def test_a_few_are_always_let_in() -> None:
    line = Line(longest_wait_s=0.001)
    line.answer(10, 5.0)
    for _ in range(FEWEST):
        line.backlog.check()
        line.enter(1)
    with pytest.raises(OverloadedError) as refused:
        line.backlog.check()
    assert refused.value.headers == {"Retry-After": "40"}


def test_without_a_bound_all_are_let_in_and_the_wait_is_known() -> None:
    line = Line(longest_wait_s=0)
    line.answer(10, 1.0)
    line.enter(500)
    line.backlog.check()
    assert line.backlog.retry_s == LONGEST_RETRY_S
