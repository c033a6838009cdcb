import numpy as np
import pytest

from model.contract.arrays import DoubleArray
from service.tracking.smoothing import OneEuro, lag_seconds

RATE, SIZE = 30.0, 100.0
STILL = np.zeros(2)


def smooth_all(points: DoubleArray, rate: float = RATE, drift: DoubleArray = STILL) -> DoubleArray:
    """(T, 2) places of one point -> (T, 2) smoothed ones."""
    smoother = OneEuro()
    return np.array([smoother.smooth(point[None], SIZE, i / rate, drift)[0] for i, point in enumerate(points)])


def jitter(points: DoubleArray) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).mean())


def test_a_point_that_trembles_trembles_less_than_half() -> None:
    noisy = np.random.default_rng(0).normal(50, 1.0, (300, 2))
    assert jitter(smooth_all(noisy)[30:]) < 0.35 * jitter(noisy[30:])


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.5])
@pytest.mark.parametrize("rate", [30.0, 240.0])
def test_a_point_in_steady_motion_lags_as_documented(speed: float, rate: float) -> None:
    frames = round(12 * rate)
    places = np.column_stack([np.arange(frames) / rate * speed * SIZE, np.zeros(frames)])
    behind = (places - smooth_all(places, rate))[-1, 0] / (speed * SIZE)
    assert behind == pytest.approx(lag_seconds(speed), abs=0.002)


def test_who_moves_as_a_whole_does_not_lag() -> None:
    places = np.column_stack([np.arange(240) / RATE * SIZE, np.zeros(240)])
    behind = places - smooth_all(places, drift=np.array([SIZE, 0.0]))
    assert np.abs(behind[-1]).max() < 0.01


def test_the_lags_that_the_docstring_names() -> None:
    assert [round(1000 * lag_seconds(speed)) for speed in (0, 1, 3.5)] == [199, 57, 20]


def test_the_first_place_and_one_whose_time_went_back_are_taken_as_they_are() -> None:
    smoother = OneEuro()
    smoother.smooth(np.zeros((1, 2)), SIZE, 5.0, STILL)
    smoother.smooth(np.ones((1, 2)), SIZE, 5.1, STILL)
    assert smoother.smooth(np.full((1, 2), 40.0), SIZE, 5.1, STILL).tolist() == [[40.0, 40.0]]


def test_a_long_pause_forgets() -> None:
    smoother = OneEuro()
    smoother.smooth(np.zeros((1, 2)), SIZE, 0.0, STILL)
    assert smoother.smooth(np.full((1, 2), 40.0), SIZE, 60.0, STILL)[0, 0] == pytest.approx(40, abs=0.2)
