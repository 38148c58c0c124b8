"""What a figure should look like where its defaults are not wanted: the axes of a published one, say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heldout.charts.spec import Dash, Marker, Place, as_place
from heldout.charts.ticks import spaced_ticks
from heldout.errors import ChartError

MOST_TICKS = 41


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
        Text for the chart; the caption is composed if not given.
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

    def __post_init__(self) -> None:
        for name in ("left_ticks", "right_ticks", "x_ticks"):
            asked = getattr(self, name)
            if asked is not None and not _can_tick(asked):
                raise ChartError(
                    f"{name} is {asked}; it must be the first tick, the last one and the distance between two, "
                    f"such as (0, 700, 100), with at most {MOST_TICKS} ticks in all."
                )
        if self.legend is not None:
            as_place(self.legend)

    def ticks(self, which: str) -> tuple[float, ...] | None:
        """Return all ticks of ``left``, ``right`` or ``x``, if they are given."""
        asked = getattr(self, f"{which}_ticks")
        return spaced_ticks(*asked) if asked is not None else None


def _can_tick(asked: Sequence[float]) -> bool:
    if len(asked) != 3 or not np.isfinite(asked).all():
        return False
    first, last, step = asked
    return step > 0 and last > first and (last - first) / step < MOST_TICKS


NO_HINTS = Hints()
