"""The state of the last window, and late surges: found where they are, not on straight trends and not in noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress, norm

from heldout.stats.gp import GPPosterior, gp_posterior
from heldout.stats.noise import difference_noise
from heldout.stats.noise_posterior import learned, sampled, scatter
from heldout.stats.trend import Surge, TrendState, late_surge, level_test, window_state

STEP = np.arange(0.0, 400.0, 10.0)


def noisy(level: Any, sd: Any, seed: int = 0) -> Any:
    return level + np.random.default_rng(seed).normal(0.0, sd, level.size)


def state_of(step: Any, value: Any, variance: float, margin: float | None = None) -> TrendState:
    """What the level did over the last quarter."""
    last = step.size - 1
    return window_state(gp_posterior(value, variance), step, value, last - max(4, step.size // 4), last, margin)


def test_a_rise_is_improving_and_its_mirror_image_declining() -> None:
    value = noisy(0.3 + STEP / 2000.0, 0.01)
    up, down = state_of(STEP, value, 1e-4), state_of(STEP, -value, 1e-4)
    assert (up.state, down.state) == ("improving", "declining")
    assert up.difference == pytest.approx(-down.difference)
    assert up.probability == pytest.approx(1.0 - down.probability)
    assert up.probability > 0.99


def test_difference_and_sd_are_the_posterior_of_the_change() -> None:
    value = noisy(0.3 + STEP / 2000.0, 0.01)
    got = state_of(STEP, value, 1e-4)
    assert (got.difference, got.sd) == pytest.approx(gp_posterior(value, 1e-4).difference(39, 29))


def test_flat_and_precise_is_a_plateau_flat_and_noisy_is_not() -> None:
    flat = np.full(40, 0.4)
    assert state_of(STEP, noisy(flat, 0.003, 1), 9e-6, margin=0.02).state == "plateau"
    assert state_of(STEP, noisy(flat, 0.05, 1), 25e-4, margin=0.02).state == "undetermined"


def test_the_default_margin_is_two_noise_sds() -> None:
    flat = noisy(np.full(40, 0.4), 0.003, 1)
    assert state_of(STEP, flat, 9e-6).state == state_of(STEP, flat, 9e-6, margin=0.006).state == "plateau"
    assert state_of(STEP, flat, 9e-6, margin=0.0001).state == "undetermined"


def test_wrong_signs_are_rare_on_a_plateau() -> None:
    states = [state_of(STEP, noisy(np.full(40, 0.4), 0.02, seed), 4e-4, margin=0.02).state for seed in range(100)]
    assert sum(state in ("improving", "declining") for state in states) <= 5
    rising = [state_of(STEP, noisy(STEP / 4000.0, 0.02, seed), 4e-4).state for seed in range(100)]
    assert rising.count("declining") <= 2
    assert rising.count("improving") >= 50


def test_a_sign_on_which_the_two_smoothers_differ_is_not_called() -> None:
    rising = noisy(STEP / 1000.0, 0.01)
    posterior = gp_posterior(rising, 1e-4)
    assert window_state(posterior, STEP, rising, 29, 39).state == "improving"
    assert window_state(posterior, STEP, -rising, 29, 39).state == "undetermined"


def test_a_constant_without_noise_is_a_plateau() -> None:
    got = state_of(STEP, np.ones(40), 0.0)
    assert (got.state, got.difference, got.sd) == ("plateau", 0.0, 0.0)


@given(st.floats(-1e3, 1e3), st.integers(0, 50))
def test_a_constant_added_changes_nothing(shift: Any, seed: int) -> None:
    value = noisy(STEP / 1000.0, 0.05, seed)
    one, other = state_of(STEP, value, 25e-4), state_of(STEP, value + shift, 25e-4)
    assert one.difference == pytest.approx(other.difference, abs=1e-8)
    assert one.state == other.state


def test_real_runs(kimi: Any, deepseek: Any) -> None:
    assert state_of(kimi.step, kimi.rate, 1.97).state == "improving"
    assert state_of(kimi.step, kimi.tokens, 79_000.0).state == "improving"
    assert state_of(deepseek.rate_step, deepseek.rate, 1.6e-4).state == "declining"


def posterior_of(sd: float, difference: float) -> GPPosterior:
    """The posterior of two levels, the first at zero, whose difference has this mean and standard deviation."""
    mean = np.array([0.0, difference])
    return GPPosterior(mean, np.ones(1), mean[None], 1.0, lambda j, k: np.array([sd**2 * (j != k)]))


@pytest.mark.parametrize(("z", "state"), [(1.27, "undetermined"), (1.29, "improving")])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_direction_is_named_from_nine_tenths_on(z: float, state: str, sign: float) -> None:
    # the 90 % point of the normal distribution is 1.2816
    posterior = posterior_of(1.0, sign * z)
    got = window_state(posterior, np.arange(2.0), posterior.mean, 0, 1, margin=0.1)
    assert got.state == {1.0: state, -1.0: state.replace("improving", "declining")}[sign]
    assert (got.difference, got.sd) == (sign * z, 1.0)
    assert got.probability == pytest.approx(norm.cdf(sign * z))
    assert (got.start_step, got.end_step) == (0.0, 1.0)


@pytest.mark.parametrize(("margin", "state"), [(1.145, "plateau"), (1.144, "undetermined"), (None, "plateau")])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_plateau_is_what_an_equivalence_test_finds(margin: float | None, state: str, sign: float) -> None:
    # 0.3221 + 1.644854 * 0.5 = 1.1445; the margin is twice the noise, which is 1, where none is given
    posterior = posterior_of(0.5, 0.3221 * sign)
    assert window_state(posterior, np.arange(2.0), posterior.mean, 0, 1, margin).state == state
    wide = posterior_of(1.0, 0.36 * sign)  # 2.005
    assert window_state(wide, np.arange(2.0), wide.mean, 0, 1).state == "undetermined"
    assert window_state(posterior_of(1.0, 0.35 * sign), np.arange(2.0), wide.mean, 0, 1).state == "plateau"


def test_without_noise_only_a_level_that_does_not_move_is_a_plateau_of_no_margin() -> None:
    assert state_of(np.arange(8.0), np.ones(8), 0.0, margin=0.0).state == "plateau"
    assert state_of(np.arange(8.0), np.arange(8.0), 0.0, margin=0.0).state == "improving"
    assert state_of(np.arange(8.0), -np.arange(8.0), 0.0, margin=0.0).state == "declining"


def test_the_run_that_collapses_does_not_surge(deepseek: Any) -> None:
    for step, value in ((deepseek.rate_step, deepseek.rate), (deepseek.reward_step, deepseek.reward)):
        assert late_surge(step, value, difference_noise(value, step)) is None


@pytest.mark.parametrize("slope", [0.0, 0.1, 0.28, 1.0])
@pytest.mark.parametrize("n", [21, 40])
def test_noise_and_straight_trends_do_not_surge(slope: float, n: int) -> None:
    rng = np.random.default_rng(int(1000 * slope) + n)
    runs, step, fired = 400, np.arange(float(n)), 0
    for _ in range(runs):
        value = slope * step + rng.normal(size=n)
        fired += late_surge(step, value, difference_noise(value)) is not None
    assert fired / runs <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / runs)


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
    assert late_surge(step, value, 1.0) is None


@pytest.mark.parametrize("n", [0, 1, 2, 3, 11])
def test_too_few_points_do_not_surge(n: int) -> None:
    value = np.where(np.arange(n) < 7, 0.0, 50.0)
    assert late_surge(np.arange(float(n)), value, 1.0) is None


def test_constant_series_and_unknown_noise_do_not_surge() -> None:
    step = np.arange(40.0)
    for variance in (0.0, math.nan):
        assert late_surge(step, np.ones(40), variance) is None


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
        got, now = late_surge(step, value, 1.0, margin=1.0), state_of(step, value, 1.0, margin=1.0)
        earlier = window_state(gp_posterior(value, 1.0), step, value, 9, 29, 1.0).state
        expected = now.state == "improving" and earlier in ("plateau", "undetermined")
        assert (got is not None) == (expected and now.difference >= 2.0 * now.sd)
        found.append((now.state == "improving", got is not None))
    assert set(found) == {(False, False), (True, False), (True, True)}


GOLDEN = np.array([0.40, 0.42, 0.44, 0.45, 0.46, 0.46, 0.45, 0.47, 0.46, 0.45, 0.47, 0.46])


def test_the_level_of_a_golden_vector() -> None:
    found = level_test(GOLDEN, 2.281115e-4, 0.02)
    assert (found.state, found.start) == ("plateau", 4)
    assert found.change == pytest.approx(0.00130952, abs=5e-9)
    assert found.sd == pytest.approx(0.00640887, abs=5e-9)
    assert found.bound == pytest.approx(0.011852, abs=1e-6)
    assert found.interval == pytest.approx((found.change - 1.645 * found.sd, found.change + 1.645 * found.sd), abs=1e-5)


@pytest.mark.parametrize(("count", "start"), [(5, 0), (8, 0), (15, 7), (16, 8), (17, 8), (40, 20)])
def test_the_last_half_is_looked_at_and_at_least_eight(count: int, start: int) -> None:
    assert level_test(np.zeros(count), 1.0, 2.0).start == start


def test_the_change_is_the_least_squares_slope_per_quarter_of_the_run() -> None:
    rate = noisy(np.linspace(0.2, 0.5, 31), 0.02)
    slope = linregress(np.arange(16), rate[15:]).slope
    assert level_test(rate, 4e-4, 0.02).change == pytest.approx(slope * 30 / 4)


def test_what_makes_contrasts_noisier_makes_every_deviation_larger() -> None:
    plain = level_test(GOLDEN, 1e-4, 0.02)
    wider = level_test(GOLDEN, 1e-4, 0.02, lambda d: np.full(d.shape[:-1], 4.0))
    assert (wider.sd, wider.rise_sd) == pytest.approx((2 * plain.sd, 2 * plain.rise_sd))


@pytest.mark.parametrize("scale", [1e-4, 1.0, 700.0])
def test_units_change_nothing_but_the_unit(scale: float) -> None:
    one, other = level_test(GOLDEN, 1e-4, 0.02), level_test(scale * GOLDEN - 3.0, scale**2 * 1e-4, scale * 0.02)
    assert other.state == one.state
    assert (other.change, other.bound) == pytest.approx((scale * one.change, scale * one.bound), rel=1e-9)


def test_a_rise_that_ended_before_the_window_is_improving_only_where_no_level_is_shown() -> None:
    rate = np.concatenate([np.linspace(0.3, 0.5, 10), np.full(10, 0.5)])
    assert level_test(rate, 1e-4, 0.02).state == "plateau"
    assert level_test(rate, 1e-3, 0.02).state == "improving"  # by the thirds: the noise hides a level, not the rise


def test_few_evals_may_show_a_rise_and_no_level() -> None:
    assert level_test(np.full(7, 0.5), 1e-6, 0.02).state == "undetermined"
    assert level_test(np.linspace(0.2, 0.5, 7), 1e-4, 0.02).state == "improving"
    assert level_test(np.full(11, 0.5), 1e-6, 0.02, fewest=12).state == "undetermined"
    assert math.isnan(level_test(np.full(2, 0.5), 1e-6, 0.02).change)
    assert math.isnan(level_test(np.full(9, 0.5), math.nan, 0.02).change)


def test_the_noise_of_the_golden_vector_is_learned_from_it() -> None:
    noise = learned(scatter(GOLDEN), sampled(1e-4))
    assert noise.variance == pytest.approx(2.281115e-4, rel=1e-6)


def test_a_level_run_of_500_problems_and_30_evals_is_a_plateau_in_four_of_five() -> None:
    rng, states = np.random.default_rng(72), []
    for _ in range(200):
        rate = 0.4 + rng.normal(0.0, 0.0137, 30) + rng.normal(0.0, 0.002, 30)  # sampling, and checkpoints that differ
        states.append(level_test(rate, learned(scatter(rate), sampled(0.0137**2)).variance, 0.02).state)
    assert states.count("plateau") >= 0.8 * 200
    assert states.count("improving") <= 0.06 * 200


@pytest.mark.parametrize("count", [8, 12, 20, 30])
def test_errors_of_the_level_test(count: int) -> None:
    """With the noise known: a level score improves in 2.5 to 4 %, and one that moves by the margin is level in 5 %."""
    rng, sd, runs = np.random.default_rng(count), 0.008, 400
    noise = rng.normal(0.0, sd, (runs, count))
    ramp = 0.02 * np.arange(count) / ((count - 1) / 4)
    flat = [level_test(0.4 + e, sd**2, 0.02).state for e in noise]
    moving = [level_test(0.4 + ramp * rng.choice([-1, 1]) + e, sd**2, 0.02).state for e in noise]
    assert flat.count("improving") <= 0.06 * runs
    assert flat.count("plateau") >= 0.8 * runs
    assert moving.count("plateau") <= 0.075 * runs


def test_four_times_the_problems_decide_where_the_deviation_is_twice_too_large() -> None:
    sd = level_test(GOLDEN, 1e-4, 0.02).sd
    found = level_test(GOLDEN, 1e-4 * (0.02 / (1.645 * sd)) ** 2, 0.02)  # a deviation of the margin / 1.645
    assert found.decides == pytest.approx(4.0, rel=1e-3)
