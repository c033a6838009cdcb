"""Whether a resource grows: the slope of its samples, and how sure it is."""

import math
from dataclasses import dataclass

import numpy as np

from model.contract.arrays import DoubleArray

BLOCKS = 10
"""The samples are averaged in so many blocks of time first. Memory moves in steps that last for a while, so that
neighbouring samples say the same; a confidence interval takes independent ones, which means of minutes nearly are."""
ROUNDING = 1e-6
STUDENT_T = 2.306
"""97.5% quantile of Student's t with BLOCKS - 2 degrees of freedom."""


@dataclass(frozen=True)
class Slope:
    """A straight line's slope, a unit an hour, with its 95% confidence interval.

    Attributes:
        per_hour: the slope.
        margin: half the width of the interval.
    """

    per_hour: float
    margin: float

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.per_hour - self.margin

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.per_hour + self.margin

    @property
    def grows(self) -> bool:
        """Whether the whole interval lies above zero, by more than rounding puts it there."""
        return self.low > ROUNDING


def fit_slope(seconds: DoubleArray, values: DoubleArray) -> Slope:
    """The slope of samples by least squares over the means of BLOCKS blocks.

    Args:
        seconds: (N,) when each sample was taken, ascending.
        values: (N,) the samples.

    Raises:
        ValueError: fewer than two samples a block.
    """
    if len(values) < 2 * BLOCKS:
        raise ValueError(f"{len(values)} samples are too few for a slope; take at least {2 * BLOCKS}")
    hours = np.array([block.mean() for block in np.array_split(seconds, BLOCKS)]) / 3600
    means = np.array([block.mean() for block in np.array_split(values, BLOCKS)])
    centred = hours - hours.mean()
    spread = float(centred @ centred)
    slope = float(centred @ means) / spread
    rest = means - means.mean() - slope * centred
    error = math.sqrt(float(rest @ rest) / (BLOCKS - 2) / spread)
    return Slope(slope, STUDENT_T * error)
