"""What a series does: the golden vectors, how often noise gets a word, what turns and what stays when units change."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.arrays import FloatArray, floats
from heldout.stats.course import Way, constant_since, course

_RUNS = 200
_ALLOWED = 0.09  # 5 %, and two and a half standard errors of 200 runs
_TURNED = {Way.RISES: Way.FALLS, Way.FALLS: Way.RISES, Way.PEAKS: Way.DIPS, Way.DIPS: Way.PEAKS}
_PLACE = np.arange(40)
_WIGGLE = np.where(_PLACE % 2, 0.5, -0.5) * (1.0 + 0.3 * np.cos(_PLACE))


def _steps(count: int) -> FloatArray:
    return floats(10.0 * np.arange(1, count + 1))


def _noise(rng: np.random.Generator, runs: int, count: int, phi: float) -> FloatArray:
    """Stationary AR(1) noise of variance 1, shape (runs, count)."""
    rows = floats(rng.normal(size=(runs, count)))
    for at in range(1, count):
        rows[:, at] = phi * rows[:, at - 1] + math.sqrt(1.0 - phi * phi) * rows[:, at]
    return rows


def _share(rows: FloatArray, *ways: Way) -> float:
    return float(np.mean([course(_steps(rows.shape[1]), row).way in ways for row in rows]))


def test_a_ramp_rises() -> None:
    found = course(_steps(40), 0.05 * _PLACE + _WIGGLE)
    assert (found.way, found.jump, found.late) == (Way.RISES, None, None)
    assert (found.phi, found.line, found.up) == pytest.approx((0.0, 7.181422, -1.305032), abs=5e-7)


def test_a_step_rises_at_once() -> None:
    found = course(_steps(40), _WIGGLE + 2.0 * (_PLACE >= 20))
    assert (found.phi, found.line) == pytest.approx((0.018638, 7.859040), abs=5e-7)
    assert found.jump is not None
    assert found.way is Way.RISES
    assert (found.jump.step, found.jump.t) == (210.0, pytest.approx(5.294642, abs=5e-7))
    assert (found.jump.before, found.jump.after) == pytest.approx((0.0, 2.0), abs=0.01)


def test_a_wiggle_has_no_course() -> None:
    found = course(_steps(40), _WIGGLE)
    assert (found.way, found.line) == (Way.UNKNOWN, pytest.approx(0.288248, abs=5e-7))
    assert abs(found.change) < found.change_half


def test_two_legs_turn_where_the_level_is_highest() -> None:
    rng = np.random.default_rng(5)
    hill = 4.0 - 4.0 * np.abs(np.linspace(-1.0, 1.0, 60)) + rng.normal(size=60)
    found = course(_steps(60), hill)
    assert found.way is Way.PEAKS
    assert found.turn is not None
    assert found.turn.step == pytest.approx(305.0, abs=60.0)
    assert found.turn.value > max(found.start.value, found.end.value) + 1.5


def test_a_rise_that_comes_late_is_dated() -> None:
    late = 2.0 * np.maximum(np.linspace(0.0, 1.0, 80) - 0.7, 0.0) / 0.3
    found = course(_steps(80), late + 0.5 * np.random.default_rng(8).normal(size=80))
    assert found.way is Way.RISES
    assert found.late is not None
    assert 500.0 <= found.late <= 720.0


def test_what_never_moves_is_level() -> None:
    assert course(_steps(30), np.full(30, 0.3)).way is Way.LEVEL
    assert course(_steps(2), np.array([4.0, 4.0])).way is Way.LEVEL
    assert constant_since(_steps(5), np.array([0.1, 0.0, 0.2, 0.0, 0.0])) == (40.0, 2)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_few_values_get_no_word(count: int) -> None:
    values = np.linspace(0.1, 0.9, count)
    assert course(_steps(count), values).way is Way.TOO_FEW
    assert course(_steps(count), values).ends == 0  # the noise is not known
    assert course(_steps(count), values, 0.01).ends == 1
    assert course(_steps(count), values[::-1], 0.01).ends == -1
    assert course(_steps(count), values, 0.25).ends == 0


def test_a_single_value_is_too_few_for_a_word() -> None:
    assert course(_steps(1), np.array([4.0])).way is Way.TOO_FEW


def test_without_a_value_there_is_no_course() -> None:
    with pytest.raises(ValueError, match="no value"):
        course(np.empty(0), np.empty(0))


def test_what_has_no_noise_is_told_without_a_warning() -> None:
    assert course(_steps(50), np.linspace(0.0, 1.0, 50)).way is Way.RISES
    step = course(_steps(50), np.repeat([0.0, 1.0], 25))
    assert step.way is Way.RISES
    assert step.jump is not None
    assert step.jump.step == 260.0


@pytest.mark.parametrize("count", [8, 10, 15, 20, 30, 50, 64, 100, 128, 300, 1000])
@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_noise_hardly_ever_gets_a_word(count: int, phi: float) -> None:
    rows = _noise(np.random.default_rng([count, int(10 * phi)]), _RUNS, count, phi)
    assert 1.0 - _share(rows, Way.UNKNOWN) <= _ALLOWED


@pytest.mark.parametrize(
    ("count", "curve", "way", "least"),
    [
        pytest.param(100, lambda u: 1.5 * u, Way.RISES, 0.86, id="ramp"),
        pytest.param(50, lambda u: 3.0 * u, Way.RISES, 0.94, id="steep ramp"),
        pytest.param(100, lambda u: -1.5 * u, Way.FALLS, 0.86, id="falling ramp"),
        pytest.param(100, lambda u: 2.0 * (u >= 0.5), Way.RISES, 0.83, id="step"),
        pytest.param(64, lambda u: 3.0 - np.abs(6.0 * u - 3.0), Way.PEAKS, 0.88, id="hill"),
        pytest.param(64, lambda u: np.abs(6.0 * u - 3.0), Way.DIPS, 0.88, id="valley"),
    ],
)
def test_what_is_there_is_told(count: int, curve: object, way: Way, least: float) -> None:
    assert callable(curve)
    truth = curve(np.linspace(0.0, 1.0, count))
    rows = truth + np.random.default_rng([count, 3]).normal(size=(_RUNS, count))
    assert _share(rows, way) >= least


@pytest.mark.parametrize("count", [24, 64, 100])
@pytest.mark.parametrize(
    ("curve", "way", "least"),
    [
        pytest.param(lambda u: 1.0 - np.exp(-4.0 * u), Way.RISES, 0.5, id="saturating"),
        pytest.param(lambda u: 1.0 / (1.0 + np.exp(6.0 - 12.0 * u)), Way.RISES, 0.4, id="logistic"),
        pytest.param(lambda u: 1.0 - np.abs(2.0 * u - 1.0), Way.PEAKS, 0.95, id="hill"),
        pytest.param(lambda u: 1.0 * (u >= 0.5), Way.RISES, 0.95, id="step"),
        pytest.param(lambda u: np.where(u < 0.7, 1.0 - np.exp(-4.0 * u), 0.2), Way.PEAKS, 0.7, id="rise and cliff"),
    ],
)
def test_what_is_far_beyond_its_noise_is_told_though_no_parabola_fits(
    count: int, curve: object, way: Way, least: float
) -> None:
    assert callable(curve)
    truth = 30.0 * curve(np.linspace(0.0, 1.0, count))
    rows = truth + np.random.default_rng([count, 9]).normal(size=(_RUNS // 4, count))
    assert _share(rows, way) >= least
    assert _share(rows, way, Way.UNKNOWN) >= 0.9


@pytest.mark.parametrize("count", [16, 40, 64])
def test_a_random_walk_seldom_seems_to_have_a_direction_beyond_that_of_a_walk(count: int) -> None:
    rows = np.cumsum(np.random.default_rng(count).normal(size=(_RUNS, count)), axis=1)
    assert 1.0 - _share(rows, Way.UNKNOWN) <= 0.12  # outside of what is promised: phi is 1


def test_a_ramp_is_hardly_ever_called_a_jump() -> None:
    rows = np.linspace(0.0, 1.5, 100) + np.random.default_rng(4).normal(size=(_RUNS, 100))
    assert np.mean([course(_steps(100), row).jump is not None for row in rows]) <= 0.03


@given(st.integers(8, 200), st.integers(0, 50), st.floats(0.001, 1000.0), st.floats(-100.0, 100.0))
def test_the_unit_changes_no_word(count: int, seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=count) + rng.choice([0.0, 2.0, 6.0]) * np.linspace(0.0, 1.0, count)
    one, other = course(_steps(count), values), course(_steps(count), scale * values + shift)
    assert (one.way, one.late) == (other.way, other.late)
    assert (one.jump is None) == (other.jump is None)
    assert other.change == pytest.approx(scale * one.change, rel=1e-6, abs=1e-6 * scale)
    down = course(_steps(count), -scale * values + shift)
    assert down.way is _TURNED.get(one.way, one.way)


@given(st.integers(8, 64), st.integers(0, 50))
def test_the_reversed_series_turns_the_words(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=count) + rng.choice([0.0, 3.0, 9.0]) * np.linspace(0.0, 1.0, count)
    one, other = course(_steps(count), values), course(_steps(count), values[::-1])
    assert other.line == pytest.approx(-one.line, rel=1e-9, abs=1e-9)
    assert other.way is {Way.RISES: Way.FALLS, Way.FALLS: Way.RISES}.get(one.way, one.way)


def test_the_intervals_of_the_ends_hold_the_truth() -> None:
    rng = np.random.default_rng(11)
    truth = np.linspace(0.0, 3.0, 40)
    hits = []
    for row in truth + _noise(rng, _RUNS, 40, 0.5):
        found = course(_steps(40), row)
        hits += [abs(found.start.value - truth[:5].mean()) <= found.start.half]
        hits += [abs(found.end.value - truth[-5:].mean()) <= found.end.half]
    assert np.mean(hits) >= 0.93
