"""Smoothing agrees with the plain loops and leaves straight lines alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.smoothing import block_means, bounded, local_linear, suggest_window


def plain_local_linear(step, value, window, at):
    u = (step - at) / (0.5 * window)
    weight = np.clip(1.0 - u * u, 0.0, None)
    design = np.stack([np.ones_like(u), u], axis=1)
    return np.linalg.solve(design.T @ (weight[:, None] * design), design.T @ (weight * value))[0]


def uneven(n, seed=0):
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.exponential(3.0, n) + 0.01), rng.normal(size=n)


@given(
    st.integers(1, 60),
    st.floats(0.01, 500.0),
    st.floats(-1e3, 1e3),
    st.floats(-50.0, 50.0),
    st.integers(0, 1000),
)
def test_local_linear_leaves_a_line_alone(n, window, intercept, slope, seed):
    step, _ = uneven(n, seed)
    line = intercept + slope * step
    fitted = local_linear(step, line, window)
    np.testing.assert_allclose(fitted, line, atol=1e-8 * (1.0 + np.max(np.abs(line))))


def test_a_window_beyond_all_bounds_gives_the_regression_line():
    step, value = uneven(50)
    line = np.polyval(np.polyfit(step, value, 1), step)
    np.testing.assert_allclose(local_linear(step, value, 1e15), line, atol=1e-3)


@pytest.mark.parametrize("window", [12.0, 40.0, 700.0, 1e5])
def test_local_linear_is_weighted_least_squares(window):
    step, value = uneven(400)
    at = np.linspace(step[0], step[-1], 37)
    plain = [plain_local_linear(step, value, window, t) for t in at if np.sum(np.abs(step - t) < window / 2) > 3]
    kept = [t for t in at if np.sum(np.abs(step - t) < window / 2) > 3]
    assert len(kept) > 10
    np.testing.assert_allclose(local_linear(step, value, window, np.array(kept)), plain, atol=1e-8)


def test_local_linear_stays_exact_in_a_narrow_window_far_from_the_origin():
    step = 1e7 + np.arange(200_000.0)
    value = np.random.default_rng(0).normal(1e3, 1.0, step.size)
    at = step[150_000:150_005]
    near = slice(149_900, 150_100)
    plain = [plain_local_linear(step[near] - 1e7, value[near], 21.0, t - 1e7) for t in at]
    np.testing.assert_allclose(local_linear(step, value, 21.0, at), plain, atol=1e-7)


def test_local_linear_widens_a_window_without_points_to_the_nearest_three():
    step = np.array([0.0, 1.0, 2.0, 100.0, 200.0])
    value = np.array([0.0, 1.0, 2.0, 5.0, 50.0])
    at = np.array([90.0])
    nearest = local_linear(step[1:4], value[1:4], 1e4, at)  # the three nearest, in a window that holds them all
    assert local_linear(step, value, 0.5, at)[0] == pytest.approx(nearest[0], abs=0.5)
    value[[0, 4]] = 1e6
    assert local_linear(step, value, 0.5, at)[0] == pytest.approx(nearest[0], abs=0.5)


def test_local_linear_of_none_one_and_two_points():
    at = np.array([0.0, 1.0, 4.0])
    assert np.all(np.isnan(local_linear(np.empty(0), np.empty(0), 3.0, at)))
    assert local_linear(np.array([1.0]), np.array([5.0]), 3.0, at).tolist() == [5.0, 5.0, 5.0]
    two = local_linear(np.array([0.0, 2.0]), np.array([1.0, 3.0]), 0.1, np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(two, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("window", [0.0, -1.0, math.inf, math.nan])
def test_local_linear_names_a_bad_window(window):
    with pytest.raises(ValueError, match=f"window is {window}; it must be a positive number"):
        local_linear(np.arange(3.0), np.ones(3), window)


def test_suggested_window_is_a_round_share_of_the_run():
    step = np.arange(1000.0)
    value = np.sin(step / 400.0) + np.random.default_rng(0).normal(0.0, 1.0, 1000)
    assert suggest_window(step, value) in (80.0, 100.0, 150.0, 200.0)


def test_suggested_window_is_wider_for_a_line_in_noise_than_for_a_fast_wave():
    step = np.arange(2000.0)
    noise = np.random.default_rng(1).normal(0.0, 0.3, 2000)
    assert suggest_window(step, step / 100.0 + noise) > suggest_window(step, np.sin(step / 20.0) + noise)


def test_suggested_window_holds_seven_points(kimi):
    assert suggest_window(kimi.step, kimi.rate) >= 70.0
    assert math.isnan(suggest_window(kimi.step[:2], kimi.rate[:2]))


def test_suggested_window_of_a_constant_series_is_a_number():
    assert suggest_window(np.arange(100.0), np.ones(100)) > 0.0


@given(st.integers(1, 300), st.integers(1, 50))
def test_block_means_keep_the_total(n, blocks):
    step, value = uneven(n)
    few, mean, count = block_means(step, value, blocks)
    assert few.size == mean.size == count.size == min(n, blocks)
    assert count.sum() == n
    assert count.max() - count.min() <= 1
    assert mean @ count == pytest.approx(value.sum(), abs=1e-9)
    assert np.all(np.diff(few) > 0.0)


def test_block_means_need_a_block():
    with pytest.raises(ValueError, match="blocks is 0; it must be at least 1"):
        block_means(np.arange(3.0), np.ones(3), 0)


def test_bounded_divides_white_noise_but_not_autocorrelated_noise():
    rng = np.random.default_rng(0)
    white = rng.normal(size=10_000)
    step = np.arange(10_000.0)
    assert bounded(step, white, 1.0, 100)[2] == pytest.approx(0.01, rel=0.5)
    slow = np.repeat(rng.normal(size=100), 100) + 0.1 * white
    assert bounded(step, slow, 0.01, 100)[2] > 0.3
    assert bounded(step[:50], white[:50], 1.0, 100)[2] == 1.0
