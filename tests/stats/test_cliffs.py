"""The process that may jump: golden numbers, its textbook form, invariance, and what it says of simulated cliffs."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from heldout.stats.arrays import FloatArray, floats
from heldout.stats.cliffs import FallOnset, cliff_posterior, fall_onset
from heldout.stats.eval_noise import EvalNoise
from heldout.stats.gp import matern32

SLOW = floats([0.300, 0.322, 0.331, 0.350, 0.356, 0.352, 0.360, 0.349, 0.333, 0.327, 0.310, 0.305])
CLIFF = floats([0.40, 0.41, 0.42, 0.43, 0.42, 0.44, 0.43, 0.45, 0.16, 0.15, 0.14, 0.15])
NOISE = EvalNoise.white(0.014**2, 12)


@pytest.mark.parametrize(("values", "cliff", "best", "means"), [
    (CLIFF, 0.99999997, 7, [
        0.412520, 0.416196, 0.420485, 0.424780, 0.425935, 0.431312,
        0.431887, 0.436144, 0.152799, 0.150586, 0.148234, 0.149114,
    ]),
    (SLOW, 0.081844, 5, [
        0.310770, 0.322088, 0.332693, 0.343970, 0.350305, 0.351671,
        0.351669, 0.345078, 0.335109, 0.326025, 0.315895, 0.309729,
    ]),
])  # fmt: skip
def test_golden_qualities(values: FloatArray, cliff: float, best: int, means: list[float]) -> None:
    found = cliff_posterior(values, NOISE)
    assert found.cliff == pytest.approx(cliff, abs=5e-7 if cliff < 0.9 else 5e-9)
    assert int(found.mean(jitter=True).argmax()) == best
    np.testing.assert_allclose(found.mean(jitter=True), means, atol=1e-6)


def test_golden_onsets_to_one_eval() -> None:
    sharp, slow = (fall_onset(cliff_posterior(values, NOISE), 0.01) for values in (CLIFF, SLOW))
    assert (sharp.low, sharp.at, sharp.high) == (8, 8, 8)
    np.testing.assert_allclose([slow.low, slow.at, slow.high], [6, 8, 9], atol=1)


class Component(NamedTuple):
    weight: float
    mean: FloatArray
    covariance: FloatArray


def step_columns(count: int) -> list[tuple[float, FloatArray]]:
    """Every step with its prior probability, written out one by one."""
    at_once = [floats([float(i >= c) for i in range(count)]) for c in range(1, count)]
    ramps = [floats([min(max((i - c + 1) / 2.0, 0.0), 1.0) for i in range(count)]) for c in range(1, count - 1)]
    return [(0.1 / len(part), column) for part in (at_once, ramps) for column in part]


def plain(values: FloatArray, noise: EvalNoise, *, jitter: bool, fixed: FloatArray | None = None) -> list[Component]:
    """Each component by itself, by the textbook formulas in the unit of the values; `fixed` adds known variance."""
    count, v = values.size, noise.variance
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count))).astype(float)
    own = np.eye(count)
    steps = [(0.8, np.zeros((count, count)))]
    for prior, u in step_columns(count):
        steps += [(prior / 2.0, size * np.outer(u, u)) for size in (25.0, 400.0)]
    found = []
    shakes = (0.05, 0.5, 3.0) if noise.sized else (0.05, 0.5)
    for length, signal, shake in product((3.0, 6.0, 12.0, 24.0), (0.05, 0.3, 1.5, 8.0, 40.0), shakes):
        for prior, step in steps:
            level = v * (signal * matern32(apart, length) + 1e4 + step + (0.0 if fixed is None else fixed))
            target = level + (v * shake * own if jitter else 0.0)
            seen = level + v * (shake * own + noise.covariance)
            centred = values - values.mean()
            log = np.log(prior) + multivariate_normal(np.zeros(count), seen).logpdf(centred)
            gain = np.linalg.solve(seen, target).T
            found.append((log, values.mean() + gain @ centred, target - gain @ target))
    logs = np.array([one[0] for one in found])
    weights = np.exp(logs - logs.max())
    return [Component(w, *one[1:]) for w, one in zip(weights / weights.sum(), found, strict=True)]


def wandering(count: int) -> EvalNoise:
    return EvalNoise.of_rates(np.full(count, 0.4), 500.0, 4.0)


@pytest.mark.parametrize("jitter", [True, False])
@pytest.mark.parametrize("noise", [NOISE, wandering(12), EvalNoise.white(2e-4, 12, sized=False)])
@pytest.mark.parametrize("values", [CLIFF, SLOW])
def test_products_of_rank_one_give_what_every_inverse_by_itself_gives(
    values: FloatArray, noise: EvalNoise, jitter: bool
) -> None:
    parts = plain(values, noise, jitter=jitter)
    found = cliff_posterior(values, noise)
    mean = sum(part.weight * part.mean for part in parts)
    np.testing.assert_allclose(found.mean(jitter=jitter), mean, atol=1e-8)
    without = sum(part.weight for part in parts[:: 1 + 2 * len(step_columns(12))])
    assert found.cliff == pytest.approx(1.0 - without, abs=1e-8)
    if jitter:
        spread = sum(part.weight * (part.covariance.diagonal() + (part.mean - mean) ** 2) for part in parts)
        np.testing.assert_allclose([found.variance(at) for at in range(12)], spread, rtol=1e-6)


def test_a_second_sure_cliff_is_found_once_the_first_is_taken_as_given() -> None:
    values = CLIFF + np.where(np.arange(12) >= 4, 0.2, 0.0)
    first = step_columns(12)[[u.sum() for _, u in step_columns(12)].index(4.0)][1]  # down from the ninth eval on
    parts = plain(values, NOISE, jitter=True, fixed=400.0 * np.outer(first, first))
    mean = sum(part.weight * part.mean for part in parts)
    np.testing.assert_allclose(cliff_posterior(values, NOISE).mean(jitter=True), mean, atol=1e-8)


@pytest.mark.parametrize("jitter", [True, False])
def test_draws_have_the_mean_and_the_variance_of_the_mixture(jitter: bool) -> None:
    found = cliff_posterior(SLOW, wandering(12))
    draws = found.draw(20_000, jitter=jitter, seed=3)
    parts = plain(SLOW, wandering(12), jitter=jitter)
    mean = sum(part.weight * part.mean for part in parts)
    spread = sum(part.weight * (part.covariance + np.outer(part.mean - mean, part.mean - mean)) for part in parts)
    sd = np.sqrt(np.diag(spread))
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=4.0 * sd.max() / np.sqrt(20_000))
    np.testing.assert_allclose(np.cov(draws.T) / np.outer(sd, sd), spread / np.outer(sd, sd), atol=0.05)


def test_wider_draws_have_so_much_more_variance() -> None:
    found = cliff_posterior(SLOW, NOISE)
    one, wider = (found.draw(5000, jitter=True, wider=wider, seed=1) for wider in (1.0, 4.0))
    apart = (found.draw(5000, jitter=True, wider=1e-12, seed=1), one, wider)
    np.testing.assert_allclose(apart[2] - apart[0], 2.0 * (apart[1] - apart[0]), atol=1e-6)


@pytest.mark.parametrize(("times", "plus"), [(1.0, 50.0), (700.0, -3.0), (1e-4, 5.0), (2.0, -1.0)])
@pytest.mark.parametrize("values", [CLIFF, SLOW])
def test_the_unit_of_the_values_changes_nothing(values: FloatArray, times: float, plus: float) -> None:
    one = cliff_posterior(values, NOISE)
    other = cliff_posterior(times * values + plus, EvalNoise.white(times**2 * NOISE.variance, 12))
    assert other.cliff == pytest.approx(one.cliff, rel=1e-6)
    np.testing.assert_allclose(other.mean(jitter=True), times * one.mean(jitter=True) + plus, rtol=1e-9)
    np.testing.assert_allclose(other.variance(7), times**2 * one.variance(7), rtol=1e-6)
    assert fall_onset(other, times * 0.01) == fall_onset(one, 0.01)


def test_a_rise_is_the_mirror_image_of_a_fall() -> None:
    fall, rise = cliff_posterior(CLIFF, NOISE), cliff_posterior(-CLIFF, NOISE)
    assert rise.cliff == pytest.approx(fall.cliff)
    np.testing.assert_allclose(rise.mean(jitter=False), -fall.mean(jitter=False), atol=1e-9)


def test_white_noise_is_no_cliff() -> None:
    rng = np.random.default_rng(5)
    noise = EvalNoise.white(0.01**2, 20)
    called = [cliff_posterior(rng.normal(0.4, 0.01, 20), noise).cliff >= 0.5 for _ in range(200)]
    assert np.mean(called) <= 0.05


def test_a_slow_fall_is_no_cliff() -> None:
    values = np.concatenate([np.full(10, 0.5), np.linspace(0.5, 0.44, 20)])
    assert cliff_posterior(values, EvalNoise.white(0.012**2, 30)).cliff < 0.2


def test_long_runs_are_averaged_over_blocks_of_the_same_size() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(0.4, 0.01, 160), rng.normal(0.3, 0.01, 160)])
    noise = EvalNoise.white(1e-4, 320)
    found = cliff_posterior(values, noise)
    mean = found.mean(jitter=True)
    assert mean.shape == (320,)
    assert np.unique(mean).size == 107  # of three each but the first, which is of two
    assert np.ptp(mean[:2]) == np.ptp(mean[2:5]) == 0.0
    onset = fall_onset(found, 0.01)
    assert onset.low - 1 <= 159 <= onset.high
    whole = cliff_posterior(np.concatenate([[values[:2].mean()], values[2:].reshape(-1, 3).mean(axis=1)]), NOISE_OF_107)
    np.testing.assert_allclose(mean[1::3], whole.mean(jitter=True), atol=1e-9)


NOISE_OF_107 = EvalNoise(1e-4 / 3.0, np.diag(np.r_[1.5, np.ones(106)]))


def certain(level: list[float]) -> FallOnset:
    """The onset where the noise is so small that the values are the level."""
    return fall_onset(cliff_posterior(floats(level), EvalNoise.white(0.0003**2, len(level))), 0.01)


@pytest.mark.parametrize(("level", "at"), [
    ([0.5, 0.6, 0.596, 0.586, 0.58], 3),  # a point below the peak begins at the fourth
    ([0.5, 0.6, 0.58, 0.595, 0.57], 4),  # what is made good does not count
    ([0.6, 0.58, 0.57], 1),
    ([0.5, 0.6, 0.55, 0.52, 0.595], 2),  # evals after the lowest are not asked
    ([0.5, 0.55, 0.6], 2),  # a run that never falls has its onset at the last
    ([0.6, 0.597, 0.595], 2),
])  # fmt: skip
def test_the_onset_without_noise_is_the_first_eval_that_stays_a_point_below(level: list[float], at: int) -> None:
    found = certain(level)
    assert (found.low, found.at, found.high) == (at, at, at)


def test_a_fall_that_is_over_has_a_beginning_and_an_end() -> None:
    level = floats([0.4, 0.5, 0.5, 0.3, 0.3, 0.35, 0.5, 0.52, 0.6, 0.6])
    posterior = cliff_posterior(level, EvalNoise.white(0.001**2, 10))
    found = fall_onset(posterior, 0.01, until=4)
    assert (found.low, found.at, found.high, found.back) == (3, 3, 3, 6)
    assert fall_onset(posterior, 0.01).back == 9  # of the whole run: it ends at its highest, and nothing fell


def test_a_cliff_is_found_where_it_is() -> None:
    values = np.concatenate([np.full(15, 0.5), np.full(10, 0.3)])
    found = fall_onset(cliff_posterior(values, EvalNoise.white(1e-4, 25)), 0.01)
    assert (found.low, found.at, found.high) == (15, 15, 15)


def test_less_noise_gives_a_narrower_interval() -> None:
    rng = np.random.default_rng(3)
    truth = np.concatenate([np.full(15, 0.5), np.linspace(0.5, 0.4, 15)])
    widths = []
    for sd in (0.003, 0.02):
        found = fall_onset(cliff_posterior(truth + rng.normal(0, sd, 30), EvalNoise.white(sd**2, 30)), 0.01)
        widths.append(found.high - found.low)
    assert widths[0] < widths[1]


@pytest.mark.parametrize("evals", [1, 2])
def test_the_interval_of_a_cliff_holds_its_place_as_often_as_it_says(evals: int) -> None:
    rng, held = np.random.default_rng(11), []
    for _ in range(40):
        place = int(rng.integers(6, 15))
        index = np.arange(20)
        truth = 0.4 + 0.05 * np.minimum(index / place, 1.0) - 0.3 * np.clip((index - place + 1) / evals, 0.0, 1.0)
        values = truth + 0.002 * rng.standard_t(4, 20) / np.sqrt(2.0) + rng.normal(0.0, 0.008, 20)
        found = fall_onset(cliff_posterior(values, EvalNoise.white(0.008**2, 20)), 0.01)
        held.append(found.low <= place <= found.high)
    assert np.mean(held) >= 0.8  # 0.88 and more is meant; fewer than 32 of 40 are then seen in one of twenty tests


@pytest.mark.parametrize("values", [SLOW, CLIFF], ids=["slow", "cliff"])
def test_noise_that_depends_on_the_lag_alone_gives_what_any_other_like_it_gives(values: FloatArray) -> None:
    lag = np.abs(np.subtract.outer(np.arange(12), np.arange(12)))
    by_lag = EvalNoise(2e-4, np.where(lag == 0, 1.0, 0.3 * 0.8**lag))
    nearly = EvalNoise(2e-4, by_lag.covariance + 1e-12 * np.diag(np.arange(12.0)))
    assert by_lag.depends_on_lag
    assert not nearly.depends_on_lag
    one, other = cliff_posterior(values, by_lag), cliff_posterior(values, nearly)
    np.testing.assert_allclose(one.mean(jitter=True), other.mean(jitter=True), atol=1e-9)
    assert one.cliff == pytest.approx(other.cliff, abs=1e-9)
    assert [one.variance(k) for k in range(12)] == pytest.approx([other.variance(k) for k in range(12)])
    np.testing.assert_allclose(one.draw(50, jitter=False), other.draw(50, jitter=False), atol=1e-7)
