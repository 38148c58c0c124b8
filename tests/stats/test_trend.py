"""The state of the last window."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from heldout.stats.gp import GPPosterior, gp_posterior
from heldout.stats.trend import trend_state, window_state

STEP = np.arange(0.0, 400.0, 10.0)


def noisy(level: Any, sd: Any, seed: int = 0) -> Any:
    return level + np.random.default_rng(seed).normal(0.0, sd, level.size)


def test_a_rise_is_improving_and_its_mirror_image_declining() -> None:
    value = noisy(0.3 + STEP / 2000.0, 0.01)
    up, down = trend_state(STEP, value, 1e-4), trend_state(STEP, -value, 1e-4)
    assert (up.state, down.state) == ("improving", "declining")
    assert up.difference == pytest.approx(-down.difference)
    assert up.probability == pytest.approx(1.0 - down.probability)
    assert up.probability > 0.99


def test_the_window_is_a_quarter_of_the_points() -> None:
    got = trend_state(STEP, noisy(0.3 + STEP / 2000.0, 0.01), 1e-4)
    assert (got.start_step, got.end_step) == (290.0, 390.0)
    assert trend_state(STEP, STEP, 1.0, window=5).start_step == 340.0
    assert trend_state(STEP[:9], STEP[:9], 1.0).start_step == 40.0


def test_difference_and_sd_are_the_posterior_of_the_change() -> None:
    value = noisy(0.3 + STEP / 2000.0, 0.01)
    got = trend_state(STEP, value, 1e-4)
    assert (got.difference, got.sd) == pytest.approx(gp_posterior(value, 1e-4).difference(39, 29))


def test_flat_and_precise_is_a_plateau_flat_and_noisy_is_not() -> None:
    flat = np.full(40, 0.4)
    assert trend_state(STEP, noisy(flat, 0.003, 1), 9e-6, margin=0.02).state == "plateau"
    assert trend_state(STEP, noisy(flat, 0.05, 1), 25e-4, margin=0.02).state == "undetermined"


def test_the_default_margin_is_two_noise_sds() -> None:
    flat = noisy(np.full(40, 0.4), 0.003, 1)
    assert trend_state(STEP, flat, 9e-6).state == trend_state(STEP, flat, 9e-6, margin=0.006).state == "plateau"
    assert trend_state(STEP, flat, 9e-6, margin=0.0001).state == "undetermined"


def test_wrong_signs_are_rare_on_a_plateau() -> None:
    states = [trend_state(STEP, noisy(np.full(40, 0.4), 0.02, seed), 4e-4, margin=0.02).state for seed in range(100)]
    assert sum(state in ("improving", "declining") for state in states) <= 5
    rising = [trend_state(STEP, noisy(STEP / 4000.0, 0.02, seed), 4e-4).state for seed in range(100)]
    assert rising.count("declining") <= 2
    assert rising.count("improving") >= 50


def test_a_sign_on_which_the_two_smoothers_differ_is_not_called() -> None:
    rising = noisy(STEP / 1000.0, 0.01)
    posterior = gp_posterior(rising, 1e-4)
    assert window_state(posterior, STEP, rising, 29, 39).state == "improving"
    assert window_state(posterior, STEP, -rising, 29, 39).state == "undetermined"


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_few_points_are_undetermined(n: int) -> None:
    got = trend_state(STEP[:n], STEP[:n], 1.0)
    assert got.state == "undetermined"
    assert math.isnan(got.difference)
    assert math.isnan(got.start_step)


def test_unknown_noise_is_undetermined() -> None:
    assert trend_state(STEP, STEP, math.nan).state == "undetermined"


def test_a_constant_without_noise_is_a_plateau() -> None:
    got = trend_state(STEP, np.ones(40), 0.0)
    assert (got.state, got.difference, got.sd) == ("plateau", 0.0, 0.0)


def test_long_series_are_averaged() -> None:
    step = np.arange(50_000.0)
    got = trend_state(step, noisy(step / 50_000.0, 1.0), 1.0)
    assert got.state == "improving"
    assert got.difference == pytest.approx(0.25, abs=0.08)


@given(st.floats(-1e3, 1e3), st.integers(0, 50))
def test_a_constant_added_changes_nothing(shift: Any, seed: int) -> None:
    value = noisy(STEP / 1000.0, 0.05, seed)
    one, other = trend_state(STEP, value, 25e-4), trend_state(STEP, value + shift, 25e-4)
    assert one.difference == pytest.approx(other.difference, abs=1e-8)
    assert one.state == other.state


def test_real_runs(kimi: Any, deepseek: Any) -> None:
    assert trend_state(kimi.step, kimi.rate, 1.97).state == "improving"
    assert trend_state(kimi.step, kimi.tokens, 79_000.0).state == "improving"
    assert trend_state(deepseek.rate_step, deepseek.rate, 1.6e-4).state == "declining"


def posterior_of(sd: float, difference: float) -> GPPosterior:
    """The posterior of two levels, the first at zero, whose difference has this mean and standard deviation."""
    mean, covariance = np.array([0.0, difference]), np.diag([0.0, sd**2])
    return GPPosterior(mean, covariance, np.ones(1), mean[None], covariance[None], 1.0)


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
    assert trend_state(np.arange(8.0), np.ones(8), 0.0, margin=0.0).state == "plateau"
    assert trend_state(np.arange(8.0), np.arange(8.0), 0.0, margin=0.0).state == "improving"
    assert trend_state(np.arange(8.0), -np.arange(8.0), 0.0, margin=0.0).state == "declining"


@pytest.mark.parametrize(("n", "window", "start"), [(5, None, 0), (19, None, 14), (24, None, 17), (5, 1, 3)])
def test_the_window_begins_as_many_points_before_the_last(n: int, window: int | None, start: int) -> None:
    assert trend_state(np.arange(float(n)), np.arange(float(n)), 1.0, window).start_step == start


@pytest.mark.parametrize(("n", "window"), [(4, None), (4, 1), (6, 6), (6, 0)])
def test_a_window_needs_a_point_before_it_and_the_level_five_points(n: int, window: int | None) -> None:
    assert trend_state(np.arange(float(n)), np.arange(float(n)), 1.0, window).state == "undetermined"
    assert math.isnan(trend_state(np.arange(float(n)), np.arange(float(n)), 1.0, window).end_step)
    assert trend_state(np.arange(7.0), np.arange(7.0), 1e-4, 6).state == "improving"


def test_a_hundred_and_twenty_points_are_taken_one_by_one() -> None:
    assert trend_state(np.arange(120.0), np.arange(120.0), 1.0).end_step == 119.0
    assert trend_state(np.arange(121.0), np.arange(121.0), 1.0).end_step == 119.5
