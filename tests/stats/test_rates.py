"""Problems and samples in one number's error: golden values, limits, and how often the intervals hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from heldout.stats.rates import (
    BETWEEN_AT_MOST,
    binomial_se,
    effective_problems,
    level_error,
    mcnemar,
    measured_problems,
    paired_difference,
    standard_error,
    wilson,
)

GOLDEN = [  # problems, samples, effective problems, interval, all at a rate of 0.4
    (10, 40, 14.134, (0.1939, 0.6489)),
    (30, 32, 42.291, (0.2667, 0.5499)),
    (164, 1, 164.0, (0.3281, 0.4764)),
    (500, 4, 645.16, (0.3629, 0.4383)),
]


@pytest.mark.parametrize(("problems", "samples", "effective", "interval"), GOLDEN)
def test_golden_values(problems: int, samples: int, effective: float, interval: tuple[float, float]) -> None:
    assert float(effective_problems(problems, samples)) == pytest.approx(effective, abs=6e-4 * effective / 10)
    assert wilson(0.4, float(effective_problems(problems, samples))) == pytest.approx(interval, abs=6e-5)


@given(problems=st.integers(1, 2000), samples=st.integers(1, 1000), rate=st.floats(0.01, 0.99))
def test_more_samples_narrow_an_interval_and_never_to_nothing(problems: int, samples: int, rate: float) -> None:
    def width(m: float) -> float:
        low, high = wilson(rate, float(effective_problems(problems, m)))
        return high - low

    assert width(samples + 1) < width(samples)
    assert width(1e12) > 0.65 * width(1)
    assert float(effective_problems(problems, 1e12)) == pytest.approx(problems / BETWEEN_AT_MOST)


@given(problems=st.integers(2, 300), samples=st.integers(1, 64), seed=st.integers(0, 99))
def test_outcomes_never_count_as_fewer_problems_than_there_are_nor_as_all_samples(
    problems: int, samples: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    share = rng.binomial(samples, rng.beta(0.7, 0.7, problems)) / samples
    got = measured_problems(float(share.mean()), standard_error(share), problems, samples)
    assert problems <= got <= problems * samples
    if problems < 100:
        assert got <= float(effective_problems(problems, samples)) * (1 + 1e-12)


@pytest.mark.parametrize(("problems", "capped"), [(99, True), (100, False)])
def test_from_a_hundred_problems_on_their_own_spread_is_believed(problems: int, capped: bool) -> None:
    share = np.resize([0.25, 0.5], problems)  # problems that hardly differ
    most = float(effective_problems(problems, 32))
    got = measured_problems(float(share.mean()), standard_error(share), problems, 32)
    assert (got == most) is capped
    assert (level_error(share, 32) > standard_error(share)) is capped


def test_the_error_of_problems_that_came_out_alike_is_the_binomial_one() -> None:
    assert standard_error(np.ones(50)) == 0.0
    assert level_error(np.ones(50), 4) == pytest.approx(math.sqrt(0.01 * 0.99 / 50))
    assert measured_problems(1.0, 0.0, 50, 4) == 50


@pytest.mark.parametrize("few", [[], [0.3]])
def test_one_problem_says_nothing_of_others(few: list[float]) -> None:
    assert math.isnan(standard_error(few))


def test_the_standard_error_is_scipy_s() -> None:
    value = np.random.default_rng(0).random(37)
    assert standard_error(value) == pytest.approx(stats.sem(value))


@pytest.mark.parametrize(("n", "m"), [(10, 4), (10, 32), (30, 4), (30, 32), (164, 1), (164, 16)])
@pytest.mark.parametrize("spread", [1.0, 2.0, 4.0])
def test_intervals_of_a_level_hold_the_truth_of_other_problems(n: int, m: int, spread: float) -> None:
    rng = np.random.default_rng(int(n + m + 10 * spread))
    truth = float(np.mean(1 / (1 + np.exp(0.5 + spread * rng.standard_normal(400_000)))))
    solved = 1 / (1 + np.exp(0.5 + spread * rng.standard_normal((1500, n))))
    share = rng.binomial(m, solved) / m
    rates = share.mean(axis=1)
    sized = [wilson(rate, float(effective_problems(n, m))) for rate in rates]
    own = [
        wilson(rate, measured_problems(rate, standard_error(row), n, m)) for rate, row in zip(rates, share, strict=True)
    ]
    for intervals in (sized, own):
        assert np.mean([low <= truth <= high for low, high in intervals]) >= 0.925
    if m >= 4 and spread >= 2.0:
        product = [wilson(rate, n * m) for rate in rates]
        assert np.mean([low <= truth <= high for low, high in product]) < 0.9  # samples are not problems


@given(won=st.integers(0, 40), lost=st.integers(0, 40))
def test_mcnemar_is_the_exact_binomial_test_of_scipy(won: int, lost: int) -> None:
    expected = stats.binomtest(won, won + lost, 0.5).pvalue if won + lost else 1.0
    assert mcnemar(won, lost) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("won", "lost"), [
    (250, 250), (251, 250), (200, 300), (201, 300), (1000, 1400), (0, 900), (5_000, 5_300), (100_000, 101_000),
])  # fmt: skip
def test_mcnemar_of_many_problems_is_that_of_scipy_too(won: int, lost: int) -> None:
    expected = stats.binomtest(won, won + lost, 0.5).pvalue
    assert mcnemar(won, lost) == pytest.approx(expected, rel=1e-8)
    assert mcnemar(lost, won) == mcnemar(won, lost)


def test_only_single_samples_are_tested_exactly() -> None:
    first, second = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0, 0.0, 1.0]
    exact, normal = paired_difference(first, second, single=True), paired_difference(first, second)
    assert exact.p == mcnemar(4, 0)
    assert normal.p == pytest.approx(stats.ttest_rel(second, first).pvalue)
    assert (exact.won, exact.lost, exact.difference) == (4, 0, pytest.approx(4 / 6))
    assert not paired_difference([0.0, 0.5], [1.0, 0.0], single=True).exact


def test_a_clustered_error_by_hand() -> None:
    # means 0.5; groups sum to 1.0, -0.5, -0.5 about it: (1 + 0.25 + 0.25) * 3 / 2 / 16
    value, groups = [1.0, 1.0, 0.0, 0.0], ["a", "a", "b", "c"]
    assert standard_error(value, groups) == pytest.approx(math.sqrt(1.5 * 1.5 / 16.0))
    assert standard_error([0.0, 1.0]) == pytest.approx(0.5)
    assert math.isnan(standard_error([0.0, 1.0], ["a", "a"]))
    assert standard_error([0.0, 1.0], ["a", "b"]) == pytest.approx(0.5)


@pytest.mark.parametrize(("rate", "n", "expected"), [
    (0.0, 50, math.sqrt(0.01 * 0.99 / 50)),  # half a problem of fifty
    (0.02, 50, math.sqrt(0.02 * 0.98 / 50)),
    (0.995, 50, math.sqrt(0.01 * 0.99 / 50)),
    (0.2, 1, math.sqrt(0.25)),  # half of one problem is one half
    (0.2, 0.5, math.sqrt(0.25 / 0.5)),
])  # fmt: skip
def test_a_rate_is_believed_half_a_problem_from_the_ends(rate: float, n: float, expected: float) -> None:
    assert float(binomial_se(rate, n)) == pytest.approx(expected)


@pytest.mark.parametrize(("samples", "problems"), [(0.5, 10.0), (1, 10.0), (2, 10 / 0.85), (1e9, 10 / 0.7)])
def test_ten_problems_are_worth_at_most_fourteen(samples: float, problems: float) -> None:
    assert float(effective_problems(10, samples)) == pytest.approx(problems)


@pytest.mark.parametrize(("rate", "se", "problems", "samples", "expected"), [
    (0.5, 0.05, 50, 4, effective_problems(50, 4)),  # 0.25 / 0.0025 = 100, more than 64.5
    (0.5, 0.065, 50, 4, 0.25 / 0.065**2),
    (0.5, 0.10, 50, 4, 50.0),  # 25, less than the problems there are
    (0.5, 0.025, 200, 4, 400.0),
    (0.5, 0.01, 200, 4, 800.0),  # not more than all samples
    (0.5, 0.01, 200, 0.5, 200.0),
    (0.5, 0.0, 50, 4, 50.0),
    (0.5, math.nan, 50, 4, 50.0),
    (0.5, math.inf, 50, 4, 50.0),
    (0.0, 0.01, 200, 4, 200.0),
    (1.0, 0.01, 200, 4, 200.0),
])  # fmt: skip
def test_how_many_problems_a_measured_spread_is_worth(
    rate: float, se: float, problems: int, samples: float, expected: float
) -> None:
    assert measured_problems(rate, se, problems, samples) == pytest.approx(float(expected))


def test_the_error_of_one_eval_is_measured_from_a_hundred_problems_on() -> None:
    few = np.repeat([0.25, 0.75], 20)
    assert level_error(few, 4) == pytest.approx(float(binomial_se(0.5, effective_problems(40, 4))))
    assert level_error(np.repeat([0.0, 1.0], 20), 4) == pytest.approx(standard_error(np.repeat([0.0, 1.0], 20)))
    many = np.repeat([0.25, 0.75], 50)
    assert level_error(many, 4) == standard_error(many)
    assert level_error(np.array([0.5]), 4) == pytest.approx(0.5)  # one problem has no spread


@pytest.mark.parametrize(("solved", "trials"), [(0, 10), (3, 10), (10, 10), (66, 164)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_interval_of_a_rate_is_wilsons(solved: int, trials: int, confidence: float) -> None:
    oracle = stats.binomtest(solved, trials).proportion_ci(confidence, method="wilson")
    assert wilson(solved / trials, trials, confidence) == pytest.approx((oracle.low, oracle.high))
    if confidence == 0.95:
        assert wilson(solved / trials, trials) == wilson(solved / trials, trials, 0.95)
    low, high = wilson(solved / trials, trials, confidence)
    assert 0.0 <= low < high <= 1.0
    assert all(math.isnan(end) for end in wilson(math.nan, 10))


def test_differences_of_problems_by_hand() -> None:
    first, second = [0.0, 0.5, 1.0, 0.25], [1.0, 0.75, 0.5, 0.25]
    got = paired_difference(first, second)
    se = stats.sem([1.0, 0.25, -0.5, 0.0])
    assert (got.difference, got.se) == (0.1875, pytest.approx(se))
    assert (got.won, got.lost, got.exact) == (2, 1, False)
    assert (got.low, got.high) == (pytest.approx(stats.t.interval(0.95, 3, 0.1875, se)[0]), 1.0)
    assert (got.p, got.df) == (pytest.approx(stats.ttest_rel(second, first).pvalue), 3)


def test_an_interval_of_a_difference_ends_at_one_and_no_difference_has_p_one() -> None:
    few, some = [0.0] * 4, [1.0, 1.0, 1.0, 0.0]
    up, down = paired_difference(few, some), paired_difference(some, few)
    assert (up.high, down.low) == (1.0, -1.0)
    low = 0.75 - stats.t.ppf(0.975, 3) * 0.25
    assert (up.low, down.high) == pytest.approx((low, -low))
    same = paired_difference([0.5, 0.25], [0.5, 0.25])
    assert (same.p, same.difference, same.low, same.high) == (1.0, 0.0, 0.0, 0.0)
    # both better by the same: no spread to test against
    alike = paired_difference([0.0, 0.0], [0.5, 0.5])
    assert math.isnan(alike.p)
    assert paired_difference([0.0, 0.0], [1.0, 1.0], single=True).p == 0.5
    assert math.isnan(paired_difference([0.0], [0.5]).se)
