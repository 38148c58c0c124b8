"""Growth of kinds: golden values, laws, and that rare kinds are no news."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.log_odds import log_odds

counts = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8)


def test_golden_values() -> None:
    z = log_odds([50, 10, 4, 0], [20, 10, 0, 34], prior=10)
    np.testing.assert_allclose(z, [-7.2741, 0.0, -1.4469, 5.1494], atol=5e-5)


def test_the_prior_counts_for_the_answers_of_the_smaller_side_and_at_most_a_hundred() -> None:
    few, many = ([3, 2, 0], [1, 1, 6]), ([300, 200, 0], [100, 100, 600])
    np.testing.assert_allclose(log_odds(*few), log_odds(*few, prior=5))
    np.testing.assert_allclose(log_odds(*many), log_odds(*many, prior=100))


@given(counts)
def test_exchanging_the_two_sides_changes_the_sign_alone(pairs: list[tuple[int, int]]) -> None:
    before, after = np.array(pairs, dtype=float).T
    np.testing.assert_allclose(log_odds(before, after), -log_odds(after, before), atol=1e-9)


@given(counts)
def test_every_value_is_a_number_whatever_the_counts(pairs: list[tuple[int, int]]) -> None:
    before, after = np.array(pairs, dtype=float).T
    assert np.isfinite(log_odds(before, after)).all()


def test_a_kind_that_is_rare_on_both_sides_is_no_news_and_one_that_takes_over_is() -> None:
    rare, takes_over, ebbs = log_odds([0, 0, 64], [1, 40, 23])
    assert abs(rare) < 1.5
    assert takes_over > 3.0
    assert ebbs < -3.0


def test_without_answers_on_one_side_nothing_grew() -> None:
    assert log_odds([0, 0], [3, 4]).tolist() == [0.0, 0.0]
    assert log_odds([5], [7]).tolist() == [0.0]
    assert log_odds([], []).size == 0


@pytest.mark.parametrize(
    ("before", "after", "prior", "why"),
    [
        ([1, 2], [1], None, "shapes"),
        ([1, -2], [1, 1], None, "negative"),
        ([1, np.nan], [1, 1], None, "no number"),
        ([1, 2], [1, 2], 0.0, "above 0"),
        ([1, 2], [1, 2], np.nan, "above 0"),
    ],
)
def test_what_cannot_be_counts_is_refused(before: list[float], after: list[float], prior: float, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        log_odds(before, after, prior)
