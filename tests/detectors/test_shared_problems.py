"""The problems that evaluations share: which rows they make, and when too few are the same."""

from __future__ import annotations

import numpy as np
import pytest

from heldout.detectors.shared_problems import SharedProblems
from heldout.run import Outcomes


def outcomes(first: int, count: int, passed: int) -> Outcomes:
    """Problems from one number on, the first of them passed."""
    return Outcomes.from_counts([f"p{first + at}" for at in range(count)], [at < passed for at in range(count)])


def test_a_row_is_in_the_order_of_the_first_one() -> None:
    shared = SharedProblems(Outcomes.from_counts(["a", "b"], [1, 0]))
    row = shared.row_of(Outcomes.from_counts(["b", "c", "a"], [1, 0, 0]))
    assert row is not None
    assert row.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("same", "kept"), [(100, 100), (80, 100), (79, 79), (50, 50), (49, None)])
def test_few_missing_problems_are_filled_many_are_dropped_and_too_many_end_the_series(
    same: int, kept: int | None
) -> None:
    shared = SharedProblems(outcomes(0, 100, 60))
    row = shared.row_of(outcomes(0, same, 40))
    if kept is None:
        assert row is None
        return
    assert row is not None
    assert (len(row), int(np.isnan(row).sum()), len(shared.problems)) == (kept, kept - same, kept)
    assert shared.add(row) == kept - same
    assert shared.gram.rates.shape == (2,)
    assert shared.gram.n == kept


@pytest.mark.parametrize(("passed", "repeats"), [(0, False), (1, True), (9, True), (10, False)])
def test_the_same_row_again_is_a_repetition_unless_all_came_out_alike(passed: int, repeats: bool) -> None:
    shared = SharedProblems(outcomes(0, 10, passed))
    row = shared.row_of(outcomes(0, 10, passed))
    assert row is not None
    assert shared.repeats(row) == repeats
    assert not shared.repeats(1.0 - row)
