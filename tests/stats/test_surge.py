"""Late surges: found where they are, not on straight trends and not in noise."""

import math

import numpy as np
import pytest

from heldout.stats.noise import difference_noise
from heldout.stats.trend import late_surge, surge_start


@pytest.mark.parametrize("series", ["rate", "tokens"])
def test_both_series_of_a_real_run_surge_after_step_150(kimi, series):
    value = getattr(kimi, series)
    got = surge_start(kimi.step, value, difference_noise(value))
    assert got is not None
    assert (got.start_step, got.end_step) == (160.0, 200.0)
    assert got.after == pytest.approx(value[16:].mean())
    assert got.before == pytest.approx(value[11:16].mean())
    assert got.gain == pytest.approx(got.after - got.before)
    assert got.z > 4.0


def test_the_run_that_collapses_does_not_surge(deepseek):
    for step, value in ((deepseek.rate_step, deepseek.rate), (deepseek.reward_step, deepseek.reward)):
        assert surge_start(step, value, difference_noise(value, step)) is None
        assert late_surge(step, value, difference_noise(value, step)) is None


@pytest.mark.parametrize("detect", [late_surge, surge_start])
@pytest.mark.parametrize("slope", [0.0, 0.1, 0.28, 1.0])
@pytest.mark.parametrize("n", [21, 40])
def test_noise_and_straight_trends_do_not_surge(detect, slope, n):
    rng = np.random.default_rng(int(1000 * slope) + n)
    runs, step, fired = 400, np.arange(float(n)), 0
    for _ in range(runs):
        value = slope * step + rng.normal(size=n)
        fired += detect(step, value, difference_noise(value)) is not None
    assert fired / runs <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_flat_noise_and_steep_trends_hardly_ever_surge(slope):
    rng = np.random.default_rng(1)
    step = np.arange(40.0)
    fired = [surge_start(step, slope * step + rng.normal(size=40), 1.0) is not None for _ in range(500)]
    assert np.mean(fired) <= 0.02


def test_a_clear_surge_is_found_where_it_starts():
    rng = np.random.default_rng(0)
    step = np.arange(0.0, 400.0, 10.0)
    hits = 0
    for _ in range(100):
        value = np.where(step < 310.0, 0.3, 0.4) + rng.normal(0.0, 0.02, 40)
        got = surge_start(step, value, difference_noise(value))
        hits += got is not None and abs(got.start_step - 310.0) <= 20.0
    assert hits >= 95


def test_an_uneven_surge_is_found():
    step = np.cumsum(np.random.default_rng(0).exponential(1.0, 40))
    value = np.where(np.arange(40) < 32, 0.0, 6.0) + np.random.default_rng(1).normal(size=40)
    got = surge_start(step, value, 1.0)
    assert got is not None
    assert got.start_step == step[32]


def test_the_running_rule_sees_a_rise_after_a_plateau():
    rng = np.random.default_rng(0)
    step = np.arange(0.0, 400.0, 10.0)
    level = 0.3 + 0.1 / (1.0 + np.exp(-(step - 340.0) / 12.0))
    found = [late_surge(step, level + rng.normal(0.0, 0.01, 40), 1e-4, margin=0.02) for _ in range(50)]
    assert sum(got is not None for got in found) >= 40
    got = next(got for got in found if got)
    assert (got.start_step, got.end_step) == (290.0, 390.0)
    assert got.gain == pytest.approx(0.1, abs=0.03)
    assert got.gain == pytest.approx(got.after - got.before)


def test_a_fall_is_not_a_surge():
    step = np.arange(40.0)
    value = np.where(step < 31.0, 0.0, -8.0) + np.random.default_rng(0).normal(size=40)
    assert surge_start(step, value, 1.0) is None
    assert surge_start(step, -value, 1.0) is not None
    assert late_surge(step, value, 1.0) is None


@pytest.mark.parametrize("n", [0, 1, 2, 3, 11])
def test_too_few_points_do_not_surge(n):
    value = np.where(np.arange(n) < 7, 0.0, 50.0)
    assert surge_start(np.arange(float(n)), value, 1.0) is None
    assert late_surge(np.arange(float(n)), value, 1.0) is None


def test_constant_series_and_unknown_noise_do_not_surge():
    step = np.arange(40.0)
    for variance in (0.0, math.nan):
        assert surge_start(step, np.ones(40), variance) is None
        assert late_surge(step, np.ones(40), variance) is None


def test_long_series_are_averaged():
    step = np.arange(40_000.0)
    value = np.where(step < 31_000.0, 0.0, 1.0) + np.random.default_rng(0).normal(size=step.size)
    got = surge_start(step, value, 1.0)
    assert got is not None
    assert got.start_step == pytest.approx(31_000.0, abs=1000.0)
    assert got.gain == pytest.approx(1.0, abs=0.05)
