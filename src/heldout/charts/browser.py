"""A chart as data for a page, schema ``heldout.chart/1``: what a script needs to draw it again at any zoom.

A series that is longer than a screen is wide is reduced to the lowest and the highest value of each column; how many
steps go into one point is told (`per_pixel`), so that a reader knows what a closer look would need. A server sends a
window of steps in the same form, with as many columns as the screen has.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any, TypeAlias

import numpy as np

from heldout.charts.curve import broken, reduce
from heldout.charts.spec import Axis, Band, Chart, Dash, Layer, Line, Marker, Points, Rule, Span, Text
from heldout.stats.arrays import FloatArray
from heldout.text import visible

SCHEMA = "heldout.chart/1"
COLUMNS = 2000  # of a page in one file; two points each

_EXACT = 200  # points up to which every digit is kept
_DIGITS = 7  # significant ones of a longer series; a screen shows four

Window: TypeAlias = tuple[float, float]


def as_data(chart: Chart, columns: int = COLUMNS, window: Window | None = None) -> dict[str, Any]:
    """What does a page need to draw a chart?

    Parameters
    ----------
    chart
        The specification.
    columns
        Pixel columns that the steps are divided into; a longer series keeps the lowest and the highest value of each.
    window
        First and last step that are wanted, all if not given; what crosses the edge comes with one point beyond it.

    Returns
    -------
    dict
        Plain JSON. ``x``, ``left``, ``right`` are axes (label, unit, limits, ticks and their texts, colour, whether
        logarithmic);
        ``layers`` are drawn from the first to the last; ``per_pixel`` is how many steps go into a point where values
        were left out, null where every value is there. A null among values interrupts a line.
    """
    low, high = window or (-np.inf, np.inf)
    layers = [layer for part in chart.layers for layer in _layers(part, columns, (low, high))]
    return {
        "schema": SCHEMA,
        "title": visible(chart.name),
        "caption": visible(chart.caption),
        "x": _axis(chart.x),
        "left": _axis(chart.left),
        "right": None if chart.right is None else _axis(chart.right),
        "one_scale": chart.right is not None and chart.right.limits == chart.left.limits,
        "grid": chart.grid.value,
        "per_pixel": max((layer.pop("per_pixel", 0.0) for layer in layers), default=0.0) or None,
        "layers": layers,
    }


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "label": visible(axis.title),
        "unit": visible(axis.unit),
        "limits": list(axis.limits),
        "ticks": list(axis.ticks),
        "texts": list(axis.tick_texts),
        "colour": axis.colour.value,
        "log": axis.log,
    }


@singledispatch
def _layers(layer: Layer, columns: int, window: Window) -> Iterator[dict[str, Any]]:
    raise NotImplementedError(type(layer))


@_layers.register
def _(layer: Line, columns: int, window: Window) -> Iterator[dict[str, Any]]:
    at, marks = (_numbers(array) for array in layer.at_marks())
    marked = {"marked": [at, marks]} if layer.marked is not None else {}
    look = {"dash": layer.dash.value, "marker": layer.marker.value, "width": layer.width, "alpha": layer.alpha}
    reduced = _reduced(layer.step, layer.value, columns, window, layer.breaks)
    yield _head("line", layer) | look | {"raw": layer.raw} | marked | reduced


@_layers.register
def _(layer: Band, columns: int, window: Window) -> Iterator[dict[str, Any]]:
    if layer.of is not None:
        faint = {"dash": Dash.SOLID.value, "marker": Marker.NONE.value, "width": 0.4, "alpha": 0.3, "raw": True}
        values = _reduced(*layer.of, columns, window, layer.breaks)
        yield {"kind": "line", "side": layer.side.value, "label": "", "colour": layer.colour.value} | faint | values
    step, low, high = _summed(layer, columns, _inside(layer.step, window))
    step, low, high = broken(step, low, high, breaks=_between(layer.breaks, step))
    ends = {"steps": _numbers(step), "low": _numbers(low), "high": _numbers(high)}
    yield _head("band", layer) | {"alpha": layer.alpha} | ends


@_layers.register
def _(layer: Points, columns: int, window: Window) -> Iterator[dict[str, Any]]:
    part = _inside(layer.step, window)
    look = {"marker": layer.marker.value, "size": layer.size, "alpha": layer.alpha}
    points = {"steps": _numbers(layer.step[part]), "values": _numbers(layer.value[part])}
    low, high = layer.bars or (None, None)
    ends = {} if low is None or high is None else {"low": _numbers(low[part]), "high": _numbers(high[part])}
    yield _head("points", layer) | look | points | ends


@_layers.register
def _(layer: Rule, columns: int, window: Window) -> Iterator[dict[str, Any]]:
    yield _head("rule", layer) | {"dash": layer.dash.value, "step": layer.step, "value": layer.value}


@_layers.register
def _(layer: Text, columns: int, window: Window) -> Iterator[dict[str, Any]]:
    at = {"step": layer.step, "value": layer.value, "text": visible(layer.text)}
    yield {"kind": "text", "side": layer.side.value, "colour": layer.colour.value} | at


@_layers.register
def _(layer: Span, columns: int, window: Window) -> Iterator[dict[str, Any]]:
    ends = {"low": layer.low, "high": layer.high, "alpha": layer.alpha}
    yield {"kind": "span", "label": visible(layer.label), "colour": layer.colour.value} | ends


def _head(kind: str, layer: Line | Band | Points | Rule) -> dict[str, Any]:
    return {"kind": kind, "side": layer.side.value, "label": visible(layer.label), "colour": layer.colour.value}


def _reduced(
    step: FloatArray, value: FloatArray, columns: int, window: Window, breaks: tuple[float, ...]
) -> dict[str, Any]:
    part = _inside(step, window)
    step, value = step[part], value[part]
    kept, shown = reduce(step, value, columns)
    left_out = kept.size < step.size
    kept_broken, shown_broken = broken(kept, shown, breaks=_between(breaks, kept))
    told = {"per_pixel": float(step[-1] - step[0]) / columns} if left_out else {}
    return told | {"steps": _numbers(kept_broken), "values": _numbers(shown_broken)}


def _summed(layer: Band, columns: int, part: slice) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what a band covers, at two points a column at most."""
    step, low, high = layer.step[part], layer.low[part], layer.high[part]
    if step.size <= 2 * columns:
        return step, low, high
    starts = np.linspace(0, step.size, 2 * columns, endpoint=False).astype(np.int64)
    return step[starts], np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)


def _inside(step: FloatArray, window: Window) -> slice:
    """Return the points of a window, and one more on either side."""
    first, last = np.searchsorted(step, window[0], "left"), np.searchsorted(step, window[1], "right")
    return slice(max(int(first) - 1, 0), int(last) + 1)


def _between(breaks: tuple[float, ...], step: FloatArray) -> tuple[float, ...]:
    return tuple(at for at in breaks if step.size and step[0] < at < step[-1])


def _numbers(array: FloatArray) -> list[float | None]:
    """Return numbers as JSON knows them; a long series to the digits that can be seen."""
    numbers = array.tolist() if array.size <= _EXACT else [float(f"{number:.{_DIGITS}g}") for number in array.tolist()]
    return [_number(number) for number in numbers]


def _number(number: float) -> float | None:
    if number != number:
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
