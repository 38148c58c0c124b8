"""What a figure should look like where the default is not wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, TypeAlias, get_args

import numpy as np

from heldout.charts.spec import Dash, Marker, Place, as_place
from heldout.charts.ticks import spaced_ticks
from heldout.errors import ChartError

XAxis: TypeAlias = Literal["step", "tokens", "time", "sqrt-kl"]
Limits: TypeAlias = tuple[float, float]

X_AXES: tuple[XAxis, ...] = get_args(XAxis)
SIDES = frozenset({"x", "left", "right"})
MOST_TICKS = 41  # of one axis; more cannot be told apart


@dataclass(frozen=True, slots=True)
class Hints:
    """What a figure should look like where the default is not wanted; None leaves the default.

    Attributes
    ----------
    left_ticks, right_ticks, x_ticks
        First tick, last tick and the distance between two, as in ``(3.0, 5.0, 0.25)``. The limits follow, and reach
        beyond the ticks where the curves do.
    left_label, right_label, x_label
        Labels of the axes.
    left_name, right_name
        Names in the legend; the labels if not given.
    left_unit, right_unit
        Such as ``%``.
    left_marker, right_marker, left_dash, right_dash, grid
        How lines and grid are drawn.
    legend
        Where the legend goes.
    title, caption
        Text for the chart; the caption is composed if not given. In labels, names and title ``$…$`` is a formula.
    x
        What the curves are drawn against: the step, the tokens seen, the time since the start, or the square root of
        the KL divergence to the reference model.
    log
        Which of the axes ``x``, ``left`` and ``right`` are logarithmic.
    x_limits, left_limits, right_limits
        Lowest and highest value that can be seen. Curves are smoothed as if all of them were seen.
    raw
        Whether the values of a dense series stand behind its smoothed line.
    """

    left_ticks: Sequence[float] | None = None
    right_ticks: Sequence[float] | None = None
    x_ticks: Sequence[float] | None = None
    left_label: str | None = None
    right_label: str | None = None
    x_label: str | None = None
    left_name: str | None = None
    right_name: str | None = None
    left_unit: str | None = None
    right_unit: str | None = None
    left_marker: Marker | None = None
    right_marker: Marker | None = None
    left_dash: Dash | None = None
    right_dash: Dash | None = None
    grid: Dash | None = None
    legend: Place | str | None = None
    title: str | None = None
    caption: str | None = None
    x: XAxis = "step"
    log: frozenset[str] = frozenset()
    x_limits: Limits | None = None
    left_limits: Limits | None = None
    right_limits: Limits | None = None
    raw: bool = True

    def __post_init__(self) -> None:
        for name in ("left_ticks", "right_ticks", "x_ticks"):
            asked = getattr(self, name)
            if asked is not None and not _can_tick(asked):
                raise ChartError(
                    f"{name} is {asked}; it must be the first tick, the last one and the distance between two, "
                    f"such as (0, 700, 100), with at most {MOST_TICKS} ticks in all."
                )
        for name in ("x_limits", "left_limits", "right_limits"):
            asked = getattr(self, name)
            if asked is not None and not (len(asked) == 2 and np.isfinite(asked).all() and asked[0] < asked[1]):
                raise ChartError(f"{name} is {asked}; it must be the lowest and the highest value, such as (0, 700).")
        if self.legend is not None:
            as_place(self.legend)
        if self.x not in X_AXES:
            raise ChartError(f"The x axis cannot be {self.x!r}; it can be {', '.join(X_AXES)}.")
        if not self.log <= SIDES:
            raise ChartError(f"{min(self.log - SIDES)!r} is no axis; axes are {', '.join(sorted(SIDES))}.")

    def ticks(self, which: str) -> tuple[float, ...] | None:
        """Return all ticks of ``left``, ``right`` or ``x``, if they are given."""
        asked = getattr(self, f"{which}_ticks")
        return spaced_ticks(*asked) if asked is not None else None

    def limits(self, which: str) -> Limits | None:
        """Return the limits of ``left``, ``right`` or ``x``, if they are given."""
        asked: Limits | None = getattr(self, f"{which}_limits")
        return asked

    def over(self, other: Hints) -> Hints:
        """Return these hints, and those of another where these leave the default."""
        said = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) != one.default}
        return replace(other, **said)

    @property
    def written(self) -> frozenset[str]:
        """All words that a person chose, in which ``$…$`` is a formula."""
        words = (getattr(self, f"{side}_{what}", None) for side in sorted(SIDES) for what in ("label", "name", "unit"))
        return frozenset(filter(None, (*words, self.title)))


def _can_tick(asked: Sequence[float]) -> bool:
    if len(asked) != 3 or not np.isfinite(asked).all():
        return False
    first, last, step = asked
    return step > 0 and last > first and (last - first) / step < MOST_TICKS
