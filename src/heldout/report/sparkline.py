"""Reward and held-out score so small that they fit into a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from markupsafe import Markup, escape

from heldout.metrics import Unit
from heldout.metrics.phrasing import written
from heldout.run import Run, Series

_POINTS = 24  # of each line: more are means of equally wide stretches of steps
WIDTH, HEIGHT = 120, 28  # of the drawing, in pixels of a page, whose style gives it this size
_EDGE = 2  # left free around the lines, for their width
_LEAST_SHARE = 0.1  # a share that moves by less fills no more of the height than this would

Points = tuple[tuple[float, float], ...]
Scale = tuple[float, float]  # lowest and highest


@dataclass(frozen=True, slots=True)
class Spark:
    """Two lines of at most 24 points, step and value each: shares as fractions, anything else as logged."""

    reward: Points = ()
    held_out: Points = ()
    shares: tuple[bool, bool] = (False, False)  # whether the two are shares; if so they have one scale
    keep: int | None = None  # the step to keep
    text: str = ""  # both in words


def spark_of(run: Run, keep: int | None = None) -> Spark:
    """Return reward and held-out score of a run, at most 24 points each, with the step to keep.

    A longer series is shown by its means over equally wide stretches.
    """
    series = {role: run[role] for role in ("reward", "held_out") if role in run.roles and len(run[role])}
    units = {role: run.unit(one.name) for role, one in series.items()}
    points = {role: _means(one, 100.0 if units[role] is Unit.PERCENT else 1.0) for role, one in series.items()}
    reward, held_out = (role in units and units[role] is not Unit.SCORE for role in ("reward", "held_out"))
    text = "; ".join(_told(units[role], role, one) for role, one in series.items())
    return Spark(points.get("reward", ()), points.get("held_out", ()), (reward, held_out), keep, text)


def _means(series: Series, whole: float) -> Points:
    step, value = series.step.astype(np.float64), series.value / whole
    if len(step) > _POINTS:
        edges = np.linspace(step[0], step[-1], _POINTS + 1)[:-1]
        starts = np.unique(np.searchsorted(step, edges))
        count = np.diff([*starts, len(step)])
        weights = 1.0 / np.repeat(count, count)  # before they are summed, so that no sum is too large
        step, value = np.add.reduceat(step * weights, starts), np.add.reduceat(value * weights, starts)
    return tuple(zip(step.tolist(), value.tolist(), strict=True))


def _told(unit: Unit, role: str, series: Series) -> str:
    span = float(series.value.max()) - float(series.value.min())
    first, last = (written(unit, float(series.value[end]), span or None) for end in (0, -1))
    return f"{'held-out' if role == 'held_out' else role} {first} to {last}"


def drawn(sparks: Sequence[Spark], text: str = "") -> Markup:
    """Draw one run's lines, or the held-out scores of several, as SVG that takes its colours from the page.

    Two shares have one scale; anything else is drawn between its own lowest and highest value.
    """
    lines = [("h", one.held_out, one.shares[1]) for one in sparks if one.held_out]
    lines += [("r", one.reward, one.shares[0]) for one in sparks if one.reward and len(sparks) == 1]
    if not lines:
        return Markup()
    steps = _extent([step for _, points, _ in lines for step, _ in points])
    same = all(share for *_, share in lines)
    scales = {
        kind: _extent([value for other, points, _ in lines for _, value in points if same or kind == other])
        for kind in "hr"
    }
    paths = [f'<path class="{kind}" d="{_path(points, steps, scales[kind], share)}"/>' for kind, points, share in lines]
    keep = sparks[0].keep if len(sparks) == 1 else None
    mark = "" if keep is None else f'<path class="k" d="M{_x(keep, steps)} 0v{HEIGHT}"/>'
    head = f'<svg role="img" aria-label="{escape(text or sparks[0].text)}">'
    return Markup(f"{head}{mark}{''.join(reversed(paths))}</svg>")


def _extent(values: Sequence[float]) -> Scale:
    return (min(values), max(values)) if values else (0.0, 1.0)


def _path(points: Points, steps: Scale, scale: Scale, share: bool) -> str:
    """Write a line as one path of whole units, each point relative to the one before; a single one as a dot."""
    at = [(_x(step, steps), _y(value, scale, share)) for step, value in points]
    moves = [(x - before[0], y - before[1]) for before, (x, y) in pairwise(_corners(at))] or [(0, 0)]
    return f"M{at[0][0]} {at[0][1]}l" + " ".join(f"{x}{y}" if y < 0 else f"{x} {y}" for x, y in moves)


def _corners(at: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Leave out the points inside of a level stretch: the line is the same without them."""
    inside = (before[1] == here[1] == after[1] for before, here, after in zip(at, at[1:], at[2:], strict=False))
    return [at[0], *(point for point, level in zip(at[1:-1], inside, strict=True) if not level), *at[1:][-1:]]


def _x(step: float, steps: Scale) -> int:
    first, last = steps
    return _EDGE + round((WIDTH - 2 * _EDGE) * min(max((step - first) / max(last - first, 1.0), 0.0), 1.0))


def _y(value: float, scale: Scale, share: bool) -> int:
    """Return how far down a value is drawn: halves are subtracted, as no difference of them is too large."""
    low, high = (0.5 * end for end in scale)
    span = max(high - low, 0.5 * _LEAST_SHARE if share else 0.0)
    up = 0.5 + (0.5 * value - 0.5 * (low + high)) / span if span > 0.0 else 0.5
    return HEIGHT - _EDGE - round((HEIGHT - 2 * _EDGE) * min(max(up, 0.0), 1.0))
