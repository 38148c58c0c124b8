from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heldout.charts import Axis, Band, Chart, Line, Marker, Points, Rule, Side, Span
from heldout.charts.drawing import render, save
from heldout.charts.spec import as_place, shorten
from heldout.errors import ChartError

X = Axis("step", (0, 1, 2), (0, 2))
Y = Axis("value", (0.0, 0.5, 1.0), (0, 1), unit="%")


def chart() -> Chart:
    return Chart(X, Y, layers=(Line(Side.LEFT, np.array([0, 2]), np.array([0, 1]), "a"),))


def test_changes_are_copies() -> None:
    one = chart()
    two = one.with_title("T").with_caption("C").with_layers(Span(0, 1, "s"))
    assert (two.title, two.caption, len(two.layers)) == ("T", "C", 2)
    assert (one.title, one.caption, len(one.layers)) == ("", "", 1)


def test_nothing_can_be_changed_in_place() -> None:
    one = chart()
    with pytest.raises(FrozenInstanceError):
        one.title = "x"  # type: ignore[misc]
    line = one.layers[0]
    assert isinstance(line, Line)
    with pytest.raises(ValueError, match="read-only"):
        line.value[0] = 7


def test_a_layer_keeps_its_own_copy() -> None:
    value = np.array([0.0, 1.0])
    line = Line(Side.LEFT, np.array([0, 2]), value)
    value[0] = 99
    assert line.value[0] == 0.0


def test_words() -> None:
    one = chart()
    assert one.name == "value (%) over step"
    assert one.with_title("T").name == "T"
    assert one.with_layers(Span(0, 1, "s"), Rule(step=1, label="r")).entries == ("a", "s")
    assert one.left.tick_texts == ("0.0", "0.5", "1.0")
    assert Axis("Rate (%)", (0, 1), (0, 1), unit="%").title == "Rate (%)"


def test_fractions() -> None:
    assert Axis("a", (0, 1), (2, 4)).fraction([2, 3, 4]).tolist() == [0, 0.5, 1]


def test_markers_stand_on_the_line() -> None:
    line = Line(Side.LEFT, np.array([0, 10]), np.array([0, 1]), marker=Marker.CIRCLE, marked=(5.0,))
    step, value = line.at_marks()
    assert (step.tolist(), value.tolist()) == ([5], [0.5])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_only_finite_numbers(bad: Any) -> None:
    with pytest.raises(
        ChartError, match=r"The line 'a' has a value that is not a finite number; leave such points out\."
    ):
        Line(Side.LEFT, np.array([0, 1]), np.array([0, bad]), "a")
    with pytest.raises(ChartError, match="A band has a high that is not a finite number"):
        Band(Side.LEFT, np.array([0]), np.array([0]), np.array([bad]))


def test_sentences() -> None:
    with pytest.raises(ChartError, match=r"A line has step and value of different lengths: \[1, 2\]\."):
        Line(Side.LEFT, np.array([0, 1]), np.array([0]))
    with pytest.raises(ChartError, match="one end of its bars only"):
        Points(Side.LEFT, np.array([0]), np.array([0]), low=np.array([0]))
    with pytest.raises(ChartError, match="stands at a step or at a value; this one has step None and value None"):
        Rule()
    with pytest.raises(ChartError, match="measured against the right axis, and the chart has none"):
        chart().with_layers(Line(Side.RIGHT, np.array([0]), np.array([0])))
    with pytest.raises(ChartError, match="goes from 1 to 1; it must go up"):
        Axis("a", (1,), (1, 1))
    with pytest.raises(ChartError, match="cannot be placed 'left'; it can be auto, upper left"):
        as_place("left")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("f.jpg", r"The chart's file 'f.jpg' ends in '.jpg'; it must end in .svg, .png, .pdf or .pgf."),
        ("f", r"The chart's file 'f' has no suffix; it must end in .svg, .png, .pdf or .pgf."),
    ],
)
def test_suffixes(tmp_path: Path, path: Path, words: str) -> None:
    with pytest.raises(ChartError) as error:
        save(chart(), tmp_path / path)
    assert str(error.value) == words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"width_cm": 1}, "The chart's width is 1 cm; it must be between 4 and 120 cm."),
        ({"height_cm": 500}, "The chart's height is 500 cm; it must be between 4 and 120 cm."),
        ({"theme": "blue"}, "The theme is 'blue'; it must be light or dark."),
        ({"dpi": 5}, "The resolution is 5 dots per inch; it must be between 30 and 1200."),
    ],
)
def test_sizes(arguments: Any, words: str) -> None:
    with pytest.raises(ChartError) as error:
        render(chart(), "svg", **arguments)
    assert str(error.value) == words


def test_shorten() -> None:
    assert shorten("short", 10) == "short"
    assert len(shorten("a" * 50 + "b" * 50, 21)) == 21


def test_describing_a_chart_loads_no_plotting_library() -> None:
    code = (
        "import sys, numpy as np\n"
        "from heldout import charts\n"
        "from heldout.run import Run, Series\n"
        "s = Series('reward', np.arange(99), np.sin(np.arange(99.0)))\n"
        "charts.dual_axis(Run('r', '', '', {'reward': s}, {}), 'reward')\n"
        "assert not any(name.startswith('matplotlib') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
