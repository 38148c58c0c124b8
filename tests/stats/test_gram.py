"""Paired and clustered noise from outcomes: plain formulas, simulations, and what is saved."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from heldout.stats.gram import Gram, complete

seeds = st.integers(0, 10_000)


def outcomes(seed: int, k: Any = 6, n: Any = 40, m: Any = 1) -> Any:
    rng = np.random.default_rng(seed)
    return rng.binomial(m, rng.beta(0.4, 0.7, n), (k, n)) / m


def contrast(seed: int, k: Any) -> Any:
    d = np.random.default_rng(seed).normal(size=k)
    return d - d.mean()


@given(seeds, st.integers(1, 4))
def test_rates_and_matrix_are_the_plain_means(seed: int, m: int) -> None:
    x = outcomes(seed, m=m)
    gram = Gram(40)
    for row in x:
        gram.add(row)
    np.testing.assert_allclose(gram.rates, x.mean(axis=1))
    np.testing.assert_allclose(gram.matrix, x @ x.T / 40)
    np.testing.assert_allclose(gram.covariance, np.cov(x) / 40, atol=1e-15)
    np.testing.assert_allclose(Gram.of(x).matrix, gram.matrix, atol=1e-15)


@given(seeds)
def test_within_variance_is_half_the_mean_squared_change_of_neighbours(seed: int) -> None:
    x = outcomes(seed)
    gram = Gram.of(x)
    for k in range(2, 7):
        plain = np.mean(np.diff(x[:k], axis=0) ** 2) / (2 * 40)
        assert gram.within_variance(k) == pytest.approx(plain)
        assert gram.s2(k) == pytest.approx(max(plain, 0.25 / 40**2))
    assert math.isnan(gram.within_variance(1))
    assert math.isnan(gram.s2(1))


@given(seeds)
def test_contrast_variance_is_that_of_the_mean_over_problems(seed: int) -> None:
    x, d = outcomes(seed), contrast(seed, 4)
    plain = np.var(d @ x[:4], ddof=1) / 40
    got = Gram.of(x).contrast_variance(d)
    assert float(got) == pytest.approx(plain, rel=1e-9)


def test_contrasts_are_taken_many_at_a_time() -> None:
    gram = Gram.of(outcomes(0))
    d = np.array([contrast(seed, 6) for seed in range(5)])
    np.testing.assert_allclose(gram.contrast_variance(d), [gram.contrast_variance(row) for row in d])
    np.testing.assert_allclose(gram.inflation(d), [gram.inflation(row) for row in d])
    white = gram.s2(6) * (d * d).sum(axis=1)
    np.testing.assert_allclose(gram.inflation(d), np.maximum(1.0, gram.contrast_variance(d) / white))
    assert gram.inflation(np.zeros(6)) == 1.0


@given(seeds)
def test_the_order_of_problems_does_not_matter(seed: int) -> None:
    x, d = outcomes(seed), contrast(seed, 6)
    one, other = Gram.of(x), Gram.of(x[:, np.random.default_rng(seed).permutation(40)])
    assert other.s2(6) == pytest.approx(one.s2(6))
    assert float(other.inflation(d)) == pytest.approx(float(one.inflation(d)))


def test_noise_is_the_spread_of_evals_on_the_same_problems() -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(0.4, 0.7, 200)
    gram = Gram.of(rng.random((400, 200)) < p)
    truth = np.mean(p * (1 - p)) / 200
    assert gram.within_variance(400) == pytest.approx(truth, rel=0.03)
    assert np.var(gram.rates) == pytest.approx(truth, rel=0.2)
    assert gram.set_variance()[7] == pytest.approx(np.var(p) / 200, rel=0.15)


def test_problems_that_drift_inflate_slow_contrasts() -> None:
    rng = np.random.default_rng(2)
    drift = np.cumsum(rng.normal(0.0, 0.4, (20, 500)), axis=0) + rng.normal(0.0, 1.5, 500)
    drifting = Gram.of(rng.random((20, 500)) < 1.0 / (1.0 + np.exp(-drift)))
    still = Gram.of(rng.random((20, 500)) < 1.0 / (1.0 + np.exp(-drift[0])))
    slow = np.repeat([0.1, -0.1], 10)
    assert drifting.inflation(slow) > 1.6
    assert still.inflation(slow) < 1.3


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_saturated_evals_keep_a_floor(rate: float) -> None:
    gram = Gram.of(np.full((5, 50), rate))
    assert [gram.s2(k) for k in range(2, 6)] == pytest.approx([0.25 / 50**2] * 4)
    assert gram.inflation(contrast(0, 5)) == 1.0
    assert gram.set_variance().tolist() == [0.0] * 5


def test_floor_covers_tiny_sets() -> None:
    assert Gram.of(np.ones((3, 2))).s2(3) == 0.25 / 4


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="n is 1; a variance over problems needs at least 2"):
        Gram(1)
    gram = Gram(3)
    with pytest.raises(ValueError, match=r"outcomes has shape \(2,\); it must have one entry for each of 3 problems"):
        gram.add([0, 1])
    for bad in ([0, 1, 2], [0, 1, math.nan], [-1, 0, 0]):
        with pytest.raises(ValueError, match="outcomes must lie between 0 and 1, none missing"):
            gram.add(bad)
    with pytest.raises(ValueError, match="eval 1 was asked for; there are 0"):
        gram.s2(1)
    gram.add([0, 1, 1])
    assert math.isnan(gram.set_variance()[0])


@given(arrays(np.float64, (4, 6), elements=st.floats(0, 1)))
def test_complete_of_complete_outcomes_is_the_means(x: Any) -> None:
    rates, filled = complete(x)
    np.testing.assert_allclose(rates, x.mean(axis=1), atol=1e-9)
    assert filled.tolist() == x.tolist()


def test_complete_is_least_squares() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((5, 12))
    x[rng.random(x.shape) < 0.2] = np.nan
    eval_, problem = np.nonzero(~np.isnan(x))
    design = np.zeros((eval_.size, 17))
    design[np.arange(eval_.size), eval_] = design[np.arange(eval_.size), 5 + problem] = 1.0
    fit = np.linalg.lstsq(design, x[eval_, problem], rcond=None)[0]
    rates, filled = complete(x)
    np.testing.assert_allclose(rates, fit[:5] + fit[5:].mean(), atol=1e-7)
    missing = np.isnan(x)
    np.testing.assert_allclose(filled[missing], np.clip(fit[:5, None] + fit[5:], 0, 1)[missing], atol=1e-7)


def test_missing_the_hard_problems_does_not_make_an_eval_better() -> None:
    hard = np.linspace(1.0, 0.0, 50)
    x = np.clip(np.tile(hard, (4, 1)) + np.array([0.0, 0.02, 0.04, 0.06])[:, None], 0.0, 1.0)
    holes = x.copy()
    holes[1, 35:] = np.nan
    assert np.nanmean(holes[1]) > x[1].mean() + 0.1
    np.testing.assert_allclose(complete(holes)[0], x.mean(axis=1), atol=0.01)


def test_an_empty_eval_has_no_rate_and_an_unseen_problem_is_average() -> None:
    x = np.array([[0.0, 1.0, np.nan], [np.nan, np.nan, np.nan], [1.0, 1.0, np.nan]])
    rates, filled = complete(x)
    np.testing.assert_allclose(rates, [0.5, np.nan, 1.0])
    np.testing.assert_allclose(filled[:, 2], rates)
    assert np.all(np.isnan(complete(np.full((2, 3), np.nan))[0]))


def test_four_problems_by_hand() -> None:
    gram = Gram.of([[1, 0, 0, 1], [1, 1, 0, 1], [0, 1, 0, 1]])
    assert gram.rates.tolist() == [0.5, 0.75, 0.5]
    assert gram.matrix.tolist() == [[0.5, 0.5, 0.25], [0.5, 0.75, 0.5], [0.25, 0.5, 0.5]]
    # the first eval and the second differ in one problem of four, the second and the third in one more
    assert [gram.within_variance(k) for k in (2, 3)] == [0.03125] * 2
    assert [gram.s2(k) for k in (2, 3)] == [0.03125] * 2
    # differences of the first and the third: 1, -1, 0, 0, whose variance is 2/3
    assert float(gram.contrast_variance([1, 0, -1])) == pytest.approx(2.0 / 3.0 / 4.0)
    assert float(gram.inflation([1, 0, -1])) == pytest.approx((1.0 / 6.0) / (2.0 * 0.03125))
    jitter = 0.01  # of one eval, in both parts
    expected = (1.0 / 6.0 + 2.0 * jitter) / (2.0 * (0.03125 + jitter))
    assert float(gram.inflation([1, 0, -1], jitter)) == pytest.approx(expected)
    # of the second with the others: mean of (0.5 - 0.375, 0.5 - 0.375) over 4
    assert gram.set_variance()[1] == pytest.approx(0.125 / 4)
    assert gram.set_variance()[0] == pytest.approx((0.125 + 0.0) / 2 / 4)
    assert Gram.of([[1, 0], [0, 1]]).set_variance()[0] == 0.0  # what evals do not share is no variance below nothing


def test_evals_outside_are_named() -> None:
    gram = Gram.of([[1, 0], [0, 1]])
    for k, ask in ((0, gram.s2), (3, gram.within_variance)):
        with pytest.raises(ValueError, match=f"eval {k} was asked for; there are 2"):
            ask(k)
    with pytest.raises(ValueError, match="eval 3 was asked for; there are 2"):
        gram.contrast_variance([1, 0, -1])


def test_what_was_measured_before_an_eval_is_measured_anew_after_it() -> None:
    x = outcomes(5)
    gram = Gram.of(x[:3])
    assert gram.covariance.shape == (3, 3)
    gram.add(x[3])
    np.testing.assert_allclose(gram.covariance, np.cov(x[:4]) / 40, atol=1e-15)
    assert gram.covariance is gram.covariance


def test_completing_stops_at_its_tolerance_or_its_rounds() -> None:
    x = np.array([[1.0, np.nan, 0.0], [np.nan, 0.5, 1.0]])
    exact = complete(x)[0]
    assert complete(x, most=1)[0] != pytest.approx(exact, abs=1e-3)
    assert complete(x, tolerance=10.0)[0] == pytest.approx(complete(x, most=1)[0])
    assert complete(x, tolerance=1e-3)[0] == pytest.approx(exact, abs=1e-2)


def test_filled_outcomes_stay_shares() -> None:
    _, filled = complete([[1.0, 1.0, 0.0], [1.0, np.nan, np.nan], [0.0, 0.0, np.nan]])
    assert filled.min() == 0.0
    assert filled.max() == 1.0
    assert filled[2, 2] == 0.0  # one less than what the first eval got there, were that allowed


@pytest.mark.parametrize("outside", [-0.001, 1.001])
def test_outcomes_at_the_ends_are_taken_and_those_beyond_are_not(outside: float) -> None:
    Gram(2).add([0.0, 1.0])
    with pytest.raises(ValueError, match="outcomes must lie between 0 and 1"):
        Gram(2).add([0.5, outside])
