from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.charts import Marker, dual_axis, render
from heldout.charts.curve import broken, envelope, reduce
from heldout.charts.spec import Line, Points
from heldout.run import Run, Series


def test_a_short_series_comes_back() -> None:
    step, value = reduce([1, 2, 3], [4, 5, 6], 100)
    assert step.tolist() == [1, 2, 3]
    assert value.tolist() == [4, 5, 6]


@given(st.integers(1000, 5000), st.integers(10, 200), st.integers(0, 5), st.booleans())
def test_what_is_kept(count: int, pixels: Any, seed: int, even: Any) -> None:
    random = np.random.default_rng(seed)
    step = np.arange(count) if even else np.cumsum(random.integers(1, 50, count))
    value = random.normal(size=count)
    kept_step, kept_value = reduce(step, value, pixels)
    assert len(kept_step) <= 2 * pixels + 2
    assert (np.diff(kept_step) > 0).all()
    assert kept_step[0] == step[0]
    assert kept_step[-1] == step[-1]
    assert kept_value.min() == value.min()
    assert kept_value.max() == value.max()
    assert (value[np.searchsorted(step, kept_step)] == kept_value).all()


def test_a_spike_survives_a_gap_in_the_steps() -> None:
    step = np.concatenate([np.arange(10_000), 1_000_000 + np.arange(10_000)])
    value = np.zeros(20_000)
    value[17_123] = 9.0
    assert reduce(step, value, 100)[1].max() == 9.0


def test_envelope_holds_nine_tenths() -> None:
    random = np.random.default_rng(1)
    step, value = np.arange(100_000), random.normal(size=100_000)
    at, low, high = envelope(step, value, 50)
    assert at.shape == low.shape == high.shape == (50,)
    assert np.allclose(low, -1.645, atol=0.15)
    assert np.allclose(high, 1.645, atol=0.15)


def test_envelope_of_everything() -> None:
    _, low, high = envelope([0, 1, 2, 3], [5.0, 1.0, 2.0, 8.0], 2, (0, 100))
    assert low.tolist() == [1.0, 2.0]
    assert high.tolist() == [5.0, 8.0]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_envelope_of_little(count: int) -> None:
    at, low, high = envelope(np.arange(count), np.ones(count), 10)
    assert at.size == low.size == high.size == count


def test_envelope_leaves_gaps_out() -> None:
    at, _, _ = envelope([0, 1, 1000], [1.0, 2.0, 3.0], 10)
    assert at.tolist() == [0.5, 1000]


# -- gaps, and what lies outside the frame -----------------------------------------------------------------------------


def run_of(step: Any, value: Any) -> Run:
    series = Series("reward", np.asarray(step, dtype=np.int64), np.asarray(value, dtype=np.float64))
    return Run("r", "memory", "test", {"reward": series}, {"reward": "reward"})


def smoothed(run: Run, window: float | None = None) -> Line:
    lines = [layer for layer in dual_axis(run, "reward", window=window).layers if isinstance(layer, Line)]
    return next(line for line in lines if not line.raw)


@pytest.mark.parametrize(("missing", "interrupted"), [(29, False), (30, True)])
def test_a_line_is_interrupted_where_nothing_was_logged_for_longer_than_its_window(
    missing: int, interrupted: bool
) -> None:
    step = np.concatenate([np.arange(100), 100 + missing + np.arange(100)])
    line = smoothed(run_of(step, np.sin(step / 30)), window=30.0)
    middle = 99 + (missing + 1) / 2
    assert line.breaks == ((middle,) if interrupted else ())
    inside = (line.step > 99) & (line.step < 100 + missing)
    assert inside.any() == (not interrupted)
    assert not any(99 < mark < 100 + missing for mark in line.marked or ()) or not interrupted


@given(st.lists(st.floats(-1e6, 1e6), min_size=60, max_size=120), st.integers(0, 59), st.integers(1, 100_000))
def test_a_smoothed_line_never_leaves_the_values(values: list[float], at: int, gap: int) -> None:
    step = np.arange(len(values))
    step[at + 1 :] += gap
    line = smoothed(run_of(step, values))
    assert min(values) <= line.value.min()
    assert line.value.max() <= max(values)


def test_a_broken_curve_stops_at_each_break() -> None:
    step, low, high = broken(np.array([0.0, 1.0, 8.0]), np.zeros(3), np.ones(3), breaks=(4.5,))
    assert step.tolist() == [0.0, 1.0, 4.5, 8.0]
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, False, True, False]


@pytest.mark.parametrize("count", [300, 3000])
def test_a_gap_is_drawn_empty(count: int) -> None:
    step = np.concatenate([np.arange(count), 3 * count + np.arange(count)])
    chart = dual_axis(run_of(step, np.ones(2 * count)), "reward")
    assert all(getattr(layer, "breaks", (0,)) for layer in chart.layers)
    assert render(chart, "svg")


def test_values_outside_the_frame_are_marked_at_its_edge() -> None:
    value = np.random.default_rng(0).normal(size=200)
    value[50], value[120] = 100.0, -100.0
    chart = dual_axis(run_of(np.arange(200), value), "reward")
    arrows = {layer.marker: layer for layer in chart.layers if isinstance(layer, Points) and layer.marker is not None}
    low, high = chart.left.limits
    assert 50 in arrows[Marker.ABOVE].step
    assert 120 in arrows[Marker.BELOW].step
    assert set(arrows[Marker.ABOVE].value) == {high}
    assert set(arrows[Marker.BELOW].value) == {low}
    assert len(arrows[Marker.ABOVE].step) == int((value > high).sum())
