"""Which track is which detection: the pairs that are most alike in all."""

from typing import NamedTuple, cast

import lap  # pyright: ignore[reportMissingTypeStubs]
import numpy as np
from numpy.typing import NDArray

from model.contract.arrays import DoubleArray

Solution = tuple[float, NDArray[np.int32], NDArray[np.int32]]
"""What `lap` answers: the cost, the column of each row, the row of each column."""
DEAREST = 1.0
"""Cost of a pair that is still made: one that has nothing alike."""
IMPOSSIBLE = 1e3
"""Cost of a pair that may not be."""


class Matches(NamedTuple):
    """Pairs (row, column), and the rows and columns without a partner."""

    pairs: list[tuple[int, int]]
    rows: list[int]
    columns: list[int]


def match(similarities: DoubleArray, least: float) -> Matches:
    """Pair rows with columns, each at most once, so that the pairs' similarities add up to the most.

    Args:
        similarities: (N, M) in [0, 1].
        least: pairs that are less alike are not made.
    """
    num_rows, num_columns = similarities.shape
    if not similarities.size:
        return Matches([], list(range(num_rows)), list(range(num_columns)))
    costs = np.where(similarities >= least, 1 - similarities, IMPOSSIBLE)
    columns = _solve(costs)[:num_rows]
    pairs = [(row, column) for row, column in enumerate(columns) if 0 <= column < num_columns]
    taken = {column for _, column in pairs}
    matched = {row for row, _ in pairs}
    free_rows = [row for row in range(num_rows) if row not in matched]
    return Matches(pairs, free_rows, [column for column in range(num_columns) if column not in taken])


def _solve(costs: DoubleArray) -> list[int]:
    """The column of each row, or -1 where none is worth its cost."""
    _, columns, _ = cast(Solution, lap.lapjv(costs, extend_cost=True, cost_limit=DEAREST))  # pyright: ignore
    return columns.tolist()
