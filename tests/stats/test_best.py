"""The set that holds the best recipe, estimates without the luck of the highest, and when two are the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.best import best_set, shrunk
from heldout.stats.crossed import Difference, difference
from heldout.stats.equivalence import equivalence
from heldout.stats.rates import newcombe

stats = pytest.importorskip("scipy.stats")


def recipes(seed: int, levels: list[float], k: int = 1, n: int = 200) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    hard = rng.normal(0.0, 1.5, n)
    return [(rng.random((k, n)) < 1 / (1 + np.exp(hard - level))).astype(float) for level in levels]


def test_two_recipes_are_apart_where_a_one_sided_test_says_so() -> None:
    apart, near = recipes(0, [0.0, 1.0]), recipes(1, [0.0, 0.05])
    assert best_set(apart).members == (1,)
    assert best_set(near).members == (0, 1)
    p = stats.ttest_rel(apart[1][0], apart[0][0], alternative="greater").pvalue
    assert best_set(apart, draws=20_000).p[0] == pytest.approx(p, abs=1e-3)


@pytest.mark.parametrize("k", [1, 4])
def test_a_clear_winner_stands_alone_and_the_worst_is_no_member(k: int) -> None:
    got = best_set(recipes(2, [-0.2, 2.0, -0.1, 0.0], k))
    assert (got.highest, got.members) == (1, (1,))
    many = best_set(recipes(3, [0.0] * 6 + [-2.0], k))
    assert 6 not in many.members
    assert len(many.members) >= 5


def test_the_order_of_recipes_and_of_problems_changes_no_member() -> None:
    made = recipes(4, [0.0, 0.2, 0.4, 0.6], 3)
    order = np.random.default_rng(0).permutation(200)
    got = best_set(made, draws=8000)
    assert best_set([one[:, order] for one in made], draws=8000).members == got.members
    assert sorted(3 - r for r in best_set(made[::-1], draws=8000).members) == list(got.members)


def test_copies_of_the_best_are_all_members() -> None:
    made = recipes(5, [0.0, 1.0])
    got = best_set([made[1], made[0], made[1]])
    assert set(got.members) == {0, 2}
    assert best_set([made[0]]).members == (0,)
    assert best_set([np.zeros((1, 9)), np.ones((1, 9))]).members == (1,)


def test_the_highest_of_equals_is_drawn_to_their_mean_and_a_clear_winner_is_not() -> None:
    above, left = [], []
    for seed in range(30):
        made = recipes(seed, [0.0] * 12, n=300)
        levels, got = np.array([one.mean() for one in made]), best_set(made, draws=50)
        assert got.shrunk.mean() == pytest.approx(levels.mean(), abs=1e-3)
        above.append(levels.max() - levels.mean())
        left.append(got.shrunk.max() - levels.mean())
    assert np.mean(above) > 0.03  # three points too high
    assert np.mean(left) < 0.3 * np.mean(above)
    apart = recipes(1, [-2.0, 0.0, 2.0], 3)
    assert best_set(apart).shrunk == pytest.approx([one.mean() for one in apart], abs=0.01)
    assert best_set(apart[:1]).shrunk == pytest.approx([apart[0].mean()])


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=9), st.floats(0.0, 0.5))
def test_shrunk_values_lie_between_their_mean_and_what_was_seen(values: list[float], se: float) -> None:
    got, mean = shrunk(values, se), np.mean(values)
    assert (np.abs(got - mean) <= np.abs(np.array(values) - mean) + 1e-12).all()
    assert got.mean() == pytest.approx(mean)


def test_shrinkage_by_hand() -> None:
    # variance 0.02, error 0.01: half of the scatter is noise
    values = [0.5 - np.sqrt(0.02), 0.5, 0.5 + np.sqrt(0.02)]
    assert shrunk(values, 0.1) == pytest.approx([0.5 - np.sqrt(0.02) / 2, 0.5, 0.5 + np.sqrt(0.02) / 2])
    assert shrunk(values, 1.0) == pytest.approx([0.5] * 3)
    assert shrunk(values, 0.0) == pytest.approx(values)
    assert shrunk([0.3], 0.1) == pytest.approx([0.3])
    assert shrunk([0.3, 0.3], 0.0) == pytest.approx([0.3, 0.3])


@pytest.mark.parametrize(("value", "same"), [(0.0, True), (0.0035, True), (0.0037, False), (-0.0037, False)])
def test_the_same_needs_the_whole_interval_within_the_margin(value: float, same: bool) -> None:
    found = Difference(value, 0.01, 0.0, 0.0, np.inf, 1.0)  # 0.02 - 1.645 * 0.01 = 0.00355
    got = equivalence(found)
    assert (got.same, got.p < 0.05) == (same, same)
    assert got.largest == pytest.approx(abs(value) + 1.6448536 * 0.01)


def test_what_has_no_error_is_not_shown_to_be_the_same() -> None:
    assert not equivalence(difference(np.ones((2, 9)), np.ones((2, 9)))).same
    assert equivalence(Difference(0.0, np.nan, 0.0, 0.0, 1.0, 1.0)).largest == np.inf
    with pytest.raises(ValueError, match="must be above 0"):
        equivalence(Difference(0.0, 0.1, 0.0, 0.0, 1.0, 1.0), 0.0)


@pytest.mark.parametrize(("a", "n_a", "b", "n_b", "low", "high"), [
    (48, 80, 56, 70, 0.0524, 0.3339),  # Newcombe 1998, table II, method 10, signs turned
    (3, 10, 9, 10, 0.1705, 0.8090),
    (0, 10, 0, 20, -0.2775, 0.1611),
    (0, 10, 10, 10, 0.6075, 1.0),
])  # fmt: skip
def test_intervals_of_two_rates_are_those_of_newcombes_table(
    a: int, n_a: int, b: int, n_b: int, low: float, high: float
) -> None:
    assert newcombe(a / n_a, n_a, b / n_b, n_b) == pytest.approx((low, high), abs=6e-5)
    assert newcombe(b / n_b, n_b, a / n_a, n_a) == pytest.approx((-high, -low), abs=6e-5)
