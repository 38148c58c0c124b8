from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heldout.charts import ticks as t

numbers = st.floats(-1e12, 1e12, allow_nan=False, allow_infinity=False).map(lambda x: 0.0 if abs(x) < 1e-9 else x)
ranges = st.tuples(numbers, numbers).map(sorted).map(tuple)


def is_round(step: float) -> bool:
    exponent = math.floor(math.log10(step) + 1e-6)
    return any(math.isclose(step / 10.0**exponent, figure, rel_tol=1e-4) for figure in (1, 2, 2.5, 5, 10))


def check_round_cover(ticks: tuple[float, ...], low: float, high: float) -> None:
    step = (ticks[-1] - ticks[0]) / (len(ticks) - 1)
    size = max(abs(ticks[0]), abs(ticks[-1]))
    exact = 1e-9 * step + 1e-12 * size
    assert ticks[0] <= low + 1e-6 * step + exact
    assert ticks[-1] >= high - 1e-6 * step - exact
    assert np.allclose(np.diff(ticks), step, rtol=1e-6, atol=exact)
    if step > 1e-9 * size:  # below, the doubles themselves are too coarse to tell
        assert is_round(step)
        assert all(abs(tick / step - round(tick / step)) < 1e-4 for tick in ticks)


@given(ranges, ranges)
@example((0.29, 0.348), (3.52, 4.65))
@example((1e12, 1e12 + 5), (-3.0, -3.0))
@example((0.0, 0.0), (0.0, 0.0))
def test_paired_ticks_are_as_many_round_and_cover(left: Any, right: Any) -> None:
    first, second = t.paired_ticks(left, right)
    assert len(first) == len(second)
    assert 5 <= len(first) <= 9
    check_round_cover(first, *left)
    check_round_cover(second, *right)
    assert (first, second) == t.paired_ticks(left, right)


@given(ranges, st.integers(2, 12))
def test_round_ticks(data: tuple[float, float], count: int) -> None:
    ticks = t.round_ticks(*data, count)
    assert len(ticks) == count
    check_round_cover(ticks, *data)


@given(ranges)
def test_single_ticks(data: Any) -> None:
    ticks = t.single_ticks(*data)
    assert 5 <= len(ticks) <= 9
    check_round_cover(ticks, *data)


def test_little_is_wasted() -> None:
    left, right = t.paired_ticks((3.52, 4.65), (0.29, 0.348))
    assert (4.65 - 3.52) / (left[-1] - left[0]) > 0.7
    assert (0.348 - 0.29) / (right[-1] - right[0]) > 0.7


def test_nothing_below_zero_for_data_that_is_not() -> None:
    for high in (0.7, 0.93, 41.0, 3e6):
        assert t.single_ticks(0.0, high)[0] == 0.0


def test_ticks_are_the_nearest_doubles() -> None:
    assert t.round_ticks(0.28, 0.36, 9) == (0.28, 0.29, 0.3, 0.31, 0.32, 0.33, 0.34, 0.35, 0.36)


def test_two_flat_series_do_not_lie_on_each_other() -> None:
    left, right = t.paired_ticks((1.0, 1.0), (0.2, 0.2))
    height = [(value - own[0]) / (own[-1] - own[0]) for value, own in ((1.0, left), (0.2, right))]
    assert height[0] - height[1] > 0.1


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (700, range(0, 701, 100)),
        (200, range(0, 201, 25)),
        (199, range(0, 201, 25)),
        (25_000_000, range(0, 25_000_001, 5_000_000)),
        (3, range(4)),
        (0, [0]),
    ],
)
def test_step_ticks(last: Any, expected: Any) -> None:
    assert t.step_ticks(last) == tuple(expected)


@given(st.integers(1, 10**12))
def test_step_ticks_are_few_whole_and_reach_the_end(last: Any) -> None:
    ticks = t.step_ticks(last)
    assert 2 <= len(ticks) <= 9
    assert all(tick == round(tick) for tick in ticks)
    assert ticks[-1] > 0.7 * last or last < 4


def test_a_resumed_run_does_not_start_at_zero() -> None:
    assert t.step_ticks(1200, 1000)[0] == 1000


@pytest.mark.parametrize(
    ("ticks", "texts"),
    [
        ((3.0, 3.25, 3.5), ("3.00", "3.25", "3.50")),
        ((0.28, 0.29, 0.3), ("0.28", "0.29", "0.30")),
        ((6500, 7000), ("6500", "7000")),
        ((24, 26), ("24", "26")),
        ((-1.0, -0.5, 0.0), ("−1.0", "−0.5", "0.0")),
        ((0, 500_000, 1_000_000, 1_500_000), ("0", "0.5M", "1.0M", "1.5M")),
        ((10_000, 20_000), ("10k", "20k")),
        ((0, 1e12), ("0", "1T")),
        ((1e12, 1e12 + 1), ("1000000000000", "1000000000001")),
        ((0, 1e-9, 2e-9), ("0", "1e−09", "2e−09")),
        ((), ()),
    ],
)
def test_tick_labels(ticks: Any, texts: Any) -> None:
    assert t.tick_labels(ticks) == texts


def test_tick_labels_in_a_given_format() -> None:
    assert t.tick_labels((-1, 2), ".1f") == ("−1.0", "2.0")


@given(ranges)
def test_tick_labels_tell_ticks_apart(data: Any) -> None:
    ticks = t.single_ticks(*data)
    if ticks[1] - ticks[0] > 1e-6 * max(map(abs, ticks)):
        assert len(set(t.tick_labels(ticks))) == len(ticks)
