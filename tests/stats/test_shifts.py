"""Level shifts: the same answer as ruptures, and few in noise."""

from __future__ import annotations

import math
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import ruptures
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.arrays import FloatArray
from heldout.stats.shifts import change_points, level_shifts


def oracle(step: FloatArray, signal: FloatArray, penalty: float, shortest: int = 3) -> tuple[int, ...]:
    columns = np.column_stack([signal, step, np.ones_like(step)])
    found = ruptures.Pelt(model="linear", min_size=shortest, jump=1).fit(columns).predict(pen=penalty)
    return tuple(found[:-1])


def cost(step: FloatArray, signal: FloatArray, changes: tuple[int, ...], penalty: float) -> float:
    """What the pieces cost, by numpy's own least squares."""
    total = penalty * len(changes)
    for x, y in zip(np.split(step, list(changes)), np.split(signal, list(changes)), strict=True):
        total += float(np.sum((y - np.polyval(np.polyfit(x - x.mean(), y, 1), x - x.mean())) ** 2)) if len(x) > 2 else 0
    return total


def stairs(n: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Steps on a slope, at uneven steps."""
    rng = np.random.default_rng(seed)
    step = np.cumsum(rng.integers(1, 4, n)).astype(float)
    return step, rng.normal(size=n) + 6.0 * rng.integers(0, 3, n // 6 + 1).repeat(6)[:n] + 0.2 * step


@given(st.integers(6, 60), st.floats(0.5, 30.0), st.integers(0, 10_000))
def test_ruptures_finds_no_cheaper_answer(n: int, penalty: float, seed: int) -> None:
    # not the same one each time: its pruning skips some answers that the least length allows
    step, signal = stairs(n, seed)
    ours, theirs = change_points(step, signal, penalty), oracle(step, signal, penalty)
    assert cost(step, signal, ours, penalty) <= cost(step, signal, theirs, penalty) + 1e-6


@given(st.integers(3, 13), st.floats(0.5, 10.0), st.integers(0, 10_000))
def test_change_points_are_the_best_of_all(n: int, penalty: float, seed: int) -> None:
    step, signal = stairs(n, seed)
    every = [c for m in range(4) for c in combinations(range(3, n - 2), m) if all(b - a >= 3 for a, b in pairwise(c))]
    best = min(cost(step, signal, changes, penalty) for changes in every)
    assert cost(step, signal, change_points(step, signal, penalty), penalty) == pytest.approx(best, abs=1e-6)


def test_one_clear_jump() -> None:
    step = np.arange(0.0, 300.0, 10.0)
    value = np.where(step < 150.0, 5.0, 8.0) + np.random.default_rng(0).normal(0.0, 0.5, 30)
    (shift,) = level_shifts(step, value, 0.25)
    assert shift.step == 150.0
    assert shift.before == pytest.approx(5.0, abs=0.6)
    assert shift.after == pytest.approx(8.0, abs=0.6)


def test_the_noise_of_a_jump_is_that_of_a_least_squares_fit() -> None:
    x = np.arange(30.0)
    value = np.where(x < 12, 0.0, 7.0) + 0.1 * x + np.random.default_rng(2).normal(size=30)
    (shift,) = level_shifts(x, value, 1.0)
    after = (x >= 12).astype(float)
    design = np.column_stack([np.ones(30), after, x - 11.5, (x - 11.5) * after, (x - 11.5) ** 2])
    jump = np.linalg.lstsq(design, value, rcond=None)[0][1]
    assert shift.z == pytest.approx(jump / math.sqrt(np.linalg.inv(design.T @ design)[1, 1]))
    assert (shift.before, shift.after) == pytest.approx((value[7:12].mean(), value[12:17].mean()))


def test_a_straight_line_shifts_its_level_hardly_ever() -> None:
    x = np.arange(80.0)
    noise = (np.random.default_rng(seed).normal(0.0, 1.0, 80) for seed in range(60))
    assert sum(len(level_shifts(x, x / 80 + sd * one, sd**2)) for one in noise for sd in (0.02, 0.1)) <= 2


def test_a_saturating_curve_shifts_its_level_seldom() -> None:
    x = np.arange(80.0)
    noise = (np.random.default_rng(seed).normal(0.0, 0.1, 80) for seed in range(60))
    assert sum(len(level_shifts(x, 1.0 - np.exp(-x / 16.0) + one, 0.01)) for one in noise) <= 4


@pytest.mark.parametrize("slope", [0.0, 1.0, -1.0])
def test_a_step_of_six_sds_is_found_on_a_level_and_on_a_ramp(slope: float) -> None:
    x = np.arange(80.0)
    for seed in range(20):
        value = np.where(x < 50, 0.0, 0.6) + slope * x / 80 + np.random.default_rng(seed).normal(0.0, 0.1, 80)
        (shift,) = level_shifts(x, value, 0.01)
        assert abs(shift.step - 50) <= 1
        assert shift.after - shift.before == pytest.approx(0.6, abs=0.3)


def test_at_most_four_shifts_are_returned() -> None:
    value = np.repeat([0.0, 10.0, 0.0, 20.0, 0.0, 30.0, 10.0], 8)
    assert len(level_shifts(np.arange(56.0), value, 1.0, most=10)) == 6
    kept = level_shifts(np.arange(56.0), value, 1.0)
    assert 1 <= len(kept) <= 4
    assert level_shifts(np.arange(56.0), value, 1.0, most=0) == ()


def test_a_higher_penalty_never_finds_more() -> None:
    value = np.random.default_rng(0).normal(size=80) + np.repeat([0.0, 2.0, 1.0, 4.0], 20)
    counts = [len(level_shifts(np.arange(80.0), value, 1.0, penalty, most=80)) for penalty in (1.0, 4.0, 16.0, 200.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] == 0


def test_noise_has_few_shifts() -> None:
    rng = np.random.default_rng(5)
    found = [level_shifts(np.arange(40.0), rng.normal(size=40), 1.0) for _ in range(300)]
    assert np.mean([len(shifts) > 0 for shifts in found]) < 0.05


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_too_few_points(n: int) -> None:
    assert level_shifts(np.arange(float(n)), 100.0 * np.arange(float(n)), 1.0) == ()


@pytest.mark.parametrize("variance", [0.0, math.nan, math.inf])
def test_without_noise_to_compare_with(variance: float) -> None:
    assert level_shifts(np.arange(20.0), np.ones(20), variance) == ()


def test_a_constant_has_none() -> None:
    assert level_shifts(np.arange(20.0), np.full(20, 1e6), 1e-6) == ()


def test_the_penalty_is_checked() -> None:
    with pytest.raises(ValueError, match=r"penalty is 0.0; it must be above 0"):
        level_shifts(np.arange(20.0), np.ones(20), 1.0, penalty=0.0)


def test_long_series_are_averaged() -> None:
    step = np.arange(20_000.0)
    value = np.where(step < 12_000.0, 0.0, 1.0) + np.random.default_rng(0).normal(size=20_000)
    (shift,) = level_shifts(step, value, 1.0)
    assert shift.step == pytest.approx(12_000.0, abs=100.0)
    assert shift.after - shift.before == pytest.approx(1.0, abs=0.15)


def test_real_runs(kimi: Any, deepseek: Any) -> None:
    assert level_shifts(kimi.step, kimi.rate, 1.97) == ()  # both rise along a line
    assert level_shifts(kimi.step, kimi.tokens, 79_000.0) == ()
    assert level_shifts(deepseek.rate_step, deepseek.rate, 1.6e-4) == ()


@pytest.mark.parametrize(("height", "count"), [(3.0, 0), (12.0, 1)])
def test_six_points_may_hold_a_jump_and_five_may_not(height: float, count: int) -> None:
    value = np.array([0.0, 0.0, 0.0, height, height, height])
    assert len(level_shifts(np.arange(6.0), value, 1.0)) == count
    assert level_shifts(np.arange(5.0), value[:5], 1.0) == ()


def test_three_points_on_each_side_are_enough_and_two_are_not() -> None:
    assert change_points(np.arange(8.0), np.array([0.0] * 3 + [50.0] * 5), 5.0) == (3,)
    assert change_points(np.arange(8.0), np.array([0.0] * 5 + [50.0] * 3), 5.0) == (5,)
    assert 6 not in change_points(np.arange(8.0), np.array([0.0] * 6 + [50.0] * 2), 5.0)
    assert change_points(np.arange(4.0), np.array([0.0, 0.0, 50.0, 50.0]), 5.0, shortest=2) == (2,)
    assert change_points(np.arange(3.0), np.array([0.0, 0.0, 50.0]), 5.0) == ()


@pytest.mark.parametrize(("times", "count"), [(0.99, 1), (1.01, 0)])
def test_a_jump_must_save_more_than_its_price(times: float, count: int) -> None:
    value = np.where(np.arange(20) < 9, 0.0, 20.0) + np.tile([0.5, -0.5], 10)
    (jump,) = level_shifts(np.arange(20.0), value, 1.0)
    assert len(level_shifts(np.arange(20.0), value, 1.0, penalty=times * jump.z**2)) == count
    unit = value / math.sqrt(jump.z**2 / (4.0 * math.log(20)))  # so high that its z squared is the usual price
    assert len(level_shifts(np.arange(20.0), unit / times, 1.0)) == count


def test_a_jump_is_told_by_five_values_on_either_side_and_no_more_than_its_pieces() -> None:
    value = np.concatenate([[1.0, 2.0, 3.0], np.arange(50.0, 57.0), [10.0, 11.0, 12.0, 13.0]])
    one, other = level_shifts(np.arange(14.0), value, 0.01)
    assert (one.step, other.step) == (3.0, 10.0)
    assert (one.before, one.after) == (2.0, 52.0)
    assert (other.before, other.after) == (54.0, 11.5)
    assert one.z > 0.0 > other.z


def test_the_clearest_are_kept_in_order_of_step() -> None:
    value = np.repeat([0.0, 10.0, 40.0, 45.0, 25.0, 31.0], 8)
    every = level_shifts(np.arange(48.0), value, 1.0, most=9)
    assert [shift.step for shift in every] == [8.0, 16.0, 24.0, 32.0, 40.0]
    clearest = sorted(sorted(every, key=lambda shift: -abs(shift.z))[:4], key=lambda shift: shift.step)
    assert list(level_shifts(np.arange(48.0), value, 1.0)) == clearest
    assert [shift.step for shift in level_shifts(np.arange(48.0), value, 1.0, most=2)] == [16.0, 32.0]


def test_four_hundred_points_are_looked_at_one_by_one() -> None:
    value = np.where(np.arange(400) < 201, 0.0, 9.0)
    (shift,) = level_shifts(np.arange(400.0), value, 1.0)
    assert shift.step == 201.0
    (coarse,) = level_shifts(np.arange(800.0), np.repeat(value, 2), 2.0)
    assert coarse.step == 402.5


def test_a_price_is_above_nothing() -> None:
    with pytest.raises(ValueError, match="penalty is -1; it must be above 0"):
        change_points(np.arange(9.0), np.ones(9), -1)
    assert change_points(np.arange(9.0), np.ones(9), 0.1) == ()
