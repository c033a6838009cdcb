"""Growth is told from noise, also where memory moves in steps."""

import numpy as np
import pytest

from model.contract.arrays import DoubleArray
from service.bench.soak_slope import fit_slope

SECONDS = np.arange(0, 1800, 5.0)


def steps(draw: np.random.Generator) -> DoubleArray:
    """Noise that keeps its value for a minute, as memory does."""
    return np.repeat(draw.normal(0, 3, len(SECONDS) // 12), 12)


def test_a_straight_line_is_fitted_exactly() -> None:
    slope = fit_slope(SECONDS, 500 + 7.0 * SECONDS / 3600)
    assert slope.per_hour == pytest.approx(7.0)
    assert slope.margin == pytest.approx(0, abs=1e-6)
    assert slope.grows


def test_a_leak_in_noise_is_found_and_noise_alone_is_none() -> None:
    leaks = [fit_slope(SECONDS, steps(np.random.default_rng(i)) + SECONDS / 60).grows for i in range(50)]
    assert all(leaks)  # 60 MiB an hour
    alarms = [fit_slope(SECONDS, steps(np.random.default_rng(i))).grows for i in range(400)]
    assert np.mean(alarms) < 0.05  # 2.5% are meant


def test_shrinking_is_no_growth() -> None:
    assert not fit_slope(SECONDS, 500 - SECONDS / 10).grows


def test_constant_samples_have_no_slope() -> None:
    slope = fit_slope(SECONDS, np.full(len(SECONDS), 42.0))
    assert (slope.per_hour, slope.margin) == pytest.approx((0.0, 0.0))
    assert not slope.grows


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="19 samples are too few"):
        fit_slope(SECONDS[:19], SECONDS[:19])
