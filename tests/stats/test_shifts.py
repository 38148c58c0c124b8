"""Level shifts: the same answer as ruptures, and few in noise."""

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
import ruptures
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.shifts import change_points, level_shifts


def oracle(signal, penalty, shortest=3):
    found = ruptures.KernelCPD(kernel="linear", min_size=shortest).fit(signal.reshape(-1, 1)).predict(pen=penalty)
    return tuple(found[:-1])


def cost(signal, changes, penalty):
    pieces = np.split(signal, list(changes))
    return sum(np.sum((piece - piece.mean()) ** 2) for piece in pieces) + penalty * len(changes)


def stairs(n, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n) + 3.0 * rng.integers(0, 3, n // 6 + 1).repeat(6)[:n]


@given(st.integers(6, 120), st.integers(0, 10_000))
def test_change_points_are_those_of_ruptures(n, seed):
    signal, penalty = stairs(n, seed), 4.0 * math.log(n)
    assert change_points(signal, penalty) == oracle(signal, penalty)


@given(st.integers(6, 120), st.floats(0.5, 30.0), st.integers(0, 10_000))
def test_no_other_search_finds_a_cheaper_answer(n, penalty, seed):
    # at low penalties the pruning in ruptures skips some answers that the least length allows
    signal = stairs(n, seed)
    assert (
        cost(signal, change_points(signal, penalty), penalty) <= cost(signal, oracle(signal, penalty), penalty) + 1e-9
    )


@given(st.integers(1, 13), st.floats(0.5, 10.0), st.integers(0, 10_000))
def test_change_points_are_the_best_of_all(n, penalty, seed):
    signal = stairs(n, seed)
    every = [c for m in range(4) for c in combinations(range(3, n - 2), m) if all(b - a >= 3 for a, b in pairwise(c))]
    best = min(cost(signal, changes, penalty) for changes in every)
    assert cost(signal, change_points(signal, penalty), penalty) == pytest.approx(best)


def test_one_clear_jump():
    step = np.arange(0.0, 300.0, 10.0)
    value = np.where(step < 150.0, 5.0, 8.0) + np.random.default_rng(0).normal(0.0, 0.5, 30)
    (shift,) = level_shifts(step, value, 0.25)
    assert shift.step == 150.0
    assert shift.before == pytest.approx(np.mean(value[:15]))
    assert shift.after == pytest.approx(np.mean(value[15:]))
    assert shift.z == pytest.approx((shift.after - shift.before) / (0.5 * math.sqrt(2 / 15)))


def test_at_most_four_shifts_are_returned():
    value = np.repeat([0.0, 10.0, 0.0, 20.0, 0.0, 30.0, 10.0], 8)
    assert len(level_shifts(np.arange(56.0), value, 1.0, most=10)) == 6
    kept = level_shifts(np.arange(56.0), value, 1.0)
    assert 1 <= len(kept) <= 4
    assert level_shifts(np.arange(56.0), value, 1.0, most=0) == ()


def test_a_higher_penalty_never_finds_more():
    value = np.random.default_rng(0).normal(size=80) + np.repeat([0.0, 2.0, 1.0, 4.0], 20)
    counts = [len(level_shifts(np.arange(80.0), value, 1.0, penalty, most=80)) for penalty in (1.0, 4.0, 16.0, 200.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] == 0


def test_noise_has_few_shifts():
    rng = np.random.default_rng(5)
    found = [level_shifts(np.arange(40.0), rng.normal(size=40), 1.0) for _ in range(300)]
    assert np.mean([len(shifts) > 0 for shifts in found]) < 0.05


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_too_few_points(n):
    assert level_shifts(np.arange(float(n)), 100.0 * np.arange(float(n)), 1.0) == ()


@pytest.mark.parametrize("variance", [0.0, math.nan, math.inf])
def test_without_noise_to_compare_with(variance):
    assert level_shifts(np.arange(20.0), np.ones(20), variance) == ()


def test_a_constant_has_none():
    assert level_shifts(np.arange(20.0), np.full(20, 1e6), 1e-6) == ()


def test_the_penalty_is_checked():
    with pytest.raises(ValueError, match=r"penalty is 0.0; it must be above 0"):
        level_shifts(np.arange(20.0), np.ones(20), 1.0, penalty=0.0)


def test_long_series_are_averaged():
    step = np.arange(20_000.0)
    value = np.where(step < 12_000.0, 0.0, 1.0) + np.random.default_rng(0).normal(size=20_000)
    (shift,) = level_shifts(step, value, 1.0)
    assert shift.step == pytest.approx(12_000.0, abs=100.0)
    assert shift.after - shift.before == pytest.approx(1.0, abs=0.05)


def test_real_runs(kimi, deepseek):
    assert [shift.step for shift in level_shifts(kimi.step, kimi.rate, 1.97)] == [80.0, 160.0]
    assert [shift.step for shift in level_shifts(kimi.step, kimi.tokens, 79_000.0)] == [140.0]
    assert level_shifts(deepseek.rate_step, deepseek.rate, 1.6e-4) == ()
