"""The two published figures, drawn as their descriptions say: ticks, points, markers, colours, place of the legend."""

from __future__ import annotations

import numpy as np
import pytest

from heldout import read
from heldout.charts import Chart, Colour, Dash, Line, Marker, Place, Side, legend_place
from heldout.report.figures import standard_figures

REWARD = {0: 3.52, 100: 3.55, 200: 4.00, 300: 4.15, 400: 4.05, 500: 4.10, 600: 4.45, 650: 4.65, 700: 4.30}
PERFORMANCE = {50: 0.338, 150: 0.345, 250: 0.335, 350: 0.348, 450: 0.340, 550: 0.320, 600: 0.338, 700: 0.290}
LENGTH = [6480, 7180, 6420, 6680, 6900, 6880, 6720, 6750, 7050, 7080, 6850]
LENGTH += [7050, 7070, 7050, 7550, 7550, 8300, 7980, 8550, 7980, 8400]
RATE = [24.5, 26.5, 26.2, 25.0, 26.2, 27.8, 27.0, 25.8, 29.2, 29.5, 31.2]
RATE += [28.2, 29.2, 28.8, 28.0, 29.2, 33.2, 31.0, 34.0, 31.0, 32.5]


def figure(name: str) -> Chart:
    (drawn,) = standard_figures(read(f"example:{name}"))
    return drawn.chart


def curves(chart: Chart) -> list[Line]:
    return [layer for layer in chart.layers if isinstance(layer, Line)]


def points(line: Line) -> dict[float, float]:
    return dict(zip(line.step.tolist(), line.value.tolist(), strict=True))


def test_reward_and_pass_at_1() -> None:
    chart = figure("deepseek-r1")
    assert chart.right is not None
    assert (chart.x.title, chart.left.title, chart.right.title) == ("Steps", "Reward Score", "Test Pass@1")
    assert chart.x.ticks == tuple(range(0, 701, 100))
    assert chart.left.tick_texts == ("3.00", "3.25", "3.50", "3.75", "4.00", "4.25", "4.50", "4.75", "5.00")
    assert chart.right.tick_texts == ("0.28", "0.29", "0.30", "0.31", "0.32", "0.33", "0.34", "0.35", "0.36")
    assert chart.entries == ("Reward", "Performance")
    assert legend_place(chart) is Place.UPPER_LEFT
    reward, performance = curves(chart)
    assert (reward.side, reward.colour, reward.marker, reward.dash) == (
        *(Side.LEFT, Colour.LEFT),
        *(Marker.CIRCLE, Dash.SOLID),
    )
    assert (performance.side, performance.colour, performance.marker, performance.dash) == (
        *(Side.RIGHT, Colour.RIGHT),
        *(Marker.DIAMOND, Dash.DASHED),
    )
    assert points(reward) == REWARD
    assert points(performance) == PERFORMANCE


def test_token_length_and_pass_rate() -> None:
    chart = figure("kimi-dev")
    assert chart.right is not None
    titles = (chart.x.title, chart.left.title, chart.right.title)
    assert titles == ("RL Training Steps", "Token Length", "Pass Rate (%)")
    assert chart.x.ticks == tuple(range(0, 201, 25))
    assert chart.left.ticks == (6500, 7000, 7500, 8000, 8500)
    assert chart.right.ticks == (24, 26, 28, 30, 32, 34)
    assert chart.entries == ("Token Length", "Pass Rate (%)")
    assert legend_place(chart) is Place.UPPER_LEFT
    assert chart.grid is Dash.DASHED
    length, rate = curves(chart)
    assert (length.marker, length.colour, length.dash) == (Marker.SQUARE, Colour.LEFT, Dash.SOLID)
    assert (rate.marker, rate.colour, rate.dash) == (Marker.CIRCLE, Colour.RIGHT, Dash.SOLID)
    assert points(length) == dict(zip(range(0, 201, 10), LENGTH, strict=True))
    assert points(rate) == dict(zip(range(0, 201, 10), RATE, strict=True))


@pytest.mark.parametrize("name", ["deepseek-r1", "kimi-dev"])
def test_every_point_is_in_the_plot(name: str) -> None:
    chart = figure(name)
    for line in curves(chart):
        assert chart.axis(line.side).sees(line.value).all()
        assert chart.x.sees(line.step).all()
        assert np.isfinite(chart.axis(line.side).fraction(line.value)).all()
