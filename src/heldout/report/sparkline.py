"""Reward and held-out score so small that they fit into a row of a table."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from markupsafe import Markup, escape

from heldout.metrics import Unit
from heldout.metrics.phrasing import written
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray

_POINTS = 60  # of each line: more are means of equally wide stretches of steps
WIDTH, HEIGHT = 120, 28  # of the drawing, in its own units
_EDGE = 2  # left free around the lines, for their width
_LEAST_SHARE = 0.1  # a share that moves by less fills no more of the height than this would


@dataclass(frozen=True, slots=True)
class Spark:
    """Two lines between 0 and 1, upwards and to the right, and what they are in words."""

    reward: tuple[tuple[float, float], ...] = ()
    held_out: tuple[tuple[float, float], ...] = ()
    keep: float | None = None  # where the step to keep lies
    text: str = ""

    @property
    def svg(self) -> Markup:
        """The drawing, in colours that the page gives it; nothing where there is no line."""
        lines = [(kind, points) for kind, points in (("r", self.reward), ("h", self.held_out)) if points]
        if not lines:
            return Markup()
        paths = "".join(f'<path class="{kind}" d="{_path(points)}"/>' for kind, points in lines)
        mark = "" if self.keep is None else f'<path class="k" d="M{_x(self.keep)} 0v{HEIGHT}"/>'
        head = f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.text)}">'
        return Markup(f"{head}{mark}{paths}</svg>")


def spark_of(run: Run, keep: int | None = None) -> Spark:
    """Return reward and held-out score of a run, at most 60 points each, with the step to keep.

    A longer series is shown by its means over equally wide stretches. Two shares have one scale; anything else is drawn
    between its own lowest and highest value, which the words give.
    """
    series = {role: run[role] for role in ("reward", "held_out") if role in run.roles and len(run[role])}
    if not series:
        return Spark()
    first = min(int(one.step[0]) for one in series.values())
    length = max(max(int(one.step[-1]) for one in series.values()) - first, 1)
    lines = {role: _means(one) for role, one in series.items()}
    same = all(run.unit(one.name) is not Unit.SCORE for one in series.values())
    whole = {role: 100.0 if run.unit(one.name) is Unit.PERCENT else 1.0 for role, one in series.items()}
    values = {role: value / whole[role] for role, (_, value) in lines.items()}
    every = np.concatenate(list(values.values()))
    heights = {
        role: _heights(value, every, _LEAST_SHARE) if same else _heights(value, value) for role, value in values.items()
    }
    drawn = {
        role: tuple(zip(((step - first) / length).round(3).tolist(), heights[role].round(3).tolist(), strict=True))
        for role, (step, _) in lines.items()
    }
    text = "; ".join(_told(run, role, one) for role, one in series.items())
    return Spark(
        drawn.get("reward", ()), drawn.get("held_out", ()), None if keep is None else (keep - first) / length, text
    )


def _means(series: Series) -> tuple[FloatArray, FloatArray]:
    step, value = series.step.astype(np.float64), series.value
    if len(step) <= _POINTS:
        return step, value
    edges = np.linspace(step[0], step[-1], _POINTS + 1)[:-1]
    starts = np.unique(np.searchsorted(step, edges))
    count = np.diff([*starts, len(step)])
    weights = 1.0 / np.repeat(count, count)  # before they are summed, so that no sum is too large
    return np.add.reduceat(step * weights, starts), np.add.reduceat(value * weights, starts)


def _heights(value: FloatArray, scale: FloatArray, least: float = 0.0) -> FloatArray:
    """Return values between the lowest (0) and the highest (1) of a scale, which spans no less than `least`."""
    largest = float(np.abs(scale).max()) or 1.0
    low, high = float((scale / largest).min()), float((scale / largest).max())
    span = max(high - low, least / largest) or 1.0
    return np.asarray(0.5 + (value / largest - 0.5 * (low + high)) / span)


def _told(run: Run, role: str, series: Series) -> str:
    unit, span = run.unit(series.name), float(series.value.max()) - float(series.value.min())
    first, last = (written(unit, float(series.value[end]), span or None) for end in (0, -1))
    return f"{'held-out' if role == 'held_out' else role} {first} to {last}"


def _path(points: tuple[tuple[float, float], ...]) -> str:
    """Write a line as one path of whole units, each point relative to the one before; a single one as a dot."""
    at = [(_x(x), _y(y)) for x, y in points]
    moves = [(x - before[0], y - before[1]) for before, (x, y) in pairwise(at)] or [(0, 0)]
    return f"M{at[0][0]} {at[0][1]}l" + " ".join(f"{x}{y}" if y < 0 else f"{x} {y}" for x, y in moves)


def _x(at: float) -> int:
    return _EDGE + round((WIDTH - 2 * _EDGE) * at)


def _y(height: float) -> int:
    return HEIGHT - _EDGE - round((HEIGHT - 2 * _EDGE) * min(max(height, 0.0), 1.0))
