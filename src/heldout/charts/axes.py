"""Which axes suit some curves: ticks, limits and names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from heldout.charts.curve import DrawnCurve, Look
from heldout.charts.hints import Hints
from heldout.charts.spec import Axis, Colour, Side, shorten
from heldout.charts.ticks import (
    MOST,
    NEARLY_THERE,
    inner_ticks,
    log_ticks,
    paired_ticks,
    round_ticks,
    single_ticks,
    spread_ticks,
    step_start,
    step_ticks,
    whole_multiples,
)
from heldout.errors import ChartError

LONGEST_NAME = 44  # characters

_ROOM = 0.035  # between the outermost point and the frame, as a share of the axis
# Times the range of the flatter of two shares: on a scale of more, it would be a straight line.
_FLATTEST = 6.0


def x_axis(curves: Sequence[DrawnCurve], hints: Hints) -> Axis:
    """Return the axis that all curves share."""
    abscissa = curves[0].abscissa
    label, unit = hints.x_label or abscissa.label, "" if hints.x_label else abscissa.unit
    limits = hints.x_limits
    if limits is None:
        first, last = min(curve.step[0] for curve in curves), max(curve.step[-1] for curve in curves)
        ticks, limits = _whole_x(float(first), float(last), hints, abscissa.whole)
    else:
        ticks = _within(limits, hints.ticks("x")) or _ticks_between(limits, "x" in hints.log, abscissa.whole)
    return Axis(label, ticks, limits, unit=unit, log="x" in hints.log)


def _whole_x(first: float, last: float, hints: Hints, whole: bool) -> tuple[tuple[float, ...], tuple[float, float]]:
    """Return ticks and limits of an x axis of which everything is seen."""
    if "x" in hints.log:
        limits = _stretched(first, last)
        return hints.ticks("x") or log_ticks(*limits), limits
    start = step_start(last, first)
    ticks = hints.ticks("x") or (step_ticks(last, first) if whole else _part_ticks(start, last))
    low, high = min(start, ticks[0]), max(last, ticks[-1])
    room = 0.02 * (high - low) or 1.0
    return ticks, (low - room, high + room)


def _part_ticks(start: float, last: float) -> tuple[float, ...]:
    return spread_ticks(start, last + NEARLY_THERE * (last - start), MOST) or (start,)


def _ticks_between(limits: tuple[float, float], log: bool, whole: bool) -> tuple[float, ...]:
    if log:
        return log_ticks(*_above_zero("x", limits))
    ticks = whole_multiples(*limits, MOST) if whole else ()
    return ticks if len(ticks) > 1 else inner_ticks(*limits)


def y_axes(left: Sequence[DrawnCurve], right: Sequence[DrawnCurve], hints: Hints) -> tuple[Axis, Axis | None]:
    """Return the axes of both sides; the right one is None if no curve is there."""
    if any(hints.limits(side) or side in hints.log for side in ("left", "right")):
        own = _alone("left", left, hints)
        return own, _alone("right", right, hints) if right else None
    extents = [_union(curve.extent for curve in side) for side in (left, right) if side]
    if right and _of_one_scale([*left, *right], extents) and not (hints.ticks("left") or hints.ticks("right")):
        extents = [_union(iter(extents))] * 2
    ticks = _y_ticks(extents, hints)
    rooms = [_room(side, own) for side, own in zip((left, right), ticks, strict=False)]
    if len({len(own) for own in ticks}) == 1:  # one grid serves both only if both reach equally far beyond it
        rooms = [(max(low for low, _ in rooms), max(high for _, high in rooms))] * len(rooms)
    axes = [_y_axis(side[0].look, own, room) for side, own, room in zip((left, right), ticks, rooms, strict=False)]
    return axes[0], axes[1] if len(axes) > 1 else None


def _alone(which: str, curves: Sequence[DrawnCurve], hints: Hints) -> Axis:
    """Return the axis of one side that asks nothing of the other."""
    look, log, limits = curves[0].look, which in hints.log, hints.limits(which)
    if limits is not None:
        seen = _above_zero(which, limits) if log else limits
        ticks = _within(limits, hints.ticks(which)) or (log_ticks(*seen) if log else inner_ticks(*seen))
        return _named(look, ticks, limits, log)
    if log:
        limits = _stretched(*_positive(curves))
        return _named(look, hints.ticks(which) or log_ticks(*limits), limits, log)
    ticks = hints.ticks(which) or single_ticks(*_union(curve.extent for curve in curves))
    return _y_axis(look, ticks, _room(curves, ticks))


def _positive(curves: Sequence[DrawnCurve]) -> tuple[float, float]:
    """Return the range of curves that are all above 0."""
    for curve in curves:
        lowest = float(curve.line[1].min())
        if lowest <= 0.0:
            name = curve.series.name
            raise ChartError(
                f"{name} falls to {lowest:g}, and a logarithmic axis shows what is above 0; leave --log out."
            )
    low = min(float(curve.line[1].min()) for curve in curves)
    return low, _union(curve.extent for curve in curves)[1]


def _stretched(low: float, high: float) -> tuple[float, float]:
    """Leave some room at both ends of a logarithmic axis; one of no width gets some."""
    room = max((high / low) ** _ROOM, 1.02) if high > low else 2.0
    return low / room, high * room


def _above_zero(which: str, limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] <= 0.0:
        raise ChartError(f"The {which} axis is to begin at {limits[0]:g}; a logarithmic one begins above 0.")
    return limits


def _within(limits: tuple[float, float], ticks: tuple[float, ...] | None) -> tuple[float, ...]:
    return tuple(tick for tick in ticks or () if limits[0] <= tick <= limits[1])


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
    return _named(look, ticks, (ticks[0] - room[0] * span, ticks[-1] + room[1] * span))


def _named(look: Look, ticks: tuple[float, ...], limits: tuple[float, float], log: bool = False) -> Axis:
    colour = Colour.LEFT if look.side == Side.LEFT else Colour.RIGHT
    name = look.name if look.chosen else shorten(look.name, LONGEST_NAME)
    return Axis(name, ticks, limits, colour, look.unit, log=log)


def _union(ranges: Iterator[tuple[float, float]]) -> tuple[float, float]:
    lows, highs = zip(*ranges, strict=True)
    return min(lows), max(highs)
