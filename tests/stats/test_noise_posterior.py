"""The noise of one evaluation as it is learned: golden numbers, its limits, and what it does to false alarms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from heldout.stats.arrays import FloatArray
from heldout.stats.noise_posterior import (
    JITTERS,
    Noise,
    Scatter,
    learned,
    noise_of_rates,
    of_sizes,
    relative_sizes,
    sampled,
    scatter,
    white_share,
)
from heldout.stats.scan import boundary, last_look

FALL = np.array([0.300, 0.322, 0.331, 0.350, 0.356, 0.352, 0.360, 0.349, 0.333, 0.327, 0.310, 0.305])
WAVE = 0.40 + 0.02 * np.sin(np.arange(20)) - 0.03 * (np.arange(20) >= 15)
RETURNS = np.array([1.0, 3, 2, 4, 3, 5, 4, 6, 1, 0, 1, -1])
seeds = st.integers(0, 10_000)


def look(values: FloatArray, sampling: float | None) -> tuple[Noise, float, int]:
    """What is learned of the noise, the largest u of the scan, and where."""
    u, _ = last_look(values)
    prior = None if sampling is None else sampled(sampling)
    return learned(scatter(values, straight=prior is not None), prior), float(u.max()), int(u.argmax())


@pytest.mark.parametrize(("k", "e", "freedom", "z", "variance"), [
    (8, 3.250128e-4, 6.8671, -0.037434, 2.510571e-4),
    (10, None, None, 0.574210, None),
    (11, None, None, 1.167774, None),
    (12, 3.609931e-4, None, 1.671445, 2.676351e-4),
])  # fmt: skip
def test_golden_values_of_a_fall(
    k: int, e: float | None, freedom: float | None, z: float, variance: float | None
) -> None:
    noise, u, at = look(FALL[:k], 0.014**2)
    seen = scatter(FALL[:k])
    assert at == 6
    assert noise.z(u) == pytest.approx(z, abs=6e-7)
    assert e is None or seen.variance == pytest.approx(e, rel=2e-7)
    assert freedom is None or seen.freedom == pytest.approx(freedom, abs=6e-5)
    assert variance is None or noise.variance == pytest.approx(variance, rel=2e-7)


def test_golden_value_where_the_jitter_takes_the_noise_over() -> None:
    noise, u, _ = look(FALL, 0.003**2)
    assert u == pytest.approx(0.02727916, abs=6e-9)
    assert noise.z(u) == pytest.approx(1.908565, abs=6e-7)
    assert math.sqrt(noise.variance) == pytest.approx(0.0142877, abs=6e-8)


@pytest.mark.parametrize(("k", "e", "freedom", "z", "variance"), [
    (15, 2.125629e-4, 13.4140, 0.123775, None),
    (16, 2.393130e-4, 13.2150, 0.694695, 2.046060e-4),
    (20, 2.723660e-4, 16.7685, 2.896262, 2.380761e-4),
])  # fmt: skip
def test_golden_values_where_straight_lines_begin_to_pass(
    k: int, e: float, freedom: float, z: float, variance: float | None
) -> None:
    noise, u, _ = look(WAVE[:k], 1e-4)
    seen = scatter(WAVE[:k])
    assert seen.variance == pytest.approx(e, rel=3e-7)
    assert seen.freedom == pytest.approx(freedom, abs=6e-5)
    assert noise.z(u) == pytest.approx(z, abs=6e-7)
    assert variance is None or noise.variance == pytest.approx(variance, rel=4e-7)


@pytest.mark.parametrize(("k", "z"), [(5, -0.063179), (8, -0.389324), (9, 0.439991), (10, 0.812697), (12, 1.467242)])
def test_golden_values_of_a_score_without_a_unit(k: int, z: float) -> None:
    noise, u, _ = look(RETURNS[:k], None)
    assert noise.z(u) == pytest.approx(z, abs=6e-7)
    assert noise.variance == scatter(RETURNS[:k], straight=False).variance


@pytest.mark.parametrize(
    ("k", "freedom"),
    [(4, 2.99), (8, 6.87), (12, 10.62), (15, 13.41), (16, 13.22), (20, 16.77), (40, 34.53), (60, 52.28)],
)
def test_the_degrees_of_freedom_of_each_length(k: int, freedom: float) -> None:
    assert scatter(np.arange(float(k))).freedom == pytest.approx(freedom, abs=6e-3)


@given(st.floats(2.5, 300.0), st.floats(-40.0, 40.0))
def test_where_nothing_is_known_the_tail_is_that_of_student(freedom: float, t: float) -> None:
    noise = learned(Scatter(4.0, freedom))
    expected = math.copysign(-norm.isf(student.cdf(-abs(t), freedom)) if t else 0.0, -t)
    assert noise.z(2.0 * t) == pytest.approx(-expected, rel=1e-9, abs=1e-9)


def test_a_fall_of_any_size_has_a_finite_z() -> None:
    far = [learned(Scatter(1.0, 20.0)).z(u) for u in (1e2, 1e4, 1e6)]
    assert far == sorted(far)
    assert math.isfinite(far[-1])
    known = learned(Scatter(1.0, 10.0), sampled(1.0))
    assert known.z(500.0) == pytest.approx(500.0, rel=0.01)


@given(seeds, st.floats(-10.0, 10.0))
def test_a_constant_changes_nothing(seed: int, shift: float) -> None:
    values = np.random.default_rng(seed).normal(0.4, 0.02, 14)
    (one, u, _), (other, v, _) = look(values, 1e-4), look(values + shift, 1e-4)
    assert other.z(v) == pytest.approx(one.z(u), abs=1e-8)


@given(seeds, st.floats(-0.05, 0.05), st.integers(16, 40))
def test_a_straight_line_is_no_scatter_from_sixteen_evals_on(seed: int, slope: float, k: int) -> None:
    values = np.random.default_rng(seed).normal(0.4, 0.02, k)
    line = slope * np.arange(k)
    assert scatter(values + line).variance == pytest.approx(scatter(values).variance, rel=1e-7)
    if abs(slope) > 0.02:
        assert scatter(values + line, straight=False).variance > scatter(values, straight=False).variance


def test_much_sampling_noise_gives_the_scan_of_known_noise() -> None:
    noise, u, _ = look(FALL, 100.0)
    assert noise.variance == pytest.approx(100.0, rel=1e-5)
    assert noise.z(u) == pytest.approx(u / 10.0, rel=1e-5)


@pytest.mark.parametrize("k", [8, 20])
def test_the_scatter_of_white_noise_has_its_variance_and_degrees_of_freedom(k: int) -> None:
    rng, runs = np.random.default_rng(0), 4000
    got = np.array([scatter(rng.normal(0.0, 2.0, k)).variance for _ in range(runs)])
    freedom = scatter(np.arange(float(k))).freedom
    expected = 2.0 * 4.0**2 / freedom
    assert got.mean() == pytest.approx(4.0, abs=4.0 * math.sqrt(expected / runs))
    assert got.var() == pytest.approx(expected, rel=0.15)


def test_evals_of_other_sizes_scatter_about_their_weighted_level() -> None:
    rng, runs = np.random.default_rng(1), 4000
    relative = np.repeat([0.25, 1.75], 10)
    draws = rng.normal(size=(runs, 20)) * np.sqrt(relative)
    got = np.array([scatter(row, relative).variance for row in draws])
    freedom = scatter(draws[0], relative).freedom
    assert got.mean() == pytest.approx(1.0, abs=0.02)
    assert got.var() == pytest.approx(2.0 / freedom, rel=0.15)
    equal = scatter(draws[0], np.ones(20))
    assert equal == pytest.approx(scatter(draws[0]))


def test_the_noise_of_rates_is_spread_over_what_samples_leave() -> None:
    prior = of_sizes(np.array([0.4]), 10, 40)
    assert prior.variance.shape == (72,)
    assert prior.weight.sum() == pytest.approx(1.0, abs=1e-5)
    b = 0.024
    white = [b * ((1.0 - r) / 40 + c * r) for r in (0.3, 0.5, 0.7) for c in (0.0, 0.05, 0.15)]
    assert prior.variance[::8] == pytest.approx(white)
    assert prior.variance[:8] - prior.variance[0] == pytest.approx(JITTERS**2)
    # no number of samples sends it to nothing: problems flip
    assert of_sizes(np.array([0.4]), 10, 1e12).variance.max() > 0.1 * b


@pytest.mark.parametrize(
    ("problems", "samples", "points"), [(10, 40, 3.00), (30, 32, 1.80), (164, 1, 2.77), (500, 4, 0.85)]
)
def test_the_white_noise_of_each_size_in_points(problems: int, samples: int, points: float) -> None:
    assert 100.0 * math.sqrt(0.24 / problems * float(white_share(samples))) == pytest.approx(points, abs=0.006)


def test_a_rate_at_an_end_keeps_the_noise_of_half_a_problem() -> None:
    for rate in (0.0, 1.0):
        assert of_sizes(np.full(5, rate), 50).variance.min() == pytest.approx(0.25 / 50**2 * 0.3)


def test_sizes_weigh_evals_only_where_they_differ() -> None:
    rate, ones = np.full(4, 0.5), np.ones(4)
    assert relative_sizes(rate, 100.0 * ones, ones) is None
    relative = relative_sizes(rate, np.array([100.0, 100, 400, 400]), ones)
    assert relative is not None
    assert relative.mean() == pytest.approx(1.0)
    assert relative[0] == relative[1] > relative[2]


def test_the_jitter_of_checkpoints_is_found_where_there_is_some() -> None:
    rng = np.random.default_rng(3)
    still, shaken = rng.normal(0.5, 0.004, 40), rng.normal(0.5, math.hypot(0.004, 0.01), 40)
    prior = sampled(0.004**2)
    size, low, high = learned(scatter(shaken), prior).jitters()
    assert low <= 0.010 <= high
    assert size == pytest.approx(0.010, abs=0.002)
    assert learned(scatter(still), prior).jitters()[2] <= 0.005
    assert all(map(math.isnan, noise_of_rates(still).jitters()))


@pytest.mark.parametrize("level", [0.0, 0.1, 0.3, 1.0 / 3.0, 1e6])
def test_equal_scores_have_no_scatter_and_no_z(level: float) -> None:
    noise = noise_of_rates(np.full(12, level))
    assert noise.variance == 0.0
    assert math.isnan(noise.z(0.0))


def test_precise_evals_of_checkpoints_that_jitter_raise_few_alarms() -> None:
    """Sampling noise of 0.3 points and a jitter of one: with the noise taken as known this is 94 % of runs."""
    rng, runs, crossing = np.random.default_rng(5), 200, boundary(40, 0.05)
    alarms = 0
    for _ in range(runs):
        values = rng.normal(0.5, math.hypot(0.003, 0.01), 40)
        for k in range(4, 41):
            noise, u, _ = look(values[:k], 0.003**2)
            if noise.z(u) >= crossing:
                alarms += 1
                break
    assert alarms <= 16


@pytest.mark.parametrize("count", [3, 7, 12, 40])
def test_deviations_of_few_scores_are_those_of_student(count: int) -> None:
    seen = scatter(np.random.default_rng(count).normal(size=count), straight=False)
    expected = float(student.ppf(norm.cdf(1.96), seen.freedom))
    assert learned(seen).deviations(1.96) == pytest.approx(min(expected, 20.0), abs=1e-4)


@given(k=st.integers(16, 140), seed=st.integers(0, 99))
def test_the_scatter_of_evals_alike_is_that_of_evals_with_equal_weights(k: int, seed: int) -> None:
    value = np.random.default_rng(seed).normal(0.4, 0.02, k)
    alike, weighed = scatter(value), scatter(value, np.ones(k))
    assert alike == pytest.approx(weighed, rel=1e-9)
