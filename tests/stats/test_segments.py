"""Straight pieces: corners that are there are found, corners that are not are not."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress
from scipy.stats import t as student

from heldout.stats.segments import trend_segments


def words(pieces: Any) -> Any:
    return [piece.direction for piece in pieces]


def test_a_noisy_zigzag_is_found() -> None:
    step = np.arange(0.0, 700.0, 5.0)
    level = np.interp(step, [0.0, 300.0, 500.0, 695.0], [3.5, 4.2, 4.2, 3.0])
    got = trend_segments(step, level + np.random.default_rng(0).normal(0.0, 0.05, step.size))
    assert words(got) == ["rising", "flat", "falling"]
    assert [got[0].end, got[1].end] == pytest.approx([300.0, 500.0], abs=20.0)
    assert got[2].end_value == pytest.approx(3.0, abs=0.05)


def test_an_exact_broken_line_is_reproduced() -> None:
    step = np.array([0.0, 1.0, 2.0, 5.0, 6.0, 9.0, 10.0, 14.0, 15.0])
    level = np.interp(step, [0.0, 6.0, 15.0], [0.0, 12.0, 3.0])
    got = trend_segments(step, level)
    assert [(p.start, p.end) for p in got] == [(0.0, 6.0), (6.0, 15.0)]
    assert [p.slope for p in got] == pytest.approx([2.0, -1.0])
    assert words(got) == ["rising", "falling"]


@given(st.integers(3, 60), st.integers(0, 500), st.integers(1, 6))
def test_pieces_join_and_span_the_series(n: int, seed: int, most: Any) -> None:
    rng = np.random.default_rng(seed)
    step = np.cumsum(rng.exponential(2.0, n) + 0.01)
    got = trend_segments(step, np.cumsum(rng.normal(size=n)), max_segments=most)
    assert 1 <= len(got) <= most
    assert (got[0].start, got[-1].end) == (step[0], step[-1])
    for one, other in pairwise(got):
        assert (one.end, one.end_value) == (other.start, other.start_value)
    for piece in got:
        assert piece.start < piece.end
        assert piece.slope == pytest.approx((piece.end_value - piece.start_value) / (piece.end - piece.start))


def test_one_piece_is_the_regression_line() -> None:
    rng = np.random.default_rng(1)
    step, value = np.cumsum(rng.exponential(1.0, 30)), rng.normal(size=30)
    (got,) = trend_segments(step, value, max_segments=1)
    oracle = linregress(step, value)
    assert got.slope == pytest.approx(oracle.slope)
    assert got.start_value == pytest.approx(oracle.intercept + oracle.slope * step[0])


@pytest.mark.parametrize("n", [21, 40, 200])
def test_noise_is_one_flat_piece(n: int) -> None:
    rng = np.random.default_rng(0)
    runs = [trend_segments(np.arange(float(n)), rng.normal(size=n)) for _ in range(60)]
    assert np.mean([len(run) > 1 for run in runs]) < 0.10
    assert np.mean([words(run) != ["flat"] for run in runs]) < 0.15


@pytest.mark.parametrize("n", [4, 5, 6])
def test_few_noisy_points_seldom_have_a_direction(n: int) -> None:
    rng = np.random.default_rng(0)
    runs = [words(trend_segments(np.arange(float(n)), rng.normal(size=n))) for _ in range(200)]
    assert np.mean([run != ["flat"] for run in runs]) < 0.12


def test_autocorrelated_noise_does_not_fall_apart() -> None:
    rng = np.random.default_rng(0)
    pieces = []
    for _ in range(40):
        noise = rng.normal(size=200)
        for i in range(1, 200):
            noise[i] += 0.7 * noise[i - 1]
        pieces.append(len(trend_segments(np.arange(200.0), noise)))
    assert np.mean(pieces) < 2.5


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_little_to_say(n: int) -> None:
    assert trend_segments(np.arange(float(n)), np.ones(n)) == ()


def test_three_points_and_a_constant() -> None:
    assert words(trend_segments(np.arange(3.0), np.array([1.0, 5.0, 2.0]))) == ["flat"]
    (still,) = trend_segments(np.arange(30.0), np.full(30, 0.1))
    assert still.direction == "flat"
    assert math.isnan(still.z)


def test_a_line_without_noise_rises_for_certain() -> None:
    (got,) = trend_segments(np.arange(30.0), 0.1 + 0.7 * np.arange(30.0))
    assert (got.direction, got.z) == ("rising", math.inf)


def test_max_segments_is_checked() -> None:
    with pytest.raises(ValueError, match="max_segments is 0; it must be at least 1"):
        trend_segments(np.arange(3.0), np.ones(3), max_segments=0)


def test_long_series_still_span_their_steps() -> None:
    step = np.arange(10_000.0)
    level = np.interp(step, [0.0, 6000.0, 9999.0], [0.0, 1.0, 0.0])
    got = trend_segments(step, level + np.random.default_rng(0).normal(0.0, 1.0, step.size))
    assert (got[0].start, got[-1].end) == (0.0, 9999.0)
    assert words(got) == ["rising", "falling"]
    assert got[0].end == pytest.approx(6000.0, abs=600.0)


def test_real_runs(kimi: Any, deepseek: Any) -> None:
    fall = trend_segments(deepseek.rate_step, deepseek.rate)
    assert words(fall) == ["flat", "falling"]
    assert fall[0].end == 600.0
    tokens = trend_segments(kimi.step, kimi.tokens)
    assert words(tokens) == ["flat", "rising"]
    assert words(trend_segments(kimi.step, kimi.rate)) == ["rising"]
    corners = [piece.end for piece in trend_segments(deepseek.reward_step, deepseek.reward, penalty=2.0)]
    assert corners == [300.0, 500.0, 650.0, 700.0]


def broken(step: npt.NDArray[np.float64], value: npt.NDArray[np.float64], knot: int) -> npt.NDArray[np.float64]:
    """Residuals of the best line that breaks at one point."""
    design = np.column_stack([np.ones_like(step), step, np.maximum(step - step[knot], 0.0)])
    return value - design @ np.linalg.lstsq(design, value, rcond=None)[0]


def test_the_slopes_and_their_z_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(2)
    step, noise = np.cumsum(rng.uniform(1.0, 3.0, 24)), rng.normal(0.0, 0.5, 25)
    value = np.interp(step, [step[0], step[11], step[-1]], [0.0, 8.0, 3.0]) + noise[1:] + noise[:-1]
    left, right = trend_segments(step, value, max_segments=2)
    knot = int(np.flatnonzero(step == left.end)[0])
    squares = [float(np.sum(broken(step, value, k) ** 2)) for k in range(1, 23)]
    assert knot == 1 + int(np.argmin(squares))
    design = np.column_stack([np.ones(24), step - step[0], np.maximum(step - step[knot], 0.0)])
    fit = np.linalg.lstsq(design, value, rcond=None)[0]
    rest = value - design @ fit
    phi = float(rest[1:] @ rest[:-1] / (rest @ rest))
    assert 0.3 < phi < 0.9
    variance = rest @ rest / (24 - 3 - 1) * (1.0 + phi) / (1.0 - phi)
    inverse = np.linalg.inv(design.T @ design) * variance
    assert (left.slope, right.slope) == pytest.approx((fit[1], fit[1] + fit[2]))
    assert left.z == pytest.approx(fit[1] / math.sqrt(inverse[1, 1]))
    assert right.z == pytest.approx((fit[1] + fit[2]) / math.sqrt(inverse[1:, 1:].sum()))
    assert (left.start_value, left.end_value) == pytest.approx((fit[0], fit[0] + fit[1] * (step[knot] - step[0])))
    assert right.end_value == pytest.approx(float(design[-1] @ fit))


@pytest.mark.parametrize(("times", "pieces"), [(0.99, 2), (1.01, 1)])
def test_a_corner_is_drawn_if_it_saves_more_than_its_price(times: float, pieces: int) -> None:
    """The price of a corner at which both fits cost the same, solved from the criterion."""
    step = np.arange(20.0)
    value = np.interp(step, [0.0, 9.0, 19.0], [0.0, 9.0, 4.0]) + 1.5 * np.tile([1.0, -1.0], 10)
    straight = value - np.polyval(np.polyfit(step, value, 1), step)
    best = min((broken(step, value, k) for k in range(1, 19)), key=lambda rest: float(rest @ rest))
    assert best[1:] @ best[:-1] < 0.0  # the noise alternates, so each point counts in full
    price = 20.0 * math.log((straight @ straight) / (best @ best)) / math.log(20.0)
    assert len(trend_segments(step, value, max_segments=2, penalty=times * price)) == pieces
    assert len(trend_segments(step, value, max_segments=2)) == (2 if price > 3.0 else 1)


@pytest.mark.parametrize(("n", "most"), [(6, 1), (7, 3), (8, 3), (9, 4), (11, 5)])
def test_corners_need_points(n: int, most: int) -> None:
    zigzag = np.tile([0.0, 1.0, 0.2, 1.4], 3)[:n]
    pieces = trend_segments(np.arange(float(n)), zigzag, max_segments=9, penalty=1e-9)
    assert len(pieces) == most


def test_corners_keep_their_distance_in_long_series() -> None:
    step = np.arange(150.0)  # no two corners within three points of each other, nor of an end
    pieces = trend_segments(step, np.where(step < 75.0, 0.0, 5.0) + 0.01 * (-1.0) ** step, penalty=1e-9)
    corners = [0.0, *(piece.end for piece in pieces)]
    assert len(pieces) == 6
    assert min(np.diff(corners)) >= 3.0
    assert min(np.diff(corners)) < 5.0


def line(z: float, n: int) -> npt.NDArray[np.float64]:
    """A line whose slope has this z: residuals that alternate in pairs about it and have nothing in common with it."""
    t = np.arange(float(n))
    rest = np.cos(np.pi * t)
    rest -= np.polyval(np.polyfit(t, rest, 1), t)
    phi = max(float(rest[1:] @ rest[:-1] / (rest @ rest)), 0.0)
    sd = math.sqrt(float(rest @ rest) / (n - 2) * (1.0 + phi) / (1.0 - phi) / float(np.sum((t - t.mean()) ** 2)))
    return rest + z * sd * t


@pytest.mark.parametrize(("n", "enough"), [(3, 7.5), (4, 4.0), (12, 2.28), (52, 2.0512)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_slope_has_a_direction_from_students_five_percent_point(n: int, enough: float, sign: float) -> None:
    assert enough == pytest.approx(student.ppf(0.975, n - 2), rel=0.5 if n == 3 else 0.1)
    (little,) = trend_segments(np.arange(float(n)), line(0.999 * sign * enough, n), max_segments=1)
    (more,) = trend_segments(np.arange(float(n)), line(1.001 * sign * enough, n), max_segments=1)
    assert (little.direction, more.direction) == ("flat", "rising" if sign > 0 else "falling")
    assert more.z == pytest.approx(1.001 * sign * enough)


def test_two_hundred_points_are_taken_one_by_one() -> None:
    step = np.arange(200.0)
    left, right = trend_segments(step, np.interp(step, [0.0, 77.0, 199.0], [0.0, 5.0, 1.0]))
    assert (left.end, right.end_value) == (77.0, pytest.approx(1.0))


def test_a_falling_line_without_noise_falls_for_certain() -> None:
    (got,) = trend_segments(np.arange(30.0), 5.0 - 0.7 * np.arange(30.0))
    assert (got.direction, got.z) == ("falling", -math.inf)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e12])
def test_what_is_certain_does_not_depend_on_the_unit(unit: float) -> None:
    step = np.arange(30.0)
    left, right = trend_segments(step, unit * np.interp(step, [0.0, 11.0, 29.0], [0.3, 0.9, 0.1]))
    assert (left.end, left.z, right.z) == (11.0, math.inf, -math.inf)
    (still,) = trend_segments(step, np.full(30, 0.1 * unit))
    assert (still.direction, math.isnan(still.z)) == ("flat", True)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_neither_does_what_is_not_certain(unit: float) -> None:
    step = np.arange(40.0)
    noise = np.random.default_rng(0).normal(size=41)
    value = np.abs(step - 15.0) + 0.5 * (noise[1:] + noise[:-1])
    one, other = trend_segments(step, value), trend_segments(step, unit * value)
    assert [(p.end, p.direction, pytest.approx(p.z)) for p in one] == [(p.end, p.direction, p.z) for p in other]
