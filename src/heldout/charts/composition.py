"""Put the curves of a figure together: axes, layers, marks of a verdict, and words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from heldout.charts.abscissa import Abscissa
from heldout.charts.axes import x_axis, y_axes
from heldout.charts.caption import caption
from heldout.charts.curve import DrawnCurve
from heldout.charts.hints import Hints
from heldout.charts.spec import Axis, Chart, Colour, Dash, Layer, Place, Rule, Side, Span, as_place
from heldout.charts.wanted import Marks, Wanted
from heldout.errors import ChartError


def compose(curves: Sequence[DrawnCurve], wanted: Wanted, beside: Sequence[DrawnCurve] = ()) -> Chart:
    """Make the chart of some curves; what stands `beside` those on the right has no peak of its own."""
    hints, every = wanted.hints, (*curves, *beside)
    left = [curve for curve in every if curve.look.side == Side.LEFT]
    right = [curve for curve in every if curve.look.side == Side.RIGHT]
    left_axis, right_axis = y_axes(left, right, hints)
    chart = Chart(
        x=x_axis(every, hints),
        left=left_axis,
        right=right_axis,
        title=hints.title or "",
        legend=as_place(hints.legend or Place.AUTO),
        grid=hints.grid or Dash.SOLID,
    )
    peaks = _peak_layers(curves, chart) if wanted.peaks else ()
    marks = _mark_layers(wanted.marks, chart.x, curves[0].abscissa, zoomed=hints.x_limits is not None)
    chart = chart.with_layers(*_curve_layers(every), *_beyond_layers(every, chart), *peaks, *marks)
    words = hints.caption if hints.caption is not None else caption(chart, curves, beside, wanted)
    return replace(chart.with_caption(words), mathtext=_formulas(chart, every, hints))


def _formulas(chart: Chart, curves: Sequence[DrawnCurve], hints: Hints) -> frozenset[str]:
    """Return the words of a chart in which ``$…$`` is a formula, because a person wrote them."""
    written = {words for words in hints.written if "$" in words}
    axes = (axis for axis in (chart.x, chart.left, chart.right) if axis is not None)
    titles = {axis.title for axis in axes if {axis.label, axis.unit} & written}
    return frozenset({chart.title} & written | titles | {one.entry for one in curves if one.look.entry in written})


def _mark_layers(marks: Marks, x: Axis, abscissa: Abscissa, *, zoomed: bool) -> Iterator[Layer]:
    """Draw the chosen checkpoint, those tied with it, and where the fall began; of a part, what lies in it."""
    for step in marks.steps:
        if not zoomed and abscissa.whole and not x.limits[0] <= step <= x.limits[1]:
            low, high = x.limits
            raise ChartError(f"Step {step:g} is to be marked, and the chart goes from {low:g} to {high:g} only.")
    named = False
    for low, high in marks.tied:
        yield from (spans := [*_span(low, high, "" if named else "tied checkpoints", Colour.MARK, x, abscissa)])
        named = named or bool(spans)
    if marks.chosen is not None:
        yield from _rule(marks.chosen, f"checkpoint {marks.chosen:g}", Dash.SOLID, x, abscissa)
    if marks.onset is not None and marks.back is not None:
        yield from _span(marks.onset, marks.back, "below its peak, and back", Colour.MUTED, x, abscissa)
    elif marks.onset is not None:
        yield from _rule(marks.onset, f"onset {marks.onset:g}", Dash.DASHED, x, abscissa)


def _span(low: float, high: float, label: str, colour: Colour, x: Axis, abscissa: Abscissa) -> Iterator[Layer]:
    ends = np.sort(abscissa.at([low, high]))
    if np.isfinite(ends).all() and ends[1] >= x.limits[0] and ends[0] <= x.limits[1]:
        first, last = np.clip(ends, *x.limits).tolist()
        yield Span(first, last, label, colour)


def _rule(step: float, label: str, dash: Dash, x: Axis, abscissa: Abscissa) -> Iterator[Layer]:
    at = float(abscissa.at(step))
    if x.sees(at):
        yield Rule(step=at, label=label, dash=dash)


def _curve_layers(curves: Sequence[DrawnCurve]) -> Iterator[Layer]:
    """Draw what stands behind, then bars, then the curves, each from right to left: the left one is never covered."""
    behind = [layer for curve in curves for layer in curve.behind()]
    drawn = [*behind, *(curve.bars() for curve in curves), *(curve.curve() for curve in curves)]
    return (layer for layer in drawn if layer is not None)


def _beyond_layers(curves: Sequence[DrawnCurve], chart: Chart) -> Iterator[Layer]:
    """Mark values that lie outside the frame."""
    for curve in curves:
        yield from curve.beyond(chart.axis(curve.look.side))


def _peak_layers(curves: Sequence[DrawnCurve], chart: Chart) -> Iterator[Layer]:
    """Mark the peaks; with more than two curves their values would crowd the plot."""
    marks = [curve.peak_mark() for curve in curves]
    texts = [curve.peak_text(chart.axis(curve.look.side)) for curve in curves] if len(curves) <= 2 else []
    return (layer for layer in (*marks, *texts) if layer is not None)
