"""Divergence windows and opposite turns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import norm

from heldout.stats.correlation import align, correlate
from heldout.stats.divergence import divergence_windows, opposite_turns
from heldout.stats.local_level import smoother

STEP = np.arange(0.0, 400.0, 10.0)


def hacked(seed: int = 0, fall_from: float = 250.0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Reward that keeps rising, and a rate that rises with it until it falls."""
    rng = np.random.default_rng(seed)
    reward = STEP / 100.0 + rng.normal(0.0, 0.1, 40)
    rate = np.interp(STEP, [0.0, fall_from, 390.0], [0.30, 0.40, 0.28]) + rng.normal(0.0, 0.005, 40)
    return reward, rate


def test_a_rate_that_turns_down_under_a_rising_reward_is_found() -> None:
    (window,) = divergence_windows(STEP, *hacked(), x_variance=0.01, y_variance=25e-6)
    assert window.start == pytest.approx(250.0, abs=40.0)
    assert window.end == 390.0
    assert window.x_slope_z > 1.28
    assert window.y_slope_z < -1.28


def test_noise_is_estimated_if_not_given() -> None:
    assert len(divergence_windows(STEP, *hacked())) >= 1


def test_it_matters_which_of_the_two_rises() -> None:
    reward, rate = hacked()
    assert divergence_windows(STEP, rate, reward) == ()


def test_a_pair_that_never_moved_together_does_not_part() -> None:
    rng = np.random.default_rng(0)
    x = STEP / 100.0 + rng.normal(0.0, 0.05, 40)
    y = -STEP / 100.0 + rng.normal(0.0, 0.05, 40)
    assert divergence_windows(STEP, x, y, 0.0025, 0.0025) == ()


def test_a_pair_that_moves_together_does_not_part() -> None:
    rng = np.random.default_rng(1)
    level = np.cumsum(rng.normal(size=40))
    x, y = (level + rng.normal(0.0, 0.1, 40) for _ in range(2))
    assert divergence_windows(STEP, x, y) == ()


def test_correlated_changes_count_as_moving_together() -> None:
    rng = np.random.default_rng(3)
    wiggle = np.where(np.arange(40) < 25, rng.normal(0.0, 0.3, 40), 0.0)
    after = np.maximum(np.arange(40) - 25.0, 0.0)
    before = 0.5 * np.minimum(np.arange(40), 25)  # both fall at first, so that they never rise together
    x = wiggle + after - before + rng.normal(0.0, 0.05, 40)
    y = wiggle - after - before + rng.normal(0.0, 0.05, 40)
    found = divergence_windows(STEP, x, y, 0.25, 0.25)
    assert [window.end for window in found] == [390.0]
    assert found[0].start >= 150.0  # the smoother hears the turn at 250 in the windows before it


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7])
def test_short_series_have_no_windows_and_few_turns(n: int) -> None:
    assert divergence_windows(STEP[:n], STEP[:n], -STEP[:n]) == ()
    assert opposite_turns(STEP[: min(n, 3)], np.ones(min(n, 3)), np.ones(min(n, 3))) == ()


def test_constant_and_straight_series_are_empty() -> None:
    noise = np.random.default_rng(0).normal(size=40)
    for still in (np.ones(40), 0.1 + 0.3 * STEP):
        assert opposite_turns(STEP, still, noise) == ()
        assert opposite_turns(STEP, noise, still) == ()
    assert divergence_windows(STEP, np.ones(40), noise) == ()


def test_long_series_are_averaged() -> None:
    step = np.arange(20_000.0)
    rng = np.random.default_rng(0)
    x = step / 20_000.0 + rng.normal(size=20_000)
    y = np.interp(step, [0.0, 12_000.0, 19_999.0], [0.0, 2.0, 0.0]) + rng.normal(size=20_000)
    found = divergence_windows(step, x, y)
    assert found
    assert max(window.end for window in found) > 13_000.0
    assert min(window.start for window in found) > 9_000.0


def test_step_100_of_a_real_run_is_the_clearest_opposite_turn(kimi: Any) -> None:
    first, *rest = opposite_turns(kimi.step, kimi.rate, kimi.tokens)
    assert (first.step, first.x_value, first.y_value) == (100.0, 31.2, 6850.0)
    assert first.x_deviation == pytest.approx(31.2 - (29.5 + 28.2) / 2.0)
    assert all(turn.score < 0.5 * first.score for turn in rest)


def test_turns_in_step_do_not_count_and_opposite_ones_are_ranked() -> None:
    x = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 5.0, 0.0, 1.0, 0.0])
    y = np.array([0.0, 1.0, 0.0, -1.0, 0.0, -2.0, 0.0, 1.0, 0.0])
    got = opposite_turns(np.arange(9.0), x, y)
    assert [turn.step for turn in got] == [5.0, 4.0, 3.0]
    assert got[0].score > got[1].score > got[2].score > 0.0
    assert [turn.step for turn in opposite_turns(np.arange(9.0), y, x)] == [5.0, 4.0, 3.0]
    assert len(opposite_turns(np.arange(9.0), x, y, most=1)) == 1


def test_flat_tops_are_no_turns() -> None:
    x = np.array([0.0, 1.0, 0.0, 3.0, 3.0, 0.0, 1.0, 0.0])
    y = np.array([0.0, -1.0, 0.0, -3.0, -3.0, 0.0, -1.0, 0.0])
    assert sorted(turn.step for turn in opposite_turns(np.arange(8.0), x, y)) == [1.0, 2.0, 5.0, 6.0]


def test_deviations_are_from_the_line_between_uneven_neighbours() -> None:
    step = np.array([0.0, 1.0, 4.0, 5.0, 6.0])
    (turn,) = opposite_turns(step, np.array([0.0, 5.0, 3.0, 3.5, 4.5]), np.array([4.0, -2.0, 1.0, 1.5, 3.0]))
    assert turn.x_deviation == pytest.approx(5.0 - 0.75)


def test_a_sparse_real_run_gives_empties(deepseek: Any) -> None:
    pair = align(deepseek.reward_step, deepseek.reward, deepseek.rate_step, deepseek.rate)
    assert divergence_windows(pair.step, pair.a, pair.b) == ()
    assert opposite_turns(pair.step, pair.a, pair.b) == ()


def parting(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> list[tuple[float, float, float, float]]:
    """The windows by the definition: unit noise, evenly spaced steps, one window at a time."""
    smooth = smoother(x.size)[0]
    z: dict[tuple[int, int], tuple[Any, Any]] = {}  # by start and width
    for width in (4, 6, 8):
        for start in range(x.size - width + 1):
            centred = np.arange(width) - (width - 1) / 2.0
            weight = (centred / (centred @ centred)) @ smooth[start : start + width]
            z[start, width] = (weight @ x / np.linalg.norm(weight), weight @ y / np.linalg.norm(weight))
    since = min((s + w - 1 for (s, w), (a, b) in z.items() if a > 1.28 and b > 1.28), default=math.inf)
    for end in range(6, x.size):
        if correlate(np.diff(x[: end + 1]), np.diff(y[: end + 1])).low > 0.0:
            since = min(since, end)
    kept = sorted((s, s + w - 1, a, b) for (s, w), (a, b) in z.items() if a > 1.28 and b < -1.28 and s >= since)
    merged: list[list[tuple[int, int, float, float]]] = []
    for window in kept:
        if merged and window[0] <= max(w[1] for w in merged[-1]):
            merged[-1].append(window)
        else:
            merged.append([window])
    clearest = [max(group, key=lambda w: min(w[2], -w[3])) for group in merged]
    return [(g[0][0], max(w[1] for w in g), best[2], best[3]) for g, best in zip(merged, clearest, strict=True)]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("turns", "x_at", "y_at"), [
    ([0, 10, 18, 26, 34], [0, 6, 12, 12, 18], [0, 6, 0, 4, -2]),
    ([0, 5, 19], [0, 15, 57], [0, 10, -18]),  # parting begins where moving together was seen
])  # fmt: skip
def test_windows_are_those_of_the_definition(turns: list[int], x_at: list[int], y_at: list[int], seed: int) -> None:
    rng, step = np.random.default_rng(seed), np.arange(turns[-1] + 1.0)
    x = np.interp(step, turns, x_at) + rng.normal(size=step.size)
    y = np.interp(step, turns, y_at) + rng.normal(size=step.size)
    got = divergence_windows(step, x, y, 1.0, 1.0)
    expected = parting(x, y)
    assert expected
    assert [(w.start, w.end) for w in got] == [(s, e) for s, e, _, _ in expected]
    assert [(w.x_slope_z, w.y_slope_z) for w in got] == [pytest.approx((a, b)) for _, _, a, b in expected]


def test_eight_points_are_the_fewest() -> None:
    y = np.array([0.0, 9.0, 18.0, 27.0, 18.0, 9.0, 0.0, -9.0])
    x = 9.0 * np.arange(8.0)
    (window,) = divergence_windows(STEP[:8], x, y, 1.0, 1.0)
    assert window.end == 70.0
    assert divergence_windows(STEP[:7], x[:7], y[:7], 1.0, 1.0) == ()


@pytest.mark.parametrize("variance", [(0.0, 1.0), (1.0, 0.0), (math.nan, 1.0)])
def test_without_noise_in_one_of_them_nothing_is_said(variance: tuple[float, float]) -> None:
    assert divergence_windows(STEP, *hacked(), *variance) == ()


def test_scores_are_deviations_in_units_of_the_typical_one() -> None:
    step = np.array([0.0, 1.0, 3.0, 4.0, 6.0, 7.0, 8.0, 10.0])
    x = np.array([0.0, 3.0, 1.0, 2.0, 1.5, 4.0, 2.0, 3.0])
    y = np.array([5.0, 1.0, 2.0, 1.0, 2.5, 0.0, 3.0, 1.0])
    inner = range(1, 7)

    def deviations(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        line = [np.interp(step[i], step[[i - 1, i + 1]], value[[i - 1, i + 1]]) for i in inner]
        return value[1:-1] - line

    bend_x, bend_y = deviations(x), deviations(y)
    score = -bend_x * bend_y / (typical(bend_x) * typical(bend_y))
    expected = sorted(inner, key=lambda i: -score[i - 1])  # each of these is a peak of one and a dip of the other
    got = opposite_turns(step, x, y)
    assert [(t.step, t.x_value, t.y_value) for t in got] == [(step[i], x[i], y[i]) for i in expected]
    assert [t.score for t in got] == pytest.approx([score[i - 1] for i in expected], rel=1e-5)
    assert [t.x_deviation for t in got] == pytest.approx([bend_x[i - 1] for i in expected])
    assert opposite_turns(step, x, y, most=2) == got[:2]


def typical(bend: npt.NDArray[np.float64]) -> float:
    return float(np.median(np.abs(bend)) / norm.ppf(0.75))


@pytest.mark.parametrize("slope", [0.0, 0.1])  # a tenth is no binary fraction: the line is straight but for rounding
def test_where_most_of_a_series_is_straight_the_typical_deviation_is_the_ordinary_one(slope: float) -> None:
    step = np.arange(10.0)
    turn = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    found, *_ = opposite_turns(step, turn + slope * (step - 4.0), 2.0 - 2.0 * turn - slope * (step - 4.0))
    ordinary = math.sqrt((0.5**2 + 1.0 + 0.5**2) / 8.0)  # of the turn of x, and of that of y
    assert found.score == pytest.approx(1.0 / ordinary**2)


def test_four_points_may_turn() -> None:
    (turn,) = opposite_turns(np.arange(4.0), np.array([0.0, 2.0, 0.0, 0.5]), np.array([1.0, 0.0, 1.0, 1.0]))
    assert turn.step == 1.0


@pytest.mark.parametrize("still", [0, 1])
def test_a_series_that_turns_by_rounding_error_only_has_no_turns(still: int) -> None:
    series = [np.tile([0.0, 1.0, 0.5, 2.0], 3), np.tile([1.0, 1.0 - 2e-16, 1.0, 1.0 - 2e-16], 3)]
    assert opposite_turns(np.arange(12.0), series[still], series[1 - still]) == ()
