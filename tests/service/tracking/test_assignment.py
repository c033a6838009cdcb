import numpy as np
import pytest

from service.tracking.assignment import match


def test_the_best_sum_wins_not_the_best_pair() -> None:
    found = match(np.array([[0.9, 0.8], [0.8, 0.1]]), 0.3)
    assert sorted(found.pairs) == [(0, 1), (1, 0)]
    assert (found.rows, found.columns) == ([], [])


def test_pairs_that_are_little_alike_are_not_made() -> None:
    found = match(np.array([[0.9, 0.2], [0.1, 0.29]]), 0.3)
    assert found.pairs == [(0, 0)]
    assert (found.rows, found.columns) == ([1], [1])


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0)])
def test_nobody_is_paired_with_nobody(shape: tuple[int, int]) -> None:
    found = match(np.zeros(shape), 0.3)
    assert (found.pairs, found.rows, found.columns) == ([], list(range(shape[0])), list(range(shape[1])))


def test_more_columns_than_rows_leave_columns_over() -> None:
    found = match(np.array([[0.4, 0.9, 0.5]]), 0.3)
    assert (found.pairs, found.rows, found.columns) == ([(0, 1)], [], [0, 2])


def test_a_perfect_pair_and_a_bare_one_are_both_made() -> None:
    assert sorted(match(np.array([[1.0, 0.0], [0.0, 0.3]]), 0.3).pairs) == [(0, 0), (1, 1)]
