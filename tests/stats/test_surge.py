"""Late surges: found where they are, not on straight trends and not in noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import linregress

from heldout.stats.gp import gp_posterior
from heldout.stats.noise import difference_noise
from heldout.stats.trend import Surge, late_surge, surge_start, trend_state, window_state


@pytest.mark.parametrize("series", ["rate", "tokens"])
def test_both_series_of_a_real_run_surge_after_step_150(kimi: Any, series: Any) -> None:
    value = getattr(kimi, series)
    got = surge_start(kimi.step, value, difference_noise(value))
    assert got is not None
    assert (got.start_step, got.end_step) == (160.0, 200.0)
    assert got.after == pytest.approx(value[16:].mean())
    assert got.before == pytest.approx(value[11:16].mean())
    assert got.gain == pytest.approx(got.after - got.before)
    assert got.z > 4.0


def test_the_run_that_collapses_does_not_surge(deepseek: Any) -> None:
    for step, value in ((deepseek.rate_step, deepseek.rate), (deepseek.reward_step, deepseek.reward)):
        assert surge_start(step, value, difference_noise(value, step)) is None
        assert late_surge(step, value, difference_noise(value, step)) is None


@pytest.mark.parametrize("detect", [late_surge, surge_start])
@pytest.mark.parametrize("slope", [0.0, 0.1, 0.28, 1.0])
@pytest.mark.parametrize("n", [21, 40])
def test_noise_and_straight_trends_do_not_surge(detect: Any, slope: float, n: int) -> None:
    rng = np.random.default_rng(int(1000 * slope) + n)
    runs, step, fired = 400, np.arange(float(n)), 0
    for _ in range(runs):
        value = slope * step + rng.normal(size=n)
        fired += detect(step, value, difference_noise(value)) is not None
    assert fired / runs <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_flat_noise_and_steep_trends_hardly_ever_surge(slope: float) -> None:
    rng = np.random.default_rng(1)
    step = np.arange(40.0)
    fired = [surge_start(step, slope * step + rng.normal(size=40), 1.0) is not None for _ in range(500)]
    assert np.mean(fired) <= 0.02


def test_a_clear_surge_is_found_where_it_starts() -> None:
    rng = np.random.default_rng(0)
    step = np.arange(0.0, 400.0, 10.0)
    hits = 0
    for _ in range(100):
        value = np.where(step < 310.0, 0.3, 0.4) + rng.normal(0.0, 0.02, 40)
        got = surge_start(step, value, difference_noise(value))
        hits += got is not None and abs(got.start_step - 310.0) <= 20.0
    assert hits >= 95


def test_an_uneven_surge_is_found() -> None:
    step = np.cumsum(np.random.default_rng(0).exponential(1.0, 40))
    value = np.where(np.arange(40) < 32, 0.0, 6.0) + np.random.default_rng(1).normal(size=40)
    got = surge_start(step, value, 1.0)
    assert got is not None
    assert got.start_step == step[32]


def test_the_running_rule_sees_a_rise_after_a_plateau() -> None:
    rng = np.random.default_rng(0)
    step = np.arange(0.0, 400.0, 10.0)
    level = 0.3 + 0.1 / (1.0 + np.exp(-(step - 340.0) / 12.0))
    found = [late_surge(step, level + rng.normal(0.0, 0.01, 40), 1e-4, margin=0.02) for _ in range(50)]
    assert sum(got is not None for got in found) >= 40
    got = next(got for got in found if got)
    assert (got.start_step, got.end_step) == (290.0, 390.0)
    assert got.gain == pytest.approx(0.1, abs=0.03)
    assert got.gain == pytest.approx(got.after - got.before)


def test_a_fall_is_not_a_surge() -> None:
    step = np.arange(40.0)
    value = np.where(step < 31.0, 0.0, -8.0) + np.random.default_rng(0).normal(size=40)
    assert surge_start(step, value, 1.0) is None
    assert surge_start(step, -value, 1.0) is not None
    assert late_surge(step, value, 1.0) is None


@pytest.mark.parametrize("n", [0, 1, 2, 3, 11])
def test_too_few_points_do_not_surge(n: int) -> None:
    value = np.where(np.arange(n) < 7, 0.0, 50.0)
    assert surge_start(np.arange(float(n)), value, 1.0) is None
    assert late_surge(np.arange(float(n)), value, 1.0) is None


def test_constant_series_and_unknown_noise_do_not_surge() -> None:
    step = np.arange(40.0)
    for variance in (0.0, math.nan):
        assert surge_start(step, np.ones(40), variance) is None
        assert late_surge(step, np.ones(40), variance) is None


def test_long_series_are_averaged() -> None:
    step = np.arange(40_000.0)
    value = np.where(step < 31_000.0, 0.0, 1.0) + np.random.default_rng(0).normal(size=step.size)
    got = surge_start(step, value, 1.0)
    assert got is not None
    assert got.start_step == pytest.approx(31_000.0, abs=1000.0)
    assert got.gain == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("n", "window"), [(13, None), (13, 4), (7, 2)])
def test_three_windows_and_a_point_are_the_fewest_for_a_late_rise(n: int, window: int | None) -> None:
    step, value = np.arange(float(n)), np.zeros(n)
    value[-1] = 5.0
    got = late_surge(step, value, 0.0, window, margin=0.1)
    width = 4 if window is None else window
    assert got == Surge(n - 1.0 - width, n - 1.0, 0.0, 5.0, 5.0, math.inf)
    assert late_surge(step[1:], value[1:], 0.0, window, margin=0.1) is None


def test_a_late_rise_reads_the_posterior_at_the_beginning_and_the_end_of_its_window() -> None:
    step = np.arange(0.0, 400.0, 10.0)
    value = 0.3 + 0.1 / (1.0 + np.exp(-(step - 340.0) / 12.0)) + 0.003 * np.tile([1.0, -1.0], 20)
    posterior = gp_posterior(value, 1e-4)
    gain, sd = posterior.difference(39, 29)
    got = late_surge(step, value, 1e-4, margin=0.05)
    assert got is not None
    assert (got.before, got.after) == (posterior.mean[29], posterior.mean[39])
    assert (got.gain, got.z) == (pytest.approx(gain), pytest.approx(gain / sd))


def test_a_rise_that_began_earlier_is_not_late_and_two_deviations_are_needed() -> None:
    step = np.arange(40.0)
    assert late_surge(step, 0.1 * step, 1e-4, margin=0.05) is None
    found = []
    for height in np.arange(0.5, 6.0, 0.1):
        value = np.where(step < 35.0, 0.0, height) + 0.3 * np.tile([1.0, -1.0], 20)
        got, now = late_surge(step, value, 1.0, margin=1.0), trend_state(step, value, 1.0, margin=1.0)
        earlier = window_state(gp_posterior(value, 1.0), step, value, 9, 29, 1.0).state
        expected = now.state == "improving" and earlier in ("plateau", "undetermined")
        assert (got is not None) == (expected and now.difference >= 2.0 * now.sd)
        found.append((now.state == "improving", got is not None))
    assert set(found) == {(False, False), (True, False), (True, True)}


def conditions(value: npt.NDArray[np.float64], width: int) -> tuple[float, float, float]:
    """z of the rise over the width before, z beyond the line through the two before, and its share of the rise."""
    last, before = value[-width:], value[-3 * width : -width]
    steps = np.arange(float(value.size))
    gain = last.mean() - before[width:].mean()
    line = linregress(steps[-3 * width : -width], before)
    at = steps[-width:].mean()
    beyond = last.mean() - (line.intercept + line.slope * at)
    power = np.sum((steps[-3 * width : -width] - steps[-3 * width : -width].mean()) ** 2)
    sd = math.sqrt(1.0 / width + 0.5 / width + (at - steps[-3 * width : -width].mean()) ** 2 / power)
    return gain / math.sqrt(2.0 / width), beyond / sd, beyond / (last.mean() - before.mean())


@pytest.mark.parametrize("n", [12, 19, 20, 40])
def test_a_surge_is_three_deviations_above_the_width_before_and_1_6_above_the_line(n: int) -> None:
    width, seen = max(4, n // 4), set()
    for slope in (0.0, 0.05, 0.15, 0.4):
        for height in np.arange(0.05, 9.0, 0.05):
            value = slope * np.arange(float(n)) + np.where(np.arange(n) < n - width, 0.0, height)
            rise, beyond, share = conditions(value, width)
            passed = (rise >= 3.0, beyond >= 1.6448536, share >= 0.4)
            if min(abs(rise - 3.0), abs(beyond - 1.6448536), abs(share - 0.4)) > 1e-6:
                assert (surge_start(np.arange(float(n)), value, 1.0) is not None) == all(passed)
                seen.add(passed)
    assert (True, True, True) in seen
    assert {(False, True, True), (True, False, True)} & seen
    assert (True, True, False) in seen or n < 40


@pytest.mark.parametrize(("n", "start"), [(12, 8), (20, 14), (40, 31), (40, 29)])
def test_a_surge_starts_where_the_next_points_most_exceed_the_previous_ones(n: int, start: int) -> None:
    step = 10.0 * np.arange(float(n))
    value = np.where(np.arange(n) < start, 0.0, 6.0) + 0.1 * np.tile([1.0, -1.0, 0.5], n)[:n]
    got = surge_start(step, value, 1.0)
    width = max(4, n // 4)
    before, after = value[max(start - width, 0) : start], value[start:]
    assert got is not None
    assert (got.start_step, got.end_step) == (10.0 * start, 10.0 * (n - 1))
    assert (got.before, got.after) == (pytest.approx(before.mean()), pytest.approx(after.mean()))
    assert got.gain == pytest.approx(after.mean() - before.mean())
    assert got.z == pytest.approx(got.gain / math.sqrt(1.0 / before.size + 1.0 / after.size))
    assert surge_start(step, np.where(np.arange(n) < start, 0.0, 6.0), 0.0) == Surge(
        10.0 * start, 10.0 * (n - 1), 0.0, 6.0, 6.0, math.inf
    )


def test_twelve_points_are_the_fewest_for_a_surge() -> None:
    value = np.where(np.arange(12) < 8, 0.0, 50.0)
    assert surge_start(np.arange(12.0), value, 1.0) is not None
    assert surge_start(np.arange(11.0), value[1:], 1.0) is None
