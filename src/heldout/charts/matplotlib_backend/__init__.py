"""Draw a chart with matplotlib. Only this package and the figures of the benchmark import it.

Everything is drawn in the units of its axes, so that a figure can be gone on with in matplotlib. Layers of both sides
have one order of drawing.

The same chart gives the same bytes: the user's own matplotlib settings are set aside, and no file holds a date.

Text stays text in every file, so that it can be searched and edited. A PDF holds its fonts (type 42); an SVG says how
long each piece of text is, so that what was placed here stands as well in a browser that lacks the font.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from heldout.charts.matplotlib_backend import layers
from heldout.charts.matplotlib_backend.files import encode
from heldout.charts.matplotlib_backend.fonts import words
from heldout.charts.matplotlib_backend.frame import frame, title
from heldout.charts.matplotlib_backend.lettering import legend, place_labels
from heldout.charts.matplotlib_backend.plot import Plot
from heldout.charts.matplotlib_backend.room import fit
from heldout.charts.matplotlib_backend.settings import own_settings, palette, sizes
from heldout.charts.matplotlib_backend.sizes import CM, Scale
from heldout.charts.spec import NARROWEST_CM, WIDEST_CM, Chart, Kind, Theme
from heldout.charts.style import Style

_FIRST_GUESS = (0.12, 0.15, 0.76, 0.75)  # where the plot stands until its words have been measured


def render(
    chart: Chart,
    kinds: Sequence[Kind],
    *,
    width_cm: float,
    height_cm: float | None,
    theme: Theme,
    dpi: float,
    style: Style,
) -> dict[Kind, bytes]:
    """Draw a chart once and write it in each format; sizes, theme and style as for `heldout.charts.save`."""
    with own_settings(style, words(chart)) as sheet:
        scale, colours = sizes(Scale.of(width_cm, height_cm), sheet), palette(style, theme, sheet)
        figure = Figure(figsize=(scale.width, scale.height), dpi=dpi, facecolor=colours["page"])
        FigureCanvasAgg(figure)
        paint(Plot(chart, scale, colours, figure.add_axes(_FIRST_GUESS)))
        return {kind: encode(figure, chart.name, chart.caption, kind, dpi) for kind in kinds}


def draw(
    chart: Chart, ax: Axes | None, *, width_cm: float, height_cm: float | None, theme: Theme, style: Style
) -> Axes:
    """Draw a chart on axes; what `heldout.charts.draw` says."""
    with own_settings(style, words(chart)) as sheet:
        colours = palette(style, theme, sheet)
        if ax is not None:
            paint(Plot(chart, sizes(Scale.of(_width_of(ax)), sheet), colours, ax, fitted=False))
            return ax
        from matplotlib import pyplot  # only here: it looks for a screen

        scale = sizes(Scale.of(width_cm, height_cm), sheet)
        figure = pyplot.figure(figsize=(scale.width, scale.height), facecolor=colours["page"])
        paint(Plot(chart, scale, colours, made := figure.add_axes(_FIRST_GUESS)))
        return made


def _width_of(ax: Axes) -> float:
    """How wide would the figure be, in centimetres, if the axes were its only ones?"""
    figure = ax.get_figure(root=True)
    inches = ax.get_window_extent().width / figure.dpi if figure is not None else 0.0
    return min(max(inches / CM / _FIRST_GUESS[2], NARROWEST_CM), WIDEST_CM)


def paint(plot: Plot) -> None:
    """Put everything that a chart says onto its axes."""
    frame(plot)
    title(plot)
    for depth, layer in enumerate(plot.chart.layers):
        layers.draw(layer, plot, 2.0 + depth)
    fit(plot)
    legend(plot)
    place_labels(plot)
