"""The standard figures of reinforcement learning after pre-training, each from a `Run` to a `Chart`.

* `reward_and_held_out`: does what the optimiser sees still say what it does not see?
* `length_and_pass_rate`: do longer answers solve more problems?
* `dual_axis`: any metric against any other, over the same steps

A series of 50 points or more is noise with a curve in it: its values stand faintly behind a smoothed line, and the
legend says over how many steps. A shorter one is drawn as it is, with 95 % bars where its standard errors are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from heldout.charts.curve import LINE_UNTIL, DrawnCurve, Look
from heldout.charts.spec import (
    Axis,
    Chart,
    Colour,
    Dash,
    Hints,
    Layer,
    Marker,
    Place,
    Rule,
    Side,
    Span,
    as_place,
    shorten,
)
from heldout.charts.ticks import paired_ticks, round_ticks, short_number, single_ticks, step_start, step_ticks
from heldout.errors import ChartError
from heldout.metrics import Unit
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray
from heldout.stats.levels import TWO_SIDED_95
from heldout.text import sentence_list

MOST_ON_THE_RIGHT = 4

_ROOM = 0.035  # between the outermost point and the frame, as a share of the axis
_NAME = 44  # characters
# Times the range of the flatter of two shares: on a scale of more, it would be a straight line.
_FLATTEST = 6.0


@dataclass(frozen=True, slots=True)
class Marks:
    """What a figure marks of a verdict.

    Attributes
    ----------
    chosen
        Step of the checkpoint to keep, marked by a line.
    tied
        First and last step of each stretch of checkpoints that cannot be told apart from it, shaded.
    onset
        Step by which the held-out score had fallen below its peak, marked by a dashed line.
    back
        Step by which it came back, if it did: the fall is over, and all that is marked of it is a grey stretch.
    """

    chosen: float | None = None
    tied: tuple[tuple[float, float], ...] = ()
    onset: float | None = None
    back: float | None = None

    @property
    def steps(self) -> tuple[float, ...]:
        """All steps that are marked."""
        ends = (step for stretch in self.tied for step in stretch)
        return tuple(step for step in (*ends, self.chosen, self.onset, self.back) if step is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """A share that a figure draws beside a metric, with a band; of shape (K,) each, fractions, finite."""

    name: str
    step: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray


def reward_and_held_out(
    run: Run,
    *,
    labels: Mapping[str, str] | None = None,
    hints: Hints | None = None,
    window: float | None = None,
    marks: Marks | None = None,
    peaks: bool = True,
    share: Share | None = None,
) -> Chart:
    """Does the reward still say what held-out problems say?

    The reward on the left (blue, circles), the held-out score on the right (vermillion, diamonds, dashed). Arguments
    are those of `dual_axis`; a `share` is drawn against the axis of the held-out score, where that is a share too. A
    run with one of the two gives a chart with one axis.
    """
    hints = hints or Hints()
    look = replace(hints, right_dash=hints.right_dash or Dash.DASHED)
    asked = _Asked(labels or {}, look, window, marks or Marks(), peaks, share)
    return _standard(run, "reward", "held_out", asked)


def length_and_pass_rate(
    run: Run,
    *,
    labels: Mapping[str, str] | None = None,
    hints: Hints | None = None,
    window: float | None = None,
    marks: Marks | None = None,
    peaks: bool = True,
) -> Chart:
    """Do longer answers solve more problems?

    The response length on the left (blue, squares), the held-out score on the right (vermillion, circles), over a
    dashed grid. Arguments are those of `dual_axis`. A run with one of the two gives a chart with one axis.
    """
    hints = hints or Hints()
    look = replace(
        hints,
        left_marker=hints.left_marker or Marker.SQUARE,
        right_marker=hints.right_marker or Marker.CIRCLE,
        grid=hints.grid or Dash.DASHED,
    )
    return _standard(run, "length", "held_out", _Asked(labels or {}, look, window, marks or Marks(), peaks))


def dual_axis(
    run: Run,
    left_key: str,
    right_key: str | Sequence[str] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    hints: Hints | None = None,
    window: float | None = None,
    marks: Marks | None = None,
    peaks: bool = True,
) -> Chart:
    """How do two metrics of one run move against each other?

    Parameters
    ----------
    run
        The run.
    left_key, right_key
        Keys or roles. On the right there may be up to four, which share the axis, or none.
    labels
        What to call each key or role; the key itself if not given.
    hints
        What should differ from the default look.
    window
        Full width in steps of the smoothing of dense series; suggested by the data if not given.
    marks
        What to mark of a verdict; nothing if not given.
    peaks
        Whether the highest value of each series is marked.

    Returns
    -------
    Chart
        A specification; nothing is drawn yet.

    Raises
    ------
    UnknownMetric
        If the run has no such key.
    ChartError
        If there is nothing to draw, or an argument is outside what is allowed.
    """
    keys = () if right_key is None else (right_key,) if isinstance(right_key, str) else tuple(right_key)
    return _figure(run, left_key, keys, _Asked(labels or {}, hints or Hints(), window, marks or Marks(), peaks))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a caller wants of a figure, as the arguments of `dual_axis` say."""

    labels: Mapping[str, str]
    hints: Hints
    window: float | None
    marks: Marks
    peaks: bool
    share: Share | None = None

    def called(self, key: str, run: Run) -> str:
        """What a key or role is called in this figure."""
        name = run[key].name
        return self.labels.get(key) or self.labels.get(name) or name


def _standard(run: Run, left: str, right: str, asked: _Asked) -> Chart:
    """Draw two roles, or the one that the run has."""
    if run.get(left) is None and run.get(right) is not None:
        hints = asked.hints
        hints = replace(
            hints,
            left_ticks=hints.right_ticks,
            left_label=hints.right_label,
            left_name=hints.right_name,
            left_unit=hints.right_unit,
        )
        return _figure(run, right, (), replace(asked, hints=hints))
    return _figure(run, left, (right,) if run.get(right) is not None else (), asked)


def _figure(run: Run, left: str, right: Sequence[str], asked: _Asked) -> Chart:
    """Draw one key or role on the left, and any on the right."""
    if len(right) > MOST_ON_THE_RIGHT:
        raise ChartError(
            f"{len(right)} metrics are asked for on the right axis; at most {MOST_ON_THE_RIGHT} can be told apart "
            f"there."
        )
    window = asked.window
    if window is not None and not (np.isfinite(window) and window > 0):
        raise ChartError(f"The smoothing window is {window}; it must be a positive number of steps.")
    curves = [DrawnCurve(run[left], _left_look(left, run, asked), window)]
    curves += [DrawnCurve(run[key], look, window) for key, look in _right_looks(right, run, asked)]
    return _compose(curves, asked, _beside(run, right[0], curves[1].look, asked.share) if right and asked.share else ())


def _beside(run: Run, key: str, look: Look, share: Share) -> tuple[DrawnCurve, ...]:
    """Return the curve of a share that goes with the one on the right, if that is a share too."""
    unit = run.unit(run[key].name)
    if unit is Unit.SCORE or not len(share.step):
        return ()
    whole = 100.0 if unit is Unit.PERCENT else 1.0
    series = Series(share.name, share.step.astype(np.int64), whole * share.value)
    its = replace(look, entry=share.name, colour=Colour.RIGHT_3, marker=Marker.TRIANGLE, dash=Dash.DOTTED)
    return (DrawnCurve(series, its, None, (whole * share.low, whole * share.high)),)


_RIGHT_STYLES = (
    (Colour.RIGHT, Marker.DIAMOND, Dash.SOLID),
    (Colour.RIGHT_2, Marker.TRIANGLE, Dash.DASHED),
    (Colour.RIGHT_3, Marker.SQUARE, Dash.DOTTED),
    (Colour.RIGHT_4, Marker.CIRCLE, Dash.DASH_DOT),
)


def _left_look(key: str, run: Run, asked: _Asked) -> Look:
    hints = asked.hints
    label = hints.left_label or asked.called(key, run)
    marker, dash = hints.left_marker or Marker.CIRCLE, hints.left_dash or Dash.SOLID
    entry, unit = hints.left_name or label, _unit(hints.left_unit, label)
    return Look(label, entry, unit, Side.LEFT, Colour.LEFT, marker, dash, _is_share(run, key))


def _right_looks(keys: Sequence[str], run: Run, asked: _Asked) -> Iterator[tuple[str, Look]]:
    hints = asked.hints
    axis = hints.right_label or _right_name([asked.called(key, run) for key in keys])
    unit = _unit(hints.right_unit, axis)
    for place, (key, (colour, marker, dash)) in enumerate(zip(keys, _RIGHT_STYLES, strict=False)):
        if place == 0:
            marker, dash = hints.right_marker or marker, hints.right_dash or dash
        entry = asked.called(key, run) if len(keys) > 1 else hints.right_name or axis
        yield key, Look(axis, entry, unit, Side.RIGHT, colour, marker, dash, _is_share(run, key))


def _is_share(run: Run, key: str) -> bool:
    """Is a metric a share by its name, or a reward that never leaves 0 to 1, as that of passed tests?"""
    series = run[key]
    if run.unit(series.name) is Unit.SHARE:
        return True
    return series.name == run.roles.get("reward") and bool(np.all((series.value >= 0) & (series.value <= 1)))


def _right_name(names: Sequence[str]) -> str:
    """Name an axis after its series, all of them where there is room."""
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names) if sum(map(len, names)) < _NAME else f"{names[0]} and {len(names) - 1} more"


def _unit(hinted: str | None, label: str) -> str:
    return hinted if hinted is not None else "%" if "%" in label else ""


def _compose(curves: Sequence[DrawnCurve], asked: _Asked, beside: Sequence[DrawnCurve] = ()) -> Chart:
    """Put axes, layers and words together; what stands `beside` the curves on the right has no peak of its own."""
    hints, every = asked.hints, (*curves, *beside)
    left = [curve for curve in every if curve.look.side == Side.LEFT]
    right = [curve for curve in every if curve.look.side == Side.RIGHT]
    x = _x_axis(every, hints)
    left_axis, right_axis = _y_axes(left, right, hints)
    chart = Chart(
        x=x,
        left=left_axis,
        right=right_axis,
        title=hints.title or "",
        legend=as_place(hints.legend or Place.AUTO),
        grid=hints.grid or Dash.SOLID,
    )
    peaks = _peak_layers(curves, chart) if asked.peaks else ()
    drawn = (*_curve_layers(every), *_beyond_layers(every, chart))
    chart = chart.with_layers(*drawn, *peaks, *_mark_layers(asked.marks, x))
    banded = "".join(f" {curve.look.entry}: the band is its 95 % interval." for curve in beside)
    caption = hints.caption if hints.caption is not None else _caption(chart, curves, asked) + banded
    return chart.with_caption(caption)


def _x_axis(curves: Sequence[DrawnCurve], hints: Hints) -> Axis:
    first, last = min(curve.step[0] for curve in curves), max(curve.step[-1] for curve in curves)
    ticks = hints.ticks("x") or step_ticks(last, first)
    low, high = min(step_start(last, first), ticks[0]), max(last, ticks[-1])
    room = 0.02 * (high - low) or 1.0
    return Axis(hints.x_label or "Training step", ticks, (float(low - room), float(high + room)))


def _y_axes(left: Sequence[DrawnCurve], right: Sequence[DrawnCurve], hints: Hints) -> tuple[Axis, Axis | None]:
    extents = [_union(curve.extent for curve in side) for side in (left, right) if side]
    if right and _of_one_scale([*left, *right], extents) and not (hints.ticks("left") or hints.ticks("right")):
        extents = [_union(iter(extents))] * 2
    ticks = _y_ticks(extents, hints)
    rooms = [_room(side, own) for side, own in zip((left, right), ticks, strict=False)]
    if len({len(own) for own in ticks}) == 1:  # one grid serves both only if both reach equally far beyond it
        rooms = [(max(low for low, _ in rooms), max(high for _, high in rooms))] * len(rooms)
    axes = [_y_axis(side[0].look, own, room) for side, own, room in zip((left, right), ticks, rooms, strict=False)]
    return axes[0], axes[1] if len(axes) > 1 else None


def _of_one_scale(curves: Sequence[DrawnCurve], extents: Sequence[tuple[float, float]]) -> bool:
    """Are all curves shares of 1? On two scales the lower of two shares may be drawn above the higher."""
    low, high = _union(iter(extents))
    shares = all(curve.look.share and not curve.look.unit for curve in curves)
    return shares and (high - low) <= _FLATTEST * min(top - bottom for bottom, top in extents)


def _y_ticks(extents: Sequence[tuple[float, float]], hints: Hints) -> list[tuple[float, ...]]:
    """Choose ticks: the hinted ones, or as many as on the hinted other side, or the pair that wastes least."""
    if len(extents) == 1:
        return [hints.ticks("left") or single_ticks(*extents[0])]
    left, right = hints.ticks("left"), hints.ticks("right")
    if left is None and right is None:
        return list(paired_ticks(extents[0], extents[1]))
    return [left or round_ticks(*extents[0], len(right or ())), right or round_ticks(*extents[1], len(left or ()))]


def _room(curves: Sequence[DrawnCurve], ticks: tuple[float, ...]) -> tuple[float, float]:
    """How far must an axis reach beyond its outer ticks, as shares of the distance between them?"""
    span = ticks[-1] - ticks[0]
    low, high = _union(curve.core for curve in curves)
    below, above = (ticks[0] - low) / span + _ROOM, (high - ticks[-1]) / span + _ROOM
    return max(0.0, below), max(0.0, above)


def _y_axis(look: Look, ticks: tuple[float, ...], room: tuple[float, float]) -> Axis:
    span = ticks[-1] - ticks[0]
    limits = (ticks[0] - room[0] * span, ticks[-1] + room[1] * span)
    colour = Colour.LEFT if look.side == Side.LEFT else Colour.RIGHT
    return Axis(shorten(look.name, _NAME), ticks, limits, colour, look.unit)


def _union(ranges: Iterator[tuple[float, float]]) -> tuple[float, float]:
    lows, highs = zip(*ranges, strict=True)
    return min(lows), max(highs)


def _mark_layers(marks: Marks, x: Axis) -> Iterator[Layer]:
    """Draw the chosen checkpoint, those tied with it, and where the fall began."""
    for step in marks.steps:
        if not x.limits[0] <= step <= x.limits[1]:
            low, high = x.limits
            raise ChartError(f"Step {step:g} is to be marked, and the chart goes from {low:g} to {high:g} only.")
    for place, (low, high) in enumerate(marks.tied):
        yield Span(low, high, "" if place else "tied checkpoints")
    if marks.chosen is not None:
        yield Rule(step=marks.chosen, label=f"checkpoint {marks.chosen:g}")
    if marks.onset is not None and marks.back is not None:
        yield Span(marks.onset, marks.back, "below its peak, and back", Colour.MUTED)
    elif marks.onset is not None:
        yield Rule(step=marks.onset, label=f"onset {marks.onset:g}", dash=Dash.DASHED)


def _curve_layers(curves: Sequence[DrawnCurve]) -> Iterator[Layer]:
    """Draw what stands behind, then bars, then the curves, each from right to left: the left one is never covered."""
    drawn = [*(c.behind() for c in curves), *(c.bars() for c in curves), *(c.curve() for c in curves)]
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


def _caption(chart: Chart, curves: Sequence[DrawnCurve], asked: _Asked) -> str:
    """Say what a reader has to know."""
    marks = asked.marks
    sentences = [_what(chart), *(_faint(curve, chart) for curve in curves)]
    barred = [curve.look.entry for curve in curves if curve.ends is not None]
    if barred:
        sentences.append(f"Bars on {sentence_list(barred)}: 95 % intervals ({TWO_SIDED_95:.2f} standard errors).")
    if asked.peaks and any(curve.peak for curve in curves):
        sentences.append("Rings mark the highest point of each curve.")
    if marks.chosen is not None:
        sentences.append(f"Vertical line: the checkpoint at step {marks.chosen:g}.")
    if marks.tied:
        listed = sentence_list([f"{low:g} to {high:g}" if high > low else f"{low:g}" for low, high in marks.tied])
        sentences.append(f"Shaded: steps {listed}, which cannot be told apart from it.")
    if marks.onset is not None and marks.back is not None:
        sentences.append(
            f"Grey: below its peak from step {marks.onset:g} on, the held-out score was back by {marks.back:g}."
        )
    elif marks.onset is not None:
        sentences.append(f"Dashed line: by step {marks.onset:g} the held-out score has fallen below its peak.")
    return " ".join(filter(None, sentences))


def _what(chart: Chart) -> str:
    right = "" if chart.right is None else f" (left) and {chart.right.label} (right)"
    return f"{chart.left.label}{right} against {_inside(chart.x.label)}."


def _inside(label: str) -> str:
    """Write a label inside a sentence: "Training step" loses its capital, "RL steps" does not."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def _faint(curve: DrawnCurve, chart: Chart) -> str:
    """Say what stands behind a smoothed line, and how much of it is out of view."""
    if not curve.dense:
        return ""
    name, count, wide = curve.look.entry, len(curve.series), short_number(curve.window)
    if count > LINE_UNTIL:
        return f"{name}: local-linear fit over {wide} steps; the band holds 90 % of its {count} values."
    low, high = chart.axis(curve.look.side).limits
    out = int(np.count_nonzero((curve.value < low) | (curve.value > high)))
    beyond = f", of which {out} lie outside the plot (arrows)" if out else ""
    return f"{name}: local-linear fit over {wide} steps; faint: its {count} values{beyond}."
