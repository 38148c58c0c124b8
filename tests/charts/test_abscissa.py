"""What the curves stand against, and what of them is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from charts_data import run_of, series

from heldout.charts import Chart, Hints, Line, Marks, Points, Rule, Span, dual_axis, render, reward_and_held_out
from heldout.charts.hints import XAxis
from heldout.errors import ChartError
from heldout.run import Run

STEP = np.arange(0, 200, 10)


def logged(**more: Any) -> Run:
    return run_of(
        series("reward", STEP, np.sin(STEP / 50)),
        series("pass@1", [0, 50, 105, 300], [0.1, 0.4, 0.3, 0.2]),
        *(series(name, STEP, value) for name, value in more.items()),
        reward="reward",
        held_out="pass@1",
    )


def line_of(chart: Chart, place: int) -> Line:
    return [layer for layer in chart.layers if isinstance(layer, Line) and not layer.raw][place]


def drawn(run: Run, x: XAxis, **hints: Any) -> Chart:
    return reward_and_held_out(run, hints=Hints(x=x, **hints))


def test_tokens_are_interpolated_between_steps_and_unknown_outside_of_them() -> None:
    chart = drawn(logged(num_tokens=1000.0 * STEP), "tokens")
    assert line_of(chart, 1).step.tolist() == [0, 50_000, 105_000]
    assert "pass@1: 1 value left out that the x axis has no place for." in chart.caption
    assert chart.x.title == "Tokens seen"
    assert chart.x.tick_texts[-1] in ("175k", "190k", "200k")


@pytest.mark.parametrize(
    ("seconds", "unit", "last"),
    [(1.0, "min", 190 / 60), (0.1, "s", 19.0), (60.0, "h", 190 / 60), (3600, "days", 7.9167)],
)
def test_time_begins_at_the_start_in_a_unit_that_suits_it(seconds: float, unit: str, last: float) -> None:
    chart = drawn(logged(wall_time=1.7e9 + seconds * STEP), "time")
    assert line_of(chart, 0).step[0] == 0.0
    assert line_of(chart, 0).step[-1] == pytest.approx(last, rel=1e-3)
    assert chart.x.title == f"Time since the start ({unit})"


def test_the_square_root_of_kl() -> None:
    chart = drawn(logged(**{"actor/kl_loss": 0.01 * STEP}), "sqrt-kl")
    assert np.allclose(line_of(chart, 0).step, np.sqrt(0.01 * STEP))


def test_a_kl_that_falls_is_drawn_from_left_to_right() -> None:
    kl = 4.0 - 0.02 * STEP
    chart = drawn(logged(**{"actor/kl_loss": kl}), "sqrt-kl")
    assert (np.diff(line_of(chart, 0).step) >= 0).all()
    assert np.allclose(line_of(chart, 0).value, np.sin(STEP / 50)[::-1])
    assert render(chart, "svg")


@pytest.mark.parametrize("x", ["tokens", "time", "sqrt-kl"])
def test_a_run_that_does_not_log_it_is_told_so(x: XAxis) -> None:
    for more in ({}, {"num_tokens": np.full(20, 512.0), "step_time": np.tile([3.0, 2.0], 10)}):
        with pytest.raises(ChartError, match=f"so --x {x} cannot be drawn; the step is always there"):
            drawn(logged(**more), x)


def test_marks_stand_at_their_steps() -> None:
    marks = Marks(chosen=50, tied=((40, 60),), onset=100)
    chart = reward_and_held_out(logged(num_tokens=1000.0 * STEP), hints=Hints(x="tokens"), marks=marks)
    rules = [layer for layer in chart.layers if isinstance(layer, Rule)]
    assert [(rule.step, rule.label) for rule in rules] == [(50_000, "checkpoint 50"), (100_000, "onset 100")]
    assert [(span.low, span.high) for span in chart.layers if isinstance(span, Span)] == [(40_000, 60_000)]


def test_the_evaluation_before_the_first_step_stands_at_the_start() -> None:
    step = np.arange(1, 30)
    run = run_of(
        *(series("reward", step, step), series("pass@1", [0, 10], [0.1, 0.2])),
        *(series("num_tokens", step, 1000 * step), series("wall_time", step, 1e9 + step)),
        reward="reward",
        held_out="pass@1",
    )
    assert line_of(drawn(run, "tokens"), 1).step.tolist() == [0, 10_000]
    assert line_of(drawn(run, "time"), 1).step.tolist() == [0, 9]


# -- limits ------------------------------------------------------------------------------------------------------------


def dense() -> Run:
    random = np.random.default_rng(0)
    return run_of(series("reward", range(3000), np.arange(3000) / 1000 + random.normal(0, 0.2, 3000)), reward="reward")


def test_within_limits_every_value_is_seen_and_the_curve_is_the_same() -> None:
    whole = dual_axis(dense(), "reward", window=300)
    part = dual_axis(dense(), "reward", window=300, hints=Hints(x_limits=(1000, 1100)))
    assert part.x.limits == (1000, 1100)
    (raw,) = [layer for layer in part.layers if isinstance(layer, Line) and layer.raw]
    assert raw.step.tolist() == list(range(1000, 1101))
    at = np.arange(1000, 1101, 10)
    near, far = line_of(part, 0), line_of(whole, 0)
    assert np.allclose(np.interp(at, near.step, near.value), np.interp(at, far.step, far.value), atol=1e-3)
    assert part.left.limits[0] > 0.5  # the axis fits what is seen
    assert "faint: its 101 values" in part.caption


def test_a_line_enters_and_leaves_the_plot() -> None:
    chart = dual_axis(logged(), "pass@1", hints=Hints(x_limits=(60, 100)))  # no value lies between
    assert chart.left.limits[0] < np.interp(100, [50, 105], [0.4, 0.3])
    assert chart.left.limits[1] > np.interp(60, [50, 105], [0.4, 0.3])
    assert render(chart, "svg")


def test_limits_of_the_sides_are_kept_and_get_round_ticks() -> None:
    chart = reward_and_held_out(logged(), hints=Hints(left_limits=(-0.5, 0.7), right_limits=(0.0, 0.5)))
    assert chart.left.limits == (-0.5, 0.7)
    assert chart.right is not None
    assert chart.right.limits == (0.0, 0.5)
    assert chart.left.ticks[0] >= -0.5
    assert chart.left.ticks[-1] <= 0.7


def test_what_is_out_of_view_is_not_marked() -> None:
    hints = Hints(x_limits=(100, 200))
    chart = reward_and_held_out(logged(), hints=hints, marks=Marks(chosen=50, tied=((40, 60), (90, 120))))
    assert not [layer for layer in chart.layers if isinstance(layer, Rule)]
    (span,) = [layer for layer in chart.layers if isinstance(layer, Span)]
    assert (span.low, span.high, span.label) == (100, 120, "tied checkpoints")
    peaks = [layer for layer in chart.layers if isinstance(layer, Points)]
    assert all(100 <= peak.step[0] <= 200 for peak in peaks)


@pytest.mark.parametrize("limits", [(3, 3), (5, 2), (0, np.nan), (0, np.inf)])
def test_limits_must_go_up(limits: Any) -> None:
    with pytest.raises(ChartError, match="it must be the lowest and the highest value"):
        Hints(x_limits=limits)


def test_limits_beside_the_values() -> None:
    with pytest.raises(ChartError, match="reward goes from 0 to 190 on the axis 'Training step', and 500 to 600 is"):
        dual_axis(logged(), "reward", hints=Hints(x_limits=(500, 600)))


# -- logarithmic axes --------------------------------------------------------------------------------------------------


def test_a_logarithmic_axis_has_equal_ratios() -> None:
    run = run_of(series("loss", range(1, 50), np.geomspace(1e-3, 1e2, 49)))
    chart = dual_axis(run, "loss", hints=Hints(log=frozenset({"left", "x"})))
    assert chart.left.tick_texts == ("0.001", "0.01", "0.1", "1", "10", "100")
    assert np.allclose(np.diff(chart.left.fraction([0.01, 0.1, 1.0])), 5 / 5 * np.diff(chart.left.fraction([1, 10]))[0])
    assert chart.left.limits[0] < 1e-3
    assert chart.left.limits[1] > 1e2
    assert all(render(chart, kind) for kind in ("svg", "png", "pdf", "pgf"))


def test_step_0_has_no_place_on_a_logarithmic_axis() -> None:
    chart = dual_axis(logged(), "reward", hints=Hints(log=frozenset({"x"})))
    assert line_of(chart, 0).step[0] == 10
    assert "reward: 1 value left out" in chart.caption


def test_a_logarithmic_axis_shows_nothing_at_or_below_zero() -> None:
    with pytest.raises(ChartError, match=r"reward falls to -0\.6.*, and a logarithmic axis shows what is above 0"):
        dual_axis(logged(), "reward", hints=Hints(log=frozenset({"left"})))
    with pytest.raises(ChartError, match="The left axis is to begin at 0; a logarithmic one begins above 0"):
        dual_axis(logged(), "pass@1", hints=Hints(log=frozenset({"left"}), left_limits=(0, 1)))
    with pytest.raises(ChartError, match="'top' is no axis"):
        Hints(log=frozenset({"top"}))


def test_the_right_axis_can_be_changed_only_where_there_is_one() -> None:
    with pytest.raises(ChartError, match="nothing is drawn against it"):
        dual_axis(logged(), "reward", hints=Hints(right_limits=(0, 1)))
