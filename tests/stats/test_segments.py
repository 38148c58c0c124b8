"""Straight pieces: corners that are there are found, corners that are not are not."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress

from heldout.stats.segments import trend_segments


def words(pieces):
    return [piece.direction for piece in pieces]


def test_a_noisy_zigzag_is_found():
    step = np.arange(0.0, 700.0, 5.0)
    level = np.interp(step, [0.0, 300.0, 500.0, 695.0], [3.5, 4.2, 4.2, 3.0])
    got = trend_segments(step, level + np.random.default_rng(0).normal(0.0, 0.05, step.size))
    assert words(got) == ["rising", "flat", "falling"]
    assert [got[0].end, got[1].end] == pytest.approx([300.0, 500.0], abs=20.0)
    assert got[2].end_value == pytest.approx(3.0, abs=0.05)


def test_an_exact_broken_line_is_reproduced():
    step = np.array([0.0, 1.0, 2.0, 5.0, 6.0, 9.0, 10.0, 14.0, 15.0])
    level = np.interp(step, [0.0, 6.0, 15.0], [0.0, 12.0, 3.0])
    got = trend_segments(step, level)
    assert [(p.start, p.end) for p in got] == [(0.0, 6.0), (6.0, 15.0)]
    assert [p.slope for p in got] == pytest.approx([2.0, -1.0])
    assert words(got) == ["rising", "falling"]


@given(st.integers(3, 60), st.integers(0, 500), st.integers(1, 6))
def test_pieces_join_and_span_the_series(n, seed, most):
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


def test_one_piece_is_the_regression_line():
    rng = np.random.default_rng(1)
    step, value = np.cumsum(rng.exponential(1.0, 30)), rng.normal(size=30)
    (got,) = trend_segments(step, value, max_segments=1)
    oracle = linregress(step, value)
    assert got.slope == pytest.approx(oracle.slope)
    assert got.start_value == pytest.approx(oracle.intercept + oracle.slope * step[0])


@pytest.mark.parametrize("n", [21, 40, 200])
def test_noise_is_one_flat_piece(n):
    rng = np.random.default_rng(0)
    runs = [trend_segments(np.arange(float(n)), rng.normal(size=n)) for _ in range(60)]
    assert np.mean([len(run) > 1 for run in runs]) < 0.10
    assert np.mean([words(run) != ["flat"] for run in runs]) < 0.15


@pytest.mark.parametrize("n", [4, 5, 6])
def test_few_noisy_points_seldom_have_a_direction(n):
    rng = np.random.default_rng(0)
    runs = [words(trend_segments(np.arange(float(n)), rng.normal(size=n))) for _ in range(200)]
    assert np.mean([run != ["flat"] for run in runs]) < 0.12


def test_autocorrelated_noise_does_not_fall_apart():
    rng = np.random.default_rng(0)
    pieces = []
    for _ in range(40):
        noise = rng.normal(size=200)
        for i in range(1, 200):
            noise[i] += 0.7 * noise[i - 1]
        pieces.append(len(trend_segments(np.arange(200.0), noise)))
    assert np.mean(pieces) < 2.5


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_little_to_say(n):
    assert trend_segments(np.arange(float(n)), np.ones(n)) == ()


def test_three_points_and_a_constant():
    assert words(trend_segments(np.arange(3.0), np.array([1.0, 5.0, 2.0]))) == ["flat"]
    (still,) = trend_segments(np.arange(30.0), np.full(30, 0.1))
    assert still.direction == "flat"
    assert math.isnan(still.z)


def test_a_line_without_noise_rises_for_certain():
    (got,) = trend_segments(np.arange(30.0), 0.1 + 0.7 * np.arange(30.0))
    assert (got.direction, got.z) == ("rising", math.inf)


def test_max_segments_is_checked():
    with pytest.raises(ValueError, match="max_segments is 0; it must be at least 1"):
        trend_segments(np.arange(3.0), np.ones(3), max_segments=0)


def test_long_series_still_span_their_steps():
    step = np.arange(10_000.0)
    level = np.interp(step, [0.0, 6000.0, 9999.0], [0.0, 1.0, 0.0])
    got = trend_segments(step, level + np.random.default_rng(0).normal(0.0, 1.0, step.size))
    assert (got[0].start, got[-1].end) == (0.0, 9999.0)
    assert words(got) == ["rising", "falling"]
    assert got[0].end == pytest.approx(6000.0, abs=600.0)


def test_real_runs(kimi, deepseek):
    fall = trend_segments(deepseek.rate_step, deepseek.rate)
    assert words(fall) == ["flat", "falling"]
    assert fall[0].end == 600.0
    tokens = trend_segments(kimi.step, kimi.tokens)
    assert words(tokens) == ["flat", "rising"]
    assert words(trend_segments(kimi.step, kimi.rate)) == ["rising"]
    corners = [piece.end for piece in trend_segments(deepseek.reward_step, deepseek.reward, penalty=2.0)]
    assert corners == [300.0, 500.0, 650.0, 700.0]
