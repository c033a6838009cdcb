import pytest

from service.client.failure import PoseError, ServerUnreachableError
from service.client.patience import Attempts, Patience


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def overloaded(retry_after: float | None) -> PoseError:
    return PoseError(429, "overloaded", "full", retry_after=retry_after)


def test_the_server_says_when_to_come_again() -> None:
    assert Attempts(Patience()).pause_after(overloaded(3)) == 3


def test_own_pauses_grow_and_differ() -> None:
    attempts = Attempts(Patience())
    pauses = [attempts.pause_after(overloaded(None)) for _ in range(4)]
    assert all(0.05 * 2**i <= pause <= 0.15 * 2**i for i, pause in enumerate(pauses))
    assert len({Attempts(Patience()).pause_after(overloaded(None)) for _ in range(8)}) > 1


def test_retries_come_to_an_end() -> None:
    attempts, error = Attempts(Patience(retries=2)), ServerUnreachableError("no answer")
    attempts.pause_after(error)
    attempts.pause_after(error)
    with pytest.raises(ServerUnreachableError) as raised:
        attempts.pause_after(error)
    assert raised.value is error


def test_nobody_waits_beyond_the_deadline() -> None:
    clock = Clock()
    attempts = Attempts(Patience(timeout_s=10), clock)
    assert attempts.pause_after(overloaded(9)) == 9
    clock.now += 9
    assert attempts.seconds_left == 1
    with pytest.raises(PoseError, match="429 overloaded"):
        attempts.pause_after(overloaded(2))


@pytest.mark.parametrize("status", [400, 401, 413, 415, 422, 500, 504])
def test_what_would_fail_again_is_not_sent_again(status: int) -> None:
    with pytest.raises(PoseError):
        Attempts(Patience()).pause_after(PoseError(status, "x", "y"))


@pytest.mark.parametrize("patience", [{"timeout_s": 0}, {"retries": -1}])
def test_limits_that_fit_no_request_are_refused(patience: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="timeout_s must be positive and retries at least 0"):
        Patience(**patience)
