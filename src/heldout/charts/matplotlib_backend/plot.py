"""A plot in the making: the axes on both sides, and what its words are measured with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.legend import Legend
from matplotlib.text import Text as DrawnText
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Transform

from heldout.charts.matplotlib_backend.sizes import Scale
from heldout.charts.placement import Box
from heldout.charts.spec import Chart, Dash, Rule, Side, Text
from heldout.errors import ChartError
from heldout.text import visible

Look: TypeAlias = Mapping[str, Any]  # keyword arguments of matplotlib

DASHES: Mapping[Dash, Any] = {
    Dash.SOLID: "solid",
    Dash.DASHED: (0, (4.0, 2.0)),
    Dash.DOTTED: (0, (1.2, 1.6)),
    Dash.DASH_DOT: (0, (5.0, 1.6, 1.2, 1.6)),
}


def _checked(formula: str) -> str:
    """Return words with formulas, or say in a sentence what matplotlib does not understand of them."""
    try:
        text_to_path.mathtext_parser.parse(formula, 72, FontProperties())
    except ValueError as error:
        why = str(error).splitlines()[-1].strip()
        raise ChartError(
            f"{formula!r} holds no formula that can be set ({why}); write \\$ for a dollar sign."
        ) from None
    return formula


@dataclass
class Plot:
    """A chart, the axes that it is drawn on, and what has been put there so far.

    Layers of both sides belong to the left axes, those of the right one with the right one's transform: so they have
    one order of drawing.
    """

    chart: Chart
    scale: Scale
    palette: Mapping[str, str]
    axes: Axes
    fitted: bool = True  # whether the figure is ours, so that the plot is given what the words around it leave
    handles: list[tuple[Artist, str]] = field(default_factory=list)
    labels: list[Text | Rule] = field(default_factory=list)
    taken: list[Box] = field(default_factory=list)
    legend_above: bool = False
    above: float = 0.0  # inches over the plot for a legend or labels

    @cached_property
    def right_axes(self) -> Axes:
        """The axes of the right side."""
        return self.axes.twinx()

    @property
    def every_axes(self) -> tuple[Axes, ...]:
        """The axes of all sides that the chart has."""
        return (self.axes,) if self.chart.right is None else (self.axes, self.right_axes)

    @cached_property
    def figure(self) -> Figure:
        """The whole figure."""
        figure = self.axes.get_figure(root=True)
        assert figure is not None  # axes that are drawn on belong to a figure
        return figure

    @cached_property
    def renderer(self) -> Any:
        """What measures words, whatever the figure is shown or written with."""
        renderer: Any = RendererAgg
        return renderer(self.figure.bbox.width, self.figure.bbox.height, self.figure.dpi)

    @property
    def columns(self) -> int:
        """How many pixel columns the plot has."""
        return max(200, round(self.scale.width * self.figure.dpi))

    def write(self, words: DrawnText, text: str) -> None:
        """Let words say a text: a formula only where a person wrote one, and no character that is obeyed or unseen."""
        formula = text in self.chart.mathtext
        words.set_parse_math(formula)
        words.set_text(_checked(text) if formula else visible(text))

    def data(self, side: Side) -> Transform:
        """Return what turns steps and values of a side into places in the figure."""
        return (self.right_axes if side is Side.RIGHT and self.chart.right is not None else self.axes).transData

    def fractions(self, side: Side, step: Any, value: Any) -> tuple[float, float]:
        """Return where a point lies, as fractions of the plot."""
        return float(self.chart.x.fraction(step)), float(self.chart.axis(side).fraction(value))

    def size_of(self, artist: Legend | DrawnText) -> tuple[float, float]:
        """Return an artist's width and height as fractions of the plot."""
        own, plot = artist.get_window_extent(self.renderer), self.axes.get_window_extent(self.renderer)
        return own.width / plot.width, own.height / plot.height

    def across(self, points: float) -> tuple[float, float]:
        """Turn a length in points into fractions of the plot, across and up."""
        plot, pixels = self.axes.get_window_extent(self.renderer), points / 72.0 * self.figure.dpi
        return pixels / plot.width, pixels / plot.height
