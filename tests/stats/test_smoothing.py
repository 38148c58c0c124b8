"""Smoothing agrees with the plain loops and leaves straight lines alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.smoothing import block_means, bounded, latest_blocks, local_linear, suggest_window


def plain_local_linear(step: Any, value: Any, window: Any, at: Any) -> Any:
    u = (step - at) / (0.5 * window)
    weight = np.clip(1.0 - u * u, 0.0, None)
    design = np.stack([np.ones_like(u), u], axis=1)
    return np.linalg.solve(design.T @ (weight[:, None] * design), design.T @ (weight * value))[0]


def uneven(n: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.exponential(3.0, n) + 0.01), rng.normal(size=n)


@given(
    st.integers(1, 60),
    st.floats(0.01, 500.0),
    st.floats(-1e3, 1e3),
    st.floats(-50.0, 50.0),
    st.integers(0, 1000),
)
def test_local_linear_leaves_a_line_alone(n: int, window: int, intercept: Any, slope: float, seed: int) -> None:
    step, _ = uneven(n, seed)
    line = intercept + slope * step
    fitted = local_linear(step, line, window)
    np.testing.assert_allclose(fitted, line, atol=1e-8 * (1.0 + np.max(np.abs(line))))


def test_a_window_beyond_all_bounds_gives_the_regression_line() -> None:
    step, value = uneven(50)
    line = np.polyval(np.polyfit(step, value, 1), step)
    np.testing.assert_allclose(local_linear(step, value, 1e15), line, atol=1e-3)


@pytest.mark.parametrize("window", [12.0, 40.0, 700.0, 1e5])
def test_local_linear_is_weighted_least_squares(window: int) -> None:
    step, value = uneven(400)
    at = np.linspace(step[0], step[-1], 37)
    plain = [plain_local_linear(step, value, window, t) for t in at if np.sum(np.abs(step - t) < window / 2) > 3]
    kept = [t for t in at if np.sum(np.abs(step - t) < window / 2) > 3]
    assert len(kept) > 10
    np.testing.assert_allclose(local_linear(step, value, window, np.array(kept)), plain, atol=1e-8)


def test_local_linear_stays_exact_in_a_narrow_window_far_from_the_origin() -> None:
    step = 1e7 + np.arange(200_000.0)
    value = np.random.default_rng(0).normal(1e3, 1.0, step.size)
    at = step[150_000:150_005]
    near = slice(149_900, 150_100)
    plain = [plain_local_linear(step[near] - 1e7, value[near], 21.0, t - 1e7) for t in at]
    np.testing.assert_allclose(local_linear(step, value, 21.0, at), plain, atol=1e-7)


def test_local_linear_widens_a_window_without_points_to_the_nearest_three() -> None:
    step = np.array([0.0, 1.0, 2.0, 100.0, 200.0])
    value = np.array([0.0, 1.0, 2.0, 5.0, 50.0])
    at = np.array([90.0])
    nearest = local_linear(step[1:4], value[1:4], 1e4, at)  # the three nearest, in a window that holds them all
    assert local_linear(step, value, 0.5, at)[0] == pytest.approx(nearest[0], abs=0.5)
    value[[0, 4]] = 1e6
    assert local_linear(step, value, 0.5, at)[0] == pytest.approx(nearest[0], abs=0.5)


def test_local_linear_of_none_one_and_two_points() -> None:
    at = np.array([0.0, 1.0, 4.0])
    assert np.all(np.isnan(local_linear(np.empty(0), np.empty(0), 3.0, at)))
    assert local_linear(np.array([1.0]), np.array([5.0]), 3.0, at).tolist() == [5.0, 5.0, 5.0]
    two = local_linear(np.array([0.0, 2.0]), np.array([1.0, 3.0]), 0.1, np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(two, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("window", [0.0, -1.0, math.inf, math.nan])
def test_local_linear_names_a_bad_window(window: int) -> None:
    with pytest.raises(ValueError, match=f"window is {window}; it must be a positive number"):
        local_linear(np.arange(3.0), np.ones(3), window)


def test_suggested_window_is_a_round_share_of_the_run() -> None:
    step = np.arange(1000.0)
    value = np.sin(step / 400.0) + np.random.default_rng(0).normal(0.0, 1.0, 1000)
    assert suggest_window(step, value) in (80.0, 100.0, 150.0, 200.0)


def test_suggested_window_is_wider_for_a_line_in_noise_than_for_a_fast_wave() -> None:
    step = np.arange(2000.0)
    noise = np.random.default_rng(1).normal(0.0, 0.3, 2000)
    assert suggest_window(step, step / 100.0 + noise) > suggest_window(step, np.sin(step / 20.0) + noise)


def test_suggested_window_holds_seven_points(kimi: Any) -> None:
    assert suggest_window(kimi.step, kimi.rate) >= 70.0
    assert math.isnan(suggest_window(kimi.step[:2], kimi.rate[:2]))


def test_suggested_window_of_a_constant_series_is_a_number() -> None:
    assert suggest_window(np.arange(100.0), np.ones(100)) > 0.0


@given(st.integers(1, 300), st.integers(1, 50))
def test_block_means_keep_the_total(n: int, blocks: Any) -> None:
    step, value = uneven(n)
    few, mean, count = block_means(step, value, blocks)
    assert few.size == mean.size == count.size == min(n, blocks)
    assert count.sum() == n
    assert count.max() - count.min() <= 1
    assert mean @ count == pytest.approx(value.sum(), abs=1e-9)
    assert np.all(np.diff(few) > 0.0)


def test_block_means_need_a_block() -> None:
    with pytest.raises(ValueError, match="blocks is 0; it must be at least 1"):
        block_means(np.arange(3.0), np.ones(3), 0)


def test_bounded_divides_white_noise_but_not_autocorrelated_noise() -> None:
    rng = np.random.default_rng(0)
    white = rng.normal(size=10_000)
    step = np.arange(10_000.0)
    assert bounded(step, white, 1.0, 100)[2] == pytest.approx(0.01, rel=0.5)
    slow = np.repeat(rng.normal(size=100), 100) + 0.1 * white
    assert bounded(step, slow, 0.01, 100)[2] > 0.3
    assert bounded(step[:50], white[:50], 1.0, 100)[2] == 1.0


@pytest.mark.parametrize("window", [3.0, 4.5, 30.0])
def test_every_height_and_weight_is_that_of_the_definition(window: float) -> None:
    """Where three points lie in the window: least squares, weighted by ``1 - u^2``; the ends included."""
    step, value = np.arange(40.0), np.random.default_rng(0).normal(size=40)
    plain = [plain_local_linear(step, value, window, t) for t in step[1:-1]]
    np.testing.assert_allclose(local_linear(step, value, window)[1:-1], plain, atol=1e-10)
    if window > 6.0:
        ends = [plain_local_linear(step, value, window, t) for t in step[[0, -1]]]
        np.testing.assert_allclose(local_linear(step, value, window)[[0, -1]], ends, atol=1e-10)


def test_the_nearest_three_are_weighted_over_four_thirds_of_their_reach() -> None:
    step, value = np.array([0.0, 1.0, 2.0, 100.0, 200.0]), np.array([3.0, 1.0, 2.0, 5.0, 50.0])
    for at, begin in {90.0: 1, 1.0: 0, 0.0: 0, 160.0: 2, 200.0: 2, 49.0: 0}.items():
        near = slice(begin, begin + 3)
        reach = np.abs(step[near] - at).max()
        plain = plain_local_linear(step[near], value[near], 2.0 * reach * 4.0 / 3.0, at)
        assert local_linear(step, value, 0.5, np.array([at]))[0] == pytest.approx(plain)


def test_two_points_in_a_window_are_too_few_and_three_are_enough() -> None:
    step, value = np.array([0.0, 1.0, 2.0, 3.0, 10.0]), np.array([0.0, 5.0, 1.0, 4.0, 9.0])
    at = np.array([2.0])
    three = plain_local_linear(step, value, 2.5, 2.0)  # those at 1, 2 and 3
    assert local_linear(step, value, 2.5, at)[0] == pytest.approx(three)
    nearest = plain_local_linear(step[1:4], value[1:4], 8.0 / 3.0, 2.0)
    assert local_linear(step, value, 1.5, at)[0] == pytest.approx(nearest)


def test_many_evaluation_points_are_taken_in_parts() -> None:
    step, value = np.arange(50.0), np.random.default_rng(0).normal(size=50)
    at = np.linspace(0.0, 49.0, 9001)
    whole = local_linear(step, value, 11.0, at)
    np.testing.assert_allclose(whole[::10], local_linear(step, value, 11.0, at[::10]), atol=1e-12)
    np.testing.assert_allclose(whole[4095:4098], [plain_local_linear(step, value, 11.0, t) for t in at[4095:4098]])


@pytest.mark.parametrize(("n", "suggested"), [
    (8, 8.0),  # seven points are more than a sixth of the run
    (43, 8.0),  # 7 points, a sixth of 42
    (121, 20.0),
    (1201, 200.0),
    (2401, 400.0),
])  # fmt: skip
def test_a_line_in_alternating_noise_is_smoothed_over_a_sixth_of_the_run(n: int, suggested: float) -> None:
    step = np.arange(float(n))
    assert suggest_window(step, 0.1 * step + np.random.default_rng(3).normal(size=n)) == suggested


@pytest.mark.parametrize("span", [1.0, 40.0, 1e6])
def test_a_fast_wave_is_smoothed_over_a_fourteenth_rounded_up(span: float) -> None:
    step = np.linspace(0.0, span, 1401)
    suggested = suggest_window(step, np.sin(step / span * 6.0 * math.pi))
    rounded = [r * 10.0**e for e in range(-3, 8) for r in (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)]
    assert suggested == pytest.approx(min(r for r in rounded if r >= span / 14.0))


@pytest.mark.parametrize(
    ("median_gap", "suggested"), [(10.0 / 7.0, 10.0), (1.0, 8.0), (1.5 / 7.0, 1.5), (1.51 / 7.0, 2.0)]
)
def test_a_window_reads_well(median_gap: float, suggested: float) -> None:
    step = median_gap * np.arange(9.0)
    assert suggest_window(step, np.ones(9)) == pytest.approx(suggested)
    assert suggest_window(step[:3], np.ones(3)) == pytest.approx(suggested)


def test_generalised_cross_validation_chooses_the_window() -> None:
    """Its error by the definition, from the weight that each value has in its own height."""
    step = np.arange(100.0)
    for seed in range(8):
        value = np.sin(step / 9.0) + np.random.default_rng(seed).normal(0.0, 0.7, 100)
        few, mean, _ = block_means(step, value, 40)
        scores = {}
        for parts in (14.0, 12.0, 10.0, 8.0, 6.0):
            window = 99.0 / parts
            height = local_linear(few, mean, window)
            unit = np.eye(40)
            own = [local_linear(few, unit[i], window)[i] for i in range(40)]
            scores[window] = float(np.mean((mean - height) ** 2)) / (1.0 - float(np.mean(own))) ** 2
        best = max(min(scores, key=lambda window: scores[window]), 7.0)
        assert suggest_window(step, value) == min(r for r in (8.0, 10.0, 15.0, 20.0) if r >= best)


def test_blocks_by_hand() -> None:
    step, mean, count = block_means(np.arange(7.0), np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0]), 3)
    assert (step.tolist(), mean.tolist(), count.tolist()) == ([0.5, 2.5, 5.0], [1.5, 3.5, 7.0], [2, 2, 3])
    same = block_means(np.arange(3.0), np.ones(3), 3)
    assert [part.tolist() for part in same] == [[0.0, 1.0, 2.0], [1.0] * 3, [1] * 3]
    assert block_means(np.arange(3.0), np.arange(3.0), 1)[1].tolist() == [1.0]


def test_the_noise_of_blocks_is_divided_or_seen() -> None:
    step = np.arange(8.0)
    value = np.repeat([0.0, 3.0, 0.0, 3.0], 2)
    # second differences of the block means 0, 3, 0, 3 are -6 and 6
    assert bounded(step, value, 1.0, 4)[2] == pytest.approx(36.0 / 6.0)
    assert bounded(step, value, 20.0, 4)[2] == pytest.approx(10.0)
    assert bounded(step, value, 20.0, 8)[2] == 20.0
    assert bounded(step, value, 20.0, 2)[2] == pytest.approx(5.0)  # two blocks have no second difference


@pytest.mark.parametrize(
    ("count", "most", "starts"), [(1, 5, [0]), (6, 6, [0, 1, 2, 3, 4, 5]), (7, 3, [0, 1, 4]), (9, 3, [0, 3, 6])]
)
def test_blocks_from_the_present_backwards_are_whole_but_for_the_first(
    count: int, most: int, starts: list[int]
) -> None:
    assert latest_blocks(count, most).tolist() == starts
