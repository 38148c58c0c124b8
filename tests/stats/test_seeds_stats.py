"""Means and differences with the seed as the unit, against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats import seeds

stats = pytest.importorskip("scipy.stats")
SCORES = st.lists(st.floats(0.0, 1.0, width=16), min_size=2, max_size=8).filter(lambda x: len(set(x)) > 1)


@given(SCORES)
def test_a_mean_has_the_interval_of_student(values: list[float]) -> None:
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    got = seeds.mean(values)
    assert (got.low, got.high) == pytest.approx((low, high))


@given(SCORES, SCORES)
def test_two_recipes_are_compared_as_welch_does(a: list[float], b: list[float]) -> None:
    got, oracle = seeds.welch(a, b), stats.ttest_ind(b, a, equal_var=False)
    assert (got.df, got.p) == pytest.approx((oracle.df, oracle.pvalue), abs=1e-12)
    assert (got.low, got.high) == pytest.approx(tuple(oracle.confidence_interval()), abs=1e-12)


def test_pairs_are_tested_by_their_differences() -> None:
    a, b = [0.5, 0.6, 0.4, 0.7], [0.6, 0.65, 0.5, 0.72]
    oracle = stats.ttest_rel(b, a)
    assert (seeds.paired(a, b).p, seeds.paired(a, b).df) == pytest.approx((oracle.pvalue, oracle.df))
    with pytest.raises(ValueError, match="pairs need as many"):
        seeds.paired(a, b[:3])


def test_one_seed_says_nothing_of_others() -> None:
    for got in (seeds.mean([0.4]), seeds.welch([0.4], [0.5, 0.6])):
        assert math.isnan(got.se)
        assert (got.low, got.high) == (-math.inf, math.inf)


@pytest.mark.parametrize("wrong", [[], [0.1, math.nan], [[0.1]], [math.inf]])
def test_scores_that_are_none_are_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="finite scores"):
        seeds.mean(wrong)


@pytest.mark.parametrize(("k", "other"), [(2, 2), (3, 3), (5, 5), (3, 6)])
def test_the_smallest_visible_difference_is_about_what_four_in_five_comparisons_find(k: int, other: int) -> None:
    smallest = seeds.smallest_visible(1.0, k, other)
    shift = smallest / math.sqrt(1 / k + 1 / other)
    df = k + other - 2
    found = stats.nct.sf(stats.t.ppf(0.975, df), df, shift)
    assert 0.76 < found < 0.86
    assert seeds.smallest_visible(3.0, k, other) == pytest.approx(3.0 * smallest)


def test_a_scatter_needs_three_seeds() -> None:
    assert seeds.smallest_visible(1.0, 1, 2) > seeds.smallest_visible(1.0, 2, 2)
    for k, other in ((1, 1), (0, 5)):
        with pytest.raises(ValueError, match="needs three in all"):
            seeds.smallest_visible(1.0, k, other)


@given(st.lists(st.integers(0, 9), min_size=5, max_size=9), st.lists(st.integers(0, 9), min_size=5, max_size=9))
def test_the_chance_of_improvement_is_that_of_mann_and_whitney(a: list[int], b: list[int]) -> None:
    oracle = stats.mannwhitneyu(b, a).statistic / (len(a) * len(b))
    assert seeds.probability_of_improvement(a, b) == pytest.approx(oracle)


def test_four_seeds_are_too_few_to_rank() -> None:
    assert seeds.probability_of_improvement([1] * 4, [2] * 5) is None
    assert seeds.probability_of_improvement([1] * 5, [2] * 5) == 1.0


@pytest.mark.parametrize(("benchmarks", "k"), [(3, 5), (5, 3), (4, 4), (1, 20)])
def test_the_middle_half_is_scipys_trimmed_mean_and_its_interval_holds_it(benchmarks: int, k: int) -> None:
    score = np.random.default_rng(k).random((benchmarks, k))
    got = seeds.iqm(score)
    assert got is not None
    assert got.value == pytest.approx(stats.trim_mean(score.ravel(), 0.25))
    assert got.low < got.value < got.high
    assert got == seeds.iqm(score) or math.isnan(got.p)


def test_fourteen_scores_are_too_few_to_trim() -> None:
    assert seeds.iqm(np.ones((7, 2))) is None
    assert seeds.iqm(np.ones((5, 3))) is not None
    with pytest.raises(ValueError, match="two seeds or more"):
        seeds.iqm(np.ones((20, 1)))
