import numpy as np
import pytest

from model.contract.arrays import DoubleArray
from service.tracking.smoothing import OneEuro, lag_seconds, trust_in

RATE, SIZE = 30.0, 100.0
STILL, SURELY = np.zeros(2), np.ones(1)


def smooth_all(
    points: DoubleArray, rate: float = RATE, drift: DoubleArray = STILL, trust: DoubleArray = SURELY
) -> DoubleArray:
    """(T, 2) places of one point -> (T, 2) smoothed ones."""
    smoother = OneEuro()
    return np.array([smoother.smooth(point[None], SIZE, i / rate, drift, trust)[0] for i, point in enumerate(points)])


def jitter(points: DoubleArray) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).mean())


def test_a_point_that_trembles_trembles_less_than_half() -> None:
    noisy = np.random.default_rng(0).normal(50, 1.0, (300, 2))
    assert jitter(smooth_all(noisy)[30:]) < 0.35 * jitter(noisy[30:])


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0, 6.0])
@pytest.mark.parametrize("rate", [30.0, 240.0])
@pytest.mark.parametrize("score", [0.9, 0.35, 0.1])
def test_a_point_in_steady_motion_lags_as_documented(speed: float, rate: float, score: float) -> None:
    frames = round(12 * rate)
    places = np.column_stack([np.arange(frames) / rate * speed * SIZE, np.zeros(frames)])
    behind = (places - smooth_all(places, rate, trust=trust_in(np.array([score]))))[-1, 0] / (speed * SIZE)
    assert behind == pytest.approx(lag_seconds(speed, score), abs=0.002)


def test_a_point_that_jumps_to_and_fro_is_held_where_it_is_unsure() -> None:
    jumping = np.column_stack([np.where(np.arange(300) % 7 < 3, 30.0, 70.0), np.zeros(300)])
    unsure = smooth_all(jumping, trust=trust_in(np.array([0.3])))
    assert jitter(unsure[60:]) < 0.25 * jitter(jumping[60:])
    assert jitter(unsure[60:]) < 0.6 * jitter(smooth_all(jumping)[60:])
    assert np.abs(unsure[60:, 0] - 47).max() < 15


def test_who_moves_as_a_whole_does_not_lag() -> None:
    places = np.column_stack([np.arange(240) / RATE * SIZE, np.zeros(240)])
    behind = places - smooth_all(places, drift=np.array([SIZE, 0.0]))
    assert np.abs(behind[-1]).max() < 0.01


def test_the_lags_that_the_docstring_names() -> None:
    assert [round(1000 * lag_seconds(speed)) for speed in (0, 1, 3, 5)] == [199, 57, 23, 23]
    assert round(1000 * lag_seconds(1, score=0.35)) == 114


def test_the_first_place_and_one_whose_time_went_back_are_taken_as_they_are() -> None:
    smoother = OneEuro()
    smoother.smooth(np.zeros((1, 2)), SIZE, 5.0, STILL, SURELY)
    smoother.smooth(np.ones((1, 2)), SIZE, 5.1, STILL, SURELY)
    assert smoother.smooth(np.full((1, 2), 40.0), SIZE, 5.1, STILL, SURELY).tolist() == [[40.0, 40.0]]


def test_a_long_pause_forgets() -> None:
    smoother = OneEuro()
    smoother.smooth(np.zeros((1, 2)), SIZE, 0.0, STILL, SURELY)
    assert smoother.smooth(np.full((1, 2), 40.0), SIZE, 60.0, STILL, SURELY)[0, 0] == pytest.approx(40, abs=0.2)
