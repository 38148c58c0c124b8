"""The Gaussian process posterior: golden numbers, closed forms, and degenerate input."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.special import kv, ndtr
from scipy.stats import multivariate_normal

from heldout.stats.gp import JITTERS, LENGTHS, SIGNALS, gp_posterior, matern32

GOLDEN = np.array([0.300, 0.322, 0.331, 0.350, 0.356, 0.352, 0.360, 0.349, 0.333, 0.327, 0.310, 0.305])
EVIDENCE = [0.0225, 0.0294, 0.0611, 0.0590, 0.1208, 0.2976, 0.5046, 0.9923, 1.5762]
GRID = [(length, signal, shake) for length in LENGTHS for signal in SIGNALS for shake in JITTERS]


def plain(value: Any, variance: Any) -> Any:
    """One grid point at a time, by the textbook formulas in the unit of the values."""
    k = value.size
    apart = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(float)
    out = []
    for length, signal, shake in GRID:
        trend = variance * (signal * matern32(apart, length) + 1e4)
        seen = trend + variance * (1.0 + shake) * np.eye(k)
        centred = value - value.mean()
        mean = value.mean() + trend @ np.linalg.solve(seen, centred)
        covariance = trend - trend @ np.linalg.solve(seen, trend)
        out.append((multivariate_normal(np.zeros(k), seen).logpdf(centred), mean, covariance))
    log_weight = np.array([o[0] for o in out])
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum(), np.array([o[1] for o in out]), np.array([o[2] for o in out])


def between(covariance: Any) -> Any:
    """Variances of all differences of levels, by their covariance."""
    own = covariance.diagonal(axis1=-2, axis2=-1)
    return own[..., :, None] + own[..., None, :] - 2.0 * covariance


def test_golden_probability_of_a_drop() -> None:
    got = [-math.log10(1.0 - gp_posterior(GOLDEN[:k], 0.014**2).p_drop(0.005)) for k in range(4, 13)]
    np.testing.assert_allclose(got, EVIDENCE, atol=6e-5)


def test_posterior_is_the_textbook_one() -> None:
    weights, means, covariances = plain(GOLDEN, 2e-4)
    got = gp_posterior(GOLDEN, 2e-4)
    np.testing.assert_allclose(got.weights, weights, rtol=1e-5)
    np.testing.assert_allclose(got.means, means, atol=1e-8)
    for k in range(GOLDEN.size):
        found = got.variance_between(range(GOLDEN.size), k)
        np.testing.assert_allclose(found, between(covariances)[:, k], atol=1e-11)


def test_the_variance_of_a_difference_is_by_the_law_of_total_covariance() -> None:
    weights, means, covariances = plain(GOLDEN, 2e-4)
    mean = weights @ means
    total = np.einsum("h,hij->ij", weights, covariances + np.einsum("hi,hj->hij", means - mean, means - mean))
    got = gp_posterior(GOLDEN, 2e-4)
    np.testing.assert_allclose(got.mean, mean, atol=1e-8)
    for j, k in product(range(GOLDEN.size), repeat=2):
        difference, sd = got.difference(j, k)
        assert difference == pytest.approx(mean[j] - mean[k], abs=1e-9)
        assert sd == pytest.approx(math.sqrt(max(between(total)[j, k], 0.0)), abs=1e-8)
    assert got.difference(3, 3) == (0.0, 0.0)


def test_prob_greater_averages_over_the_grid() -> None:
    posterior = gp_posterior(GOLDEN, 2e-4)
    weights, means, covariances = plain(GOLDEN, 2e-4)
    sd = np.sqrt(covariances[:, 6, 6] + covariances[:, 11, 11] - 2 * covariances[:, 6, 11])
    expected = weights @ ndtr((means[:, 6] - means[:, 11] - 0.01) / sd)
    assert posterior.prob_greater(6, 11, 0.01) == pytest.approx(expected, rel=1e-5)
    assert posterior.prob_greater(6, 11) + posterior.prob_greater(11, 6) == pytest.approx(1.0)


def test_matern32_is_the_bessel_form() -> None:
    d, length = np.array([0.5, 1.0, 7.0]), 3.0
    z = math.sqrt(3.0) * d / length
    bessel = 2.0**-0.5 / math.gamma(1.5) * z**1.5 * kv(1.5, z)
    np.testing.assert_allclose(matern32(d, length), bessel, rtol=1e-12)
    assert matern32(np.zeros(1), length)[0] == 1.0


def test_a_constant_added_moves_the_mean_only() -> None:
    one, other = gp_posterior(GOLDEN, 2e-4), gp_posterior(GOLDEN + 50.0, 2e-4)
    np.testing.assert_allclose(other.mean, one.mean + 50.0, atol=1e-9)
    assert other.p_drop() == pytest.approx(one.p_drop(), rel=1e-6)


def test_scale_does_not_matter() -> None:
    one, other = gp_posterior(GOLDEN, 2e-4), gp_posterior(GOLDEN * 100.0, 2.0)
    np.testing.assert_allclose(other.mean, one.mean * 100.0)
    assert other.p_drop(0.5) == pytest.approx(one.p_drop(0.005))


def test_noise_makes_the_posterior_smoother_than_the_values() -> None:
    value = np.random.default_rng(0).normal(0.5, 0.02, 40)
    assert np.ptp(gp_posterior(value, 4e-4).mean) < 0.5 * np.ptp(value)


def test_fewer_than_four_evals_have_no_probability_of_a_drop() -> None:
    assert math.isnan(gp_posterior(GOLDEN[:3], 2e-4).p_drop())


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_few_values_have_a_posterior(k: int) -> None:
    posterior = gp_posterior(GOLDEN[:k], 2e-4)
    assert posterior.mean.shape == (k,)
    assert posterior.variance_between(range(k), 0).shape == (40, k)
    assert np.all(np.isfinite(posterior.mean))


def test_without_noise_the_values_are_the_level() -> None:
    posterior = gp_posterior(GOLDEN, 0.0)
    assert posterior.mean.tolist() == GOLDEN.tolist()
    assert posterior.prob_greater(6, 0) == 1.0
    assert posterior.prob_greater(0, 6) == 0.0
    assert posterior.prob_greater(4, 4) == pytest.approx(0.5)
    assert posterior.p_drop() == 1.0


def test_unknown_noise_gives_nan() -> None:
    posterior = gp_posterior(GOLDEN, math.nan)
    assert np.all(np.isnan(posterior.mean))
    assert math.isnan(posterior.p_drop())


def test_the_grid_is_the_one_that_was_calibrated() -> None:
    assert LENGTHS == (3.0, 6.0, 12.0, 24.0)
    assert SIGNALS == (0.05, 0.3, 1.5, 8.0, 40.0)
    assert JITTERS == (0.05, 0.5)


@pytest.mark.parametrize("k", [4, 7, 12])
def test_a_drop_is_that_from_the_likeliest_earlier_eval_at_each_grid_point(k: int) -> None:
    weights, means, covariances = plain(GOLDEN[:k], 2e-4)
    expected = 0.0
    for weight, mean, c in zip(weights, means, covariances, strict=True):
        sd = [math.sqrt(c[j, j] + c[-1, -1] - 2.0 * c[j, -1]) for j in range(k - 1)]
        expected += weight * max(ndtr((mean[j] - mean[-1] - 0.003) / sd[j]) for j in range(k - 1))
    assert gp_posterior(GOLDEN[:k], 2e-4).p_drop(0.003) == pytest.approx(expected, rel=1e-5)


def test_without_noise_a_level_is_above_another_or_not() -> None:
    posterior = gp_posterior(np.array([0.30, 0.31, 0.30, 0.305]), 0.0)
    assert posterior.prob_greater(1, 0, 0.0099) == 1.0
    assert posterior.prob_greater(1, 0, 0.0101) == 0.0
    assert posterior.p_drop(0.0049) == 1.0
    assert posterior.p_drop(0.0051) == 0.0
    assert posterior.difference(1, 3) == (pytest.approx(0.005), 0.0)
    assert posterior.weights.sum() == pytest.approx(1.0)
    assert posterior.means.shape == (40, 4)


@pytest.mark.parametrize("k", [63, 64, 65])
def test_long_runs_have_the_same_posterior_as_short_ones(k: int) -> None:
    value = np.random.default_rng(k).normal(0.4, 0.02, k)
    weights, means, covariances = plain(value, 4e-4)
    for _ in range(2):  # the second one uses what the first kept
        got = gp_posterior(value, 4e-4)
        np.testing.assert_allclose(got.mean, weights @ means, atol=1e-7)
        np.testing.assert_allclose(got.variance_between(range(k), 2), between(covariances)[:, 2], atol=1e-8)
