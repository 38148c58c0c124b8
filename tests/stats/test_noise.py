"""Noise estimates: closed forms, and what they recover from simulated series."""

from __future__ import annotations

import math

import numpy as np
import pytest

from heldout.stats.noise import (
    bends,
    difference_noise,
    excess_autocorrelation,
    typical_noise,
    volatility,
    wander_inflation,
    wander_variance,
)
from heldout.stats.rates import binomial_se


def test_difference_noise_is_the_mean_squared_second_difference_over_six() -> None:
    value = np.array([1.0, 4.0, 2.0, 2.5, 7.0])
    assert difference_noise(value) == pytest.approx(np.mean(np.diff(value, 2) ** 2) / 6.0)
    assert difference_noise(value, np.arange(5.0)) == pytest.approx(difference_noise(value))


def test_difference_noise_recovers_the_variance_on_even_and_uneven_steps() -> None:
    rng = np.random.default_rng(0)
    step = np.cumsum(rng.exponential(1.0, 20_000) + 0.01)
    value = 0.3 * step + rng.normal(0.0, 2.0, step.size)
    assert difference_noise(value, step) == pytest.approx(4.0, rel=0.05)
    assert difference_noise(value[:] - 0.3 * step) == pytest.approx(4.0, rel=0.05)


def test_a_line_has_no_difference_noise() -> None:
    step = np.array([0.0, 1.0, 5.0, 6.0, 20.0])
    assert difference_noise(3.0 - 2.0 * step, step) == pytest.approx(0.0, abs=1e-24)
    assert difference_noise(3.0 - 2.0 * step) > 1.0


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_values_have_no_difference_noise(n: int) -> None:
    assert math.isnan(difference_noise(np.ones(n)))


def test_the_typical_noise_is_that_of_white_noise_and_a_cliff_leaves_it() -> None:
    value = np.random.default_rng(0).normal(0.0, 2.0, 10_000)
    assert typical_noise(value) == pytest.approx(2.0, rel=0.03)
    value[5_000:] -= 1000.0
    assert typical_noise(value) == pytest.approx(2.0, rel=0.03)
    assert typical_noise(np.array([0.0, 3.0, 0.0])) == pytest.approx(6.0 / (0.6745 * math.sqrt(6.0)))
    assert math.isnan(typical_noise(np.zeros(2)))


def test_a_wander_weighs_on_comparisons_of_distant_evals_more() -> None:
    near, far = np.zeros(20), np.zeros(20)
    near[[9, 10]] = far[[0, 19]] = 1.0, -1.0
    low, high = wander_inflation(np.array([near, far]), 0.8, len(near))
    assert low == pytest.approx(1.0 + 0.8 * (1.0 - np.exp(-1.0 / 6.0)))
    assert high == pytest.approx(1.0 + 0.8 * (1.0 - np.exp(-19.0 / 6.0)))
    assert wander_inflation(np.zeros(5), 0.8, 5) == 1.0
    assert 100 * np.sqrt(wander_variance(np.array([0.4]), 500)) == pytest.approx(0.49, abs=0.005)


def test_binomial_se_is_the_textbook_one_away_from_the_ends() -> None:
    assert float(binomial_se(0.3, 200)) == pytest.approx(math.sqrt(0.3 * 0.7 / 200))
    assert binomial_se(np.array([0.2, 0.5]), np.array([10.0, 40.0])).shape == (2,)


def test_binomial_se_stops_half_a_problem_from_the_ends() -> None:
    assert float(binomial_se(0.0, 50)) == float(binomial_se(0.01, 50)) > 0.0


def test_volatility_separates_noise_jitter_and_drift() -> None:
    rng = np.random.default_rng(3)
    step = np.arange(0.0, 40_000.0, 10.0)
    level = np.cumsum(rng.normal(0.0, 0.5, step.size))
    seen = level + rng.normal(0.0, 2.0, step.size)
    got = volatility(step, seen, sampling_variance=3.0)
    # a random walk bends: a sixth of 2 * 0.25 joins the second differences
    assert got.noise_sd == pytest.approx(math.sqrt(3.0))
    assert got.noise_share == pytest.approx(3.0 / 4.25, rel=0.05)


def test_a_line_drifts_by_its_slope_and_has_no_noise() -> None:
    step = np.array([0.0, 40.0, 90.0, 130.0, 200.0, 250.0])
    got = volatility(step, 0.02 * step)
    assert got.noise_share == pytest.approx(0.0, abs=1e-12)


def test_white_noise_is_all_noise() -> None:
    value = np.random.default_rng(0).normal(size=5000)
    got = volatility(np.arange(5000.0), value)
    assert got.noise_share > 0.95


def test_volatility_of_little_and_of_nothing_moving() -> None:
    assert math.isnan(volatility(np.arange(3.0), np.arange(3.0)).noise_sd)
    still = volatility(np.arange(9.0), np.ones(9))
    assert still.noise_sd == 0.0
    assert math.isnan(still.noise_share)


def test_the_share_of_noise_is_that_of_noise_jitter_and_drift() -> None:
    value = np.array([0.0, 3.0, 1.0, 4.0, 9.0])
    second = np.mean(np.diff(value, 2) ** 2) / 6.0
    drift = np.mean(np.diff(value) ** 2) - 2.0 * second
    assert drift > 0.0
    all_of_it = volatility(np.arange(5.0), value)
    assert all_of_it.noise_sd == pytest.approx(math.sqrt(second))
    assert all_of_it.noise_share == pytest.approx(second / (second + drift))
    sampled = volatility(np.arange(5.0), value, 1.0)
    assert second > 1.0
    assert (sampled.noise_sd, sampled.noise_share) == (1.0, pytest.approx(1.0 / (second + drift)))
    more = volatility(np.arange(5.0), value, 9.0)  # more than the second differences show: no jitter
    assert (more.noise_sd, more.noise_share) == (3.0, pytest.approx(9.0 / (9.0 + drift)))
    assert volatility(np.arange(4.0), np.array([1.0, -1.0, 1.0, -1.0])).noise_share == 1.0  # nor less than no drift


def test_three_values_have_noise_and_four_are_the_fewest_for_drift() -> None:
    assert difference_noise(np.array([0.0, 3.0, 0.0])) == pytest.approx(36.0 / 6.0)
    assert math.isnan(volatility(np.arange(3.0), np.array([0.0, 3.0, 0.0])).noise_share)
    assert not math.isnan(volatility(np.arange(4.0), np.array([0.0, 3.0, 0.0, 1.0])).noise_share)


def test_the_distance_from_the_line_between_uneven_neighbours() -> None:
    # the line between (0, 2) and (4, 6) is at 3 at step 1: the left one weighs three quarters
    distance, left = bends(np.array([0.0, 1.0, 4.0]), np.array([2.0, 8.0, 6.0]))
    assert (distance.tolist(), left.tolist()) == ([5.0], [0.75])
    noise = difference_noise(np.array([2.0, 8.0, 6.0]), np.array([0.0, 1.0, 4.0]))
    assert noise == pytest.approx(25.0 / (1.0 + 0.75**2 + 0.25**2))


def test_the_wander_of_a_rate_and_what_it_adds() -> None:
    assert wander_variance(np.array([0.3, 0.5]), 100) == pytest.approx(0.05 * 0.4 * 0.6 / 100)
    d = np.array([0.5, -1.5, 1.0, 0.0])
    total = sum(d[i] * d[j] * math.exp(-abs(i - j) / (0.3 * 4)) for i in range(4) for j in range(4))
    assert wander_inflation(d, 0.7, 4) == pytest.approx(1.0 + 0.7 * total / (d @ d))
    assert wander_inflation(np.stack([d, 2.0 * d]), 0.7, 4) == pytest.approx([1.0 + 0.7 * total / (d @ d)] * 2)
    assert wander_inflation(np.zeros(4), 0.7, 9) == 1.0


def test_white_noise_has_no_excess_autocorrelation_whatever_its_level_does_and_slow_noise_has() -> None:
    rng, found = np.random.default_rng(2), {"white": 0, "cliff": 0, "hill": 0, "slow": 0}
    hill = -30.0 * np.abs(np.arange(60) / 59 - 0.45)
    for _ in range(200):
        white = rng.normal(size=60)
        slow = white.copy()
        for at in range(1, 60):
            slow[at] += 0.6 * slow[at - 1]
        cliff = white - 20.0 * (np.arange(60) > 36)
        for name, value in (("white", white), ("cliff", cliff), ("hill", white + hill), ("slow", slow)):
            found[name] += excess_autocorrelation(value) > 2.0 / math.sqrt(60)
    assert found["white"] <= 8
    assert found["cliff"] <= 12
    assert found["hill"] <= 12
    assert found["slow"] >= 140


@pytest.mark.parametrize("value", [[], [1.0, 2.0, 3.0], [0.5] * 9])
def test_what_does_not_scatter_has_no_autocorrelation(value: list[float]) -> None:
    assert excess_autocorrelation(np.array(value)) == 0.0
