"""Draw the layers of a chart, each with matplotlib's own marks, in the units of its axes."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from heldout.charts.curve import broken, reduce
from heldout.charts.matplotlib_backend.plot import DASHES, Look, Plot
from heldout.charts.spec import Band, Colour, Line, Marker, Points, Rule, Span, Text
from heldout.stats.arrays import FloatArray

_MARKERS = {
    Marker.NONE: "",
    Marker.CIRCLE: "o",
    Marker.SQUARE: "s",
    Marker.DIAMOND: "D",
    Marker.TRIANGLE: "^",
    Marker.ABOVE: "^",
    Marker.BELOW: "v",
    Marker.RING: "o",
}
_MARKER_SIZES = {
    Marker.SQUARE: 0.92,
    Marker.DIAMOND: 0.88,
    Marker.TRIANGLE: 1.1,
    Marker.RING: 2.1,
}


@singledispatch
def draw(layer: object, plot: Plot, depth: float) -> None:
    """Draw one layer at a depth of the order of drawing."""
    raise TypeError(f"{type(layer).__name__} is not a layer.")


@draw.register
def _(layer: Line, plot: Plot, depth: float) -> None:
    part = _seen(plot, layer.step)
    step, value = broken(*reduce(layer.step[part], layer.value[part], plot.columns), breaks=layer.breaks)
    colour, width = plot.palette[layer.colour], plot.scale.line * layer.width
    place: Look = {"transform": plot.data(layer.side)}
    pen: Look = {"color": colour, "linewidth": width, "linestyle": DASHES[layer.dash]}
    joints: Look = {"solid_joinstyle": "round", "dash_joinstyle": "round"}
    plot.axes.plot(step, value, alpha=layer.alpha, zorder=depth, **place, **pen, **joints)
    marks = _marker(plot, layer.marker, layer.colour)
    if layer.marker is not Marker.NONE:
        at, height = layer.at_marks()
        seen = plot.chart.x.sees(at)
        plot.axes.plot(at[seen], height[seen], linestyle="none", zorder=depth + 0.5, **place, **marks)
    if layer.label:
        plot.handles.append((Line2D([], [], **pen, **marks), layer.label))


@draw.register
def _(layer: Points, plot: Plot, depth: float) -> None:
    place: Look = {"transform": plot.data(layer.side), "alpha": layer.alpha, "zorder": depth}
    if layer.bars is not None:
        low, high = layer.bars
        reach, width = np.maximum((layer.value - low, high - layer.value), 0.0), 0.55 * plot.scale.line
        pen: Look = {"ecolor": plot.palette[layer.colour], "elinewidth": width, "capthick": width}
        plot.axes.errorbar(
            layer.step, layer.value, yerr=reach, fmt="none", capsize=0.2 * plot.scale.font, **pen, **place
        )
    if layer.marker is not Marker.NONE:
        marks = _marker(plot, layer.marker, layer.colour, layer.size)
        seen = plot.chart.x.sees(layer.step) & plot.chart.axis(layer.side).sees(layer.value)
        plot.axes.plot(layer.step[seen], layer.value[seen], linestyle="none", clip_on=False, **place, **marks)
        if layer.label:
            plot.handles.append((Line2D([], [], linestyle="none", **marks), layer.label))


@draw.register
def _(layer: Band, plot: Plot, depth: float) -> None:
    step, low, high = broken(layer.step, layer.low, layer.high, breaks=layer.breaks)
    look: Look = {"color": plot.palette[layer.colour], "alpha": layer.alpha, "linewidth": 0, "zorder": depth}
    patch = plot.axes.fill_between(step, low, high, transform=plot.data(layer.side), **look)
    if layer.label:
        plot.handles.append((patch, layer.label))


@draw.register
def _(layer: Span, plot: Plot, depth: float) -> None:
    colour = plot.palette[layer.colour]
    plot.axes.axvspan(layer.low, layer.high, color=colour, alpha=layer.alpha, linewidth=0, zorder=1.0)
    if layer.label:
        plot.handles.append((Patch(facecolor=colour, alpha=2 * layer.alpha, linewidth=0), layer.label))


@draw.register
def _(layer: Rule, plot: Plot, depth: float) -> None:
    width, dash = 0.6 * plot.scale.line, DASHES[layer.dash]
    look: Look = {"color": plot.palette[layer.colour], "linewidth": width, "linestyle": dash, "zorder": 1.8}
    if layer.step is not None:
        plot.axes.axvline(layer.step, **look)
    elif layer.value is not None:
        ends = np.full(2, float(plot.chart.axis(layer.side).fraction(layer.value)))
        plot.axes.plot([0.0, 1.0], ends, transform=plot.axes.transAxes, **look)
    plot.labels.append(layer)


@draw.register
def _(layer: Text, plot: Plot, depth: float) -> None:
    plot.labels.append(layer)


def _seen(plot: Plot, step: FloatArray) -> slice:
    """Return which points of a curve are seen, and the next one on either side, to which its line goes."""
    first, last = np.searchsorted(step, plot.chart.x.limits)
    return slice(max(int(first) - 1, 0), int(last) + 1)


def _marker(plot: Plot, marker: Marker, role: Colour, size: float = 1.0) -> dict[str, Any]:
    ring, colour = marker is Marker.RING, plot.palette[role]
    return {
        "marker": _MARKERS[marker],
        "markersize": size * plot.scale.marker * _MARKER_SIZES.get(marker, 1.0),
        "markerfacecolor": "none" if ring else colour,
        "markeredgecolor": colour if ring else plot.palette["ground"],
        "markeredgewidth": (0.6 if ring else 0.35) * plot.scale.line,
    }
