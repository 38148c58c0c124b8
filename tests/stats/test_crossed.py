"""The difference of two recipes: against an analysis of variance by hand, and what must not change it."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.evaluation.score import compare
from heldout.run import Evaluation, Outcomes
from heldout.stats.crossed import Difference, difference, level
from heldout.stats.rates import paired_difference

stats = pytest.importorskip("scipy.stats")
FloatArray = npt.NDArray[np.float64]
SEEDS = st.integers(0, 10_000)


def recipes(seed: int, k_a: int = 3, k_b: int = 4, n: int = 40) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    solved = rng.random(n)
    return tuple(rng.binomial(4, np.clip(solved + rng.normal(0, 0.1, (k, 1)), 0, 1)) / 4 for k in (k_a, k_b))  # type: ignore[return-value]


def test_it_is_the_analysis_of_variance_of_both_recipes_by_hand() -> None:
    a, b = recipes(1)
    seed = problem = cell = 0.0
    parts = []
    for x in (a, b):
        k, n = x.shape
        between = n * sum((x[s].mean() - x.mean()) ** 2 for s in range(k)) / (k - 1)  # mean squares
        total = ((x - x.mean()) ** 2).sum()
        per_problem = k * sum((x[:, i].mean() - x.mean()) ** 2 for i in range(n))
        rest = (total - (k - 1) * between - per_problem) / ((k - 1) * (n - 1))
        parts.append((between / n / k, k - 1))
        seed, cell = seed + between / n / k, cell + rest / (k * n)
    each = b.mean(axis=0) - a.mean(axis=0)
    problem = each.var(ddof=1) / len(each)
    variance = max(seed + problem - cell, seed, problem)
    df_seed = seed**2 / sum(v**2 / df for v, df in parts)
    df = variance**2 / (seed**2 / df_seed + (variance - seed) ** 2 / (len(each) - 1))
    got = difference(a, b)
    assert (got.seed_variance, got.problem_variance, got.cell_variance) == pytest.approx((seed, problem, cell))
    assert (got.value, got.se, got.df) == pytest.approx((each.mean(), math.sqrt(variance), df))
    low, high = stats.t.interval(0.95, df, each.mean(), math.sqrt(variance))
    assert (got.low, got.high) == pytest.approx((low, high))
    assert got.p == pytest.approx(2 * stats.t.sf(abs(got.value) / got.se, df))


def test_without_problems_that_differ_it_is_welch() -> None:
    a, b = (np.repeat([[0.2], [0.3], [0.5]], 30, axis=1), np.repeat([[0.6], [0.8]], 30, axis=1))
    got, oracle = difference(a, b), stats.ttest_ind([0.6, 0.8], [0.2, 0.3, 0.5], equal_var=False)
    assert (got.p, got.df) == pytest.approx((oracle.pvalue, oracle.df))


def test_without_seeds_that_scatter_it_is_the_paired_test_of_problems() -> None:
    a, b = recipes(2, 1, 1)
    same_a, same_b = np.repeat(a, 3, axis=0), np.repeat(b, 3, axis=0)
    got, oracle = difference(same_a, same_b), stats.ttest_rel(b[0], a[0])
    assert (got.p, got.df) == pytest.approx((oracle.pvalue, oracle.df))


@given(SEEDS)
def test_the_order_of_recipes_turns_the_sign_and_nothing_else(seed: int) -> None:
    a, b = recipes(seed)
    there, back = difference(a, b), difference(b, a)
    assert there.value == pytest.approx(-back.value, abs=1e-15)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert (there.se, there.df, there.p) == pytest.approx((back.se, back.df, back.p))


@given(SEEDS, st.booleans())
def test_the_order_of_problems_and_of_seeds_changes_nothing(seed: int, paired: bool) -> None:
    a, b = recipes(seed, 4, 4)
    rng = np.random.default_rng(seed)
    problems, seeds = rng.permutation(a.shape[1]), rng.permutation(4)
    moved = difference(a[seeds][:, problems], b[seeds][:, problems], paired_seeds=paired)
    assert astuple(moved) == pytest.approx(astuple(difference(a, b, paired_seeds=paired)))


def evaluation(share: FloatArray, samples: int) -> Evaluation:
    ids = [f"p{i}" for i in range(len(share))]
    return Evaluation.of(0, Outcomes.from_counts(ids, (share * samples).tolist(), samples))


@given(SEEDS, st.sampled_from([1, 4]))
def test_one_run_each_is_the_paired_comparison_of_two_evaluations(seed: int, samples: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, samples + 1, (1, 60)) / samples for _ in range(2))
    got, other = difference(a, b, single=samples == 1), compare(evaluation(a[0], samples), evaluation(b[0], samples))
    mine = (got.value, got.se, got.low, got.high, got.p)
    assert mine == pytest.approx((other.difference, other.se, other.low, other.high, other.p), abs=1e-12, nan_ok=True)
    assert got.seed_variance == 0.0


def test_two_runs_of_one_seed_each_are_tested_by_t() -> None:
    a, b = recipes(3, 1, 1)
    got, oracle = difference(a, b), stats.ttest_rel(b[0], a[0])
    assert (got.p, got.df) == pytest.approx((oracle.pvalue, oracle.df))
    interval = oracle.confidence_interval(0.9)
    assert got.interval(0.9) == pytest.approx((interval.low, interval.high))


def test_a_single_run_is_taken_to_scatter_as_the_seeds_of_the_other_recipe() -> None:
    a, b = recipes(4, 1, 3)
    got = difference(a, b)
    assert got.seed_variance == pytest.approx(b.mean(axis=1).var(ddof=1) * (1 + 1 / 3))
    assert got.df < difference(a, b[:1]).df


def test_one_run_against_two_calls_equal_recipes_different_no_oftener_than_it_may() -> None:
    rng, called = np.random.default_rng(0), 0
    for _ in range(600):
        logit = rng.normal(0.0, 2.0, 256) + 0.3 * rng.standard_normal((3, 1))
        share = (rng.random((3, 256)) < 1.0 / (1.0 + np.exp(-logit))).astype(float)
        called += difference(share[:1], share[1:]).p < 0.05
    assert called < 36  # 6 %; by the formula for several seeds each it would be 11 %


def test_pairs_of_seeds_are_one_value_each() -> None:
    a, b = recipes(5, 4, 4)
    got = difference(a, b, paired_seeds=True)
    assert got.seed_variance == pytest.approx((b - a).mean(axis=1).var(ddof=1) / 4)
    with pytest.raises(ValueError, match="pairs need as many"):
        difference(a, b[:3], paired_seeds=True)


def test_problems_that_stand_together_are_one() -> None:
    a, b = recipes(6, 3, 3)
    doubled = difference(np.repeat(a, 2, axis=1), np.repeat(b, 2, axis=1), np.repeat(np.arange(40), 2))
    assert doubled.problem_variance == pytest.approx(difference(a, b).problem_variance)
    one = paired_difference(np.repeat(a[0], 2), np.repeat(b[0], 2), np.repeat(np.arange(40), 2), single=True)
    assert (one.se, one.df, one.exact) == (pytest.approx(paired_difference(a[0], b[0]).se), 39, False)


def test_the_level_of_a_recipe_is_its_difference_from_nothing() -> None:
    a, _ = recipes(7)
    assert astuple(level(a)) == pytest.approx(astuple(difference(np.zeros((3, 40)), a)), rel=0.2)
    assert level(a).seed_variance == pytest.approx(a.mean(axis=1).var(ddof=1) / 3)
    assert level(a[:1]).se == pytest.approx(stats.sem(a[0]))


def test_an_interval_of_shares_ends_at_one() -> None:
    got = difference([[0.0, 0.0], [0.0, 0.1]], [[1.0, 1.0], [1.0, 0.2]])
    assert got.high == 1.0
    assert got.value + 2.0 * got.se > 1.0
    assert difference([[0.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 1.0]]).low == -1.0


def test_where_all_came_out_alike_there_is_no_error() -> None:
    alike = difference(np.ones((3, 10)), np.ones((3, 10)))
    assert (alike.value, alike.se, alike.p) == (0.0, 0.0, 1.0)
    assert math.isnan(difference(np.zeros((3, 10)), np.ones((3, 10))).p)


@pytest.mark.parametrize(("a", "b", "message"), [
    (np.zeros((2, 3)), np.zeros((2, 4)), "they must be the same ones"),
    (np.zeros(3), np.zeros((1, 3)), "one row a seed"),
    (np.zeros((1, 1)), np.zeros((1, 1)), "two or more problems"),
    (np.zeros((0, 4)), np.zeros((1, 4)), "one row a seed"),
    (np.full((1, 3), 1.5), np.zeros((1, 3)), "between 0 and 1"),
    (np.zeros((1, 3)), np.full((1, 3), np.nan), "none missing"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(a: FloatArray, b: FloatArray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        difference(a, b)


def test_a_difference_says_its_interval_at_any_confidence() -> None:
    got = Difference(0.1, 0.02, 0.0, 0.0, 5.0, 0.0)
    assert got.interval(0.8) == pytest.approx(stats.t.interval(0.8, 5.0, 0.1, 0.02))
