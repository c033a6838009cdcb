import numpy as np
import pytest

from model.contract.arrays import DoubleArray
from service.tracking.smoothing import OneEuro, lag_seconds

RATE, SIZE = 30.0, 100.0


def smooth_all(points: DoubleArray, rate: float = RATE) -> DoubleArray:
    """(T, 2) places of one point -> (T, 2) smoothed ones."""
    smoother = OneEuro()
    return np.array([smoother.smooth(point[None], SIZE, i / rate)[0] for i, point in enumerate(points)])


def jitter(points: DoubleArray) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).mean())


def test_a_point_that_trembles_trembles_less_than_half() -> None:
    noisy = np.random.default_rng(0).normal(50, 1.0, (300, 2))
    assert jitter(smooth_all(noisy)[30:]) < 0.35 * jitter(noisy[30:])


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.5])
@pytest.mark.parametrize("rate", [30.0, 240.0])
def test_a_point_in_steady_motion_lags_as_documented(speed: float, rate: float) -> None:
    frames = round(8 * rate)
    places = np.column_stack([np.arange(frames) / rate * speed * SIZE, np.zeros(frames)])
    behind = (places - smooth_all(places, rate))[-1, 0] / (speed * SIZE)
    assert behind == pytest.approx(lag_seconds(speed), abs=0.002)


def test_the_lags_that_the_docstring_names() -> None:
    assert [round(1000 * lag_seconds(speed)) for speed in (0, 1, 3.5)] == [133, 43, 16]


def test_the_first_place_and_one_whose_time_went_back_are_taken_as_they_are() -> None:
    smoother = OneEuro()
    smoother.smooth(np.zeros((1, 2)), SIZE, 5.0)
    smoother.smooth(np.ones((1, 2)), SIZE, 5.1)
    assert smoother.smooth(np.full((1, 2), 40.0), SIZE, 5.1).tolist() == [[40.0, 40.0]]


def test_a_long_pause_forgets() -> None:
    smoother = OneEuro()
    smoother.smooth(np.zeros((1, 2)), SIZE, 0.0)
    assert smoother.smooth(np.full((1, 2), 40.0), SIZE, 60.0)[0, 0] == pytest.approx(40, abs=0.2)
