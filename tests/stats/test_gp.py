"""The Gaussian process posterior: golden numbers, closed forms, and degenerate input; and when a fall began."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import kv, ndtr
from scipy.stats import multivariate_normal

from benchmarks.rivals import ALARM, FIRST
from heldout.datasets.simulated import simulate
from heldout.stats.gp import JITTERS, LENGTHS, SIGNALS, FallOnset, GPPosterior, fall_onset, gp_posterior, matern32
from heldout.stats.gram import Gram

GOLDEN = np.array([0.300, 0.322, 0.331, 0.350, 0.356, 0.352, 0.360, 0.349, 0.333, 0.327, 0.310, 0.305])
EVIDENCE = [0.0225, 0.0294, 0.0611, 0.0590, 0.1208, 0.2976, 0.5046, 0.9923, 1.5762]
GRID = [(length, signal, shake) for length in LENGTHS for signal in SIGNALS for shake in JITTERS]


def plain(value: Any, variance: Any, jitter: Any) -> Any:
    """One grid point at a time, by the textbook formulas in the unit of the values."""
    k = value.size
    apart = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(float)
    out = []
    for length, signal, shake in GRID:
        trend = variance * (signal * matern32(apart, length) + 1e4)
        target = trend + (variance * shake * np.eye(k) if jitter else 0.0)
        seen = trend + variance * (1.0 + shake) * np.eye(k)
        centred = value - value.mean()
        mean = value.mean() + target @ np.linalg.solve(seen, centred)
        covariance = target - target @ np.linalg.solve(seen, target)
        out.append((multivariate_normal(np.zeros(k), seen).logpdf(centred), mean, covariance))
    log_weight = np.array([o[0] for o in out])
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum(), np.array([o[1] for o in out]), np.array([o[2] for o in out])


def test_golden_probability_of_a_drop() -> None:
    got = [-math.log10(1.0 - gp_posterior(GOLDEN[:k], 0.014**2).p_drop(0.005)) for k in range(4, 13)]
    np.testing.assert_allclose(got, EVIDENCE, atol=6e-5)


@pytest.mark.parametrize("jitter", [False, True])
def test_posterior_is_the_textbook_one(jitter: Any) -> None:
    weights, means, covariances = plain(GOLDEN, 2e-4, jitter)
    got = gp_posterior(GOLDEN, 2e-4, jitter=jitter)
    np.testing.assert_allclose(got.weights, weights, rtol=1e-5)
    np.testing.assert_allclose(got.means, means, atol=1e-8)
    np.testing.assert_allclose(got.unit_covariances * got.variance, covariances, atol=1e-9)


def test_covariance_is_the_law_of_total_covariance() -> None:
    weights, means, covariances = plain(GOLDEN, 2e-4, jitter=False)
    mean = weights @ means
    total = np.einsum("h,hij->ij", weights, covariances + np.einsum("hi,hj->hij", means - mean, means - mean))
    got = gp_posterior(GOLDEN, 2e-4)
    np.testing.assert_allclose(got.mean, mean, atol=1e-8)
    np.testing.assert_allclose(got.covariance, total, atol=1e-9)


def test_differences_come_from_mean_and_covariance() -> None:
    posterior = gp_posterior(GOLDEN, 2e-4)
    mean, sd = posterior.difference(6, 11)
    assert mean == pytest.approx(posterior.mean[6] - posterior.mean[11])
    assert sd == pytest.approx(posterior.difference_sd()[6, 11])
    assert posterior.difference(3, 3) == (0.0, 0.0)


def test_prob_greater_averages_over_the_grid() -> None:
    posterior = gp_posterior(GOLDEN, 2e-4)
    weights, means, covariances = plain(GOLDEN, 2e-4, jitter=False)
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
    assert posterior.covariance.shape == (k, k)
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
    weights, means, covariances = plain(GOLDEN[:k], 2e-4, jitter=False)
    expected = 0.0
    for weight, mean, c in zip(weights, means, covariances, strict=True):
        sd = [math.sqrt(c[j, j] + c[-1, -1] - 2.0 * c[j, -1]) for j in range(k - 1)]
        expected += weight * max(ndtr((mean[j] - mean[-1] - 0.003) / sd[j]) for j in range(k - 1))
    assert gp_posterior(GOLDEN[:k], 2e-4).p_drop(0.003) == pytest.approx(expected, rel=1e-5)


def test_standard_deviations_of_differences_are_those_of_the_covariance() -> None:
    posterior = gp_posterior(GOLDEN, 2e-4)
    c = posterior.covariance
    expected = [[math.sqrt(max(c[i, i] + c[j, j] - 2.0 * c[i, j], 0.0)) for j in range(12)] for i in range(12)]
    np.testing.assert_allclose(posterior.difference_sd(), expected, atol=1e-12)


def test_without_noise_a_level_is_above_another_or_not() -> None:
    posterior = gp_posterior(np.array([0.30, 0.31, 0.30, 0.305]), 0.0)
    assert posterior.prob_greater(1, 0, 0.0099) == 1.0
    assert posterior.prob_greater(1, 0, 0.0101) == 0.0
    assert posterior.p_drop(0.0049) == 1.0
    assert posterior.p_drop(0.0051) == 0.0
    assert posterior.difference(1, 3) == (pytest.approx(0.005), 0.0)
    assert posterior.difference_sd().tolist() == np.zeros((4, 4)).tolist()
    assert posterior.weights.sum() == pytest.approx(1.0)
    assert posterior.means.shape == (40, 4)


@pytest.mark.parametrize("k", [48, 49])
def test_long_runs_have_the_same_posterior_as_short_ones(k: int) -> None:
    value = np.random.default_rng(k).normal(0.4, 0.02, k)
    weights, means, covariances = plain(value, 4e-4, jitter=True)
    for _ in range(2):  # the second one uses what the first kept
        got = gp_posterior(value, 4e-4, jitter=True)
        np.testing.assert_allclose(got.mean, weights @ means, atol=1e-7)
        np.testing.assert_allclose(got.unit_covariances[0] * 4e-4, covariances[0], atol=1e-8)


def certain(level: list[float]) -> GPPosterior:
    return gp_posterior(np.array(level), 0.0)


@pytest.mark.parametrize(("level", "at"), [
    ([0.5, 0.6, 0.595, 0.589, 0.58], 3),  # a point below the peak begins at the fourth
    ([0.5, 0.6, 0.58, 0.595, 0.57], 4),  # what is made good does not count
    ([0.6, 0.58, 0.57], 1),
    ([0.5, 0.6, 0.55, 0.52, 0.595], 2),  # evals after the lowest are not asked
    ([0.5, 0.55, 0.6], 2),  # a run that never falls has its onset at the last
    ([0.6, 0.595, 0.591], 2),
    ([0.6], 0),
])  # fmt: skip
def test_the_onset_without_noise_is_the_first_eval_that_stays_a_point_below(level: list[float], at: int) -> None:
    assert fall_onset(certain(level)) == FallOnset(at, at, at)


def test_the_onset_and_its_interval_are_where_the_probability_passes_5_50_and_95_percent() -> None:
    value = np.concatenate([np.full(12, 0.5), np.linspace(0.5, 0.38, 14)]) + np.tile([0.004, -0.004], 13)
    posterior = gp_posterior(value, 0.01**2)
    peak = int(posterior.mean.argmax())
    below = np.array([posterior.prob_greater(peak, j, 0.01) for j in range(26)])
    last_under = [int(np.flatnonzero((below < level) & (np.arange(26) >= peak))[-1]) for level in (0.5, 0.05, 0.95)]
    found = fall_onset(posterior)
    assert [found.at, found.low, found.high] == [last + 1 for last in last_under]
    assert found.low < found.at < found.high
    assert fall_onset(posterior, confidence=0.99).low < found.low


def test_a_cliff_is_found_within_an_evaluation() -> None:
    rate = np.concatenate([np.full(15, 0.5), np.full(10, 0.3)])
    found = fall_onset(gp_posterior(rate, 0.01**2))
    assert 14 <= found.low <= found.at <= found.high <= 15


def test_a_rising_run_has_its_onset_at_the_end() -> None:
    found = fall_onset(gp_posterior(np.linspace(0.2, 0.6, 20), 0.01**2))
    assert found.at == 19


def test_less_noise_gives_a_narrower_interval() -> None:
    rng = np.random.default_rng(3)
    truth = np.concatenate([np.full(15, 0.5), np.linspace(0.5, 0.4, 15)])

    def width(sd: float) -> int:
        found = fall_onset(gp_posterior(truth + rng.normal(0, sd, 30), sd**2))
        return found.high - found.low

    assert width(0.003) < width(0.02)


@pytest.mark.parametrize("family", ["sharp_collapse", "slow_overopt"])
def test_the_interval_holds_the_true_onset_as_often_as_it_says(family: str) -> None:
    held, errors = [], []
    for seed in range(40):
        run = simulate(family, 500, 40, 1, seed=3_300_000 + seed)
        if run.onset is None or not (ALARM.statistic(run)[FIRST:] >= 1).any():
            continue
        found = fall_onset(gp_posterior(run.rates, Gram.of(run.outcomes).s2(40)))
        held.append(found.low <= run.onset <= found.high)
        errors.append(abs(found.at - run.onset))
    assert len(held) > 25
    assert np.mean(held) > 0.75  # 0.9 promised; below 0.75 of 30 is seen in less than one of a hundred such tests
    assert np.mean(errors) < 4
