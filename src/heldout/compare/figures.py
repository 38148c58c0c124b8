"""The figures of a comparison: the scores of every recipe over steps, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np

from heldout.charts import Axis, Band, Chart, Colour, Dash, Line, Marker, Place, Rule, Side
from heldout.charts.spec import Layer
from heldout.charts.ticks import single_ticks, step_ticks
from heldout.compare import words
from heldout.compare.model import Comparison, Curve, Recipe, Track
from heldout.stats import seeds
from heldout.stats.arrays import FloatArray

MOST = 5  # recipes that one figure can hold
_COLOURS = (Colour.LEFT, Colour.RIGHT, Colour.RIGHT_2, Colour.RIGHT_3, Colour.RIGHT_4)
_DASHES = (Dash.SOLID, Dash.DASHED, Dash.DOTTED, Dash.DASH_DOT, Dash.SOLID)
_ROOM = 0.02  # of the width, at both ends
_FAINT = 0.35


def scores(found: Comparison) -> Chart | None:
    """Draw the scores of up to five recipes over steps: every seed faint, their mean with its 95 % t-interval.

    None where no run was evaluated twice.
    """
    shown = [recipe for recipe in found.recipes if any(len(steps) for steps, _ in recipe.tracks)][:MOST]
    if not any(len(steps) > 1 for recipe in shown for steps, _ in recipe.tracks):
        return None
    layers = [
        layer
        for recipe, colour, dash in zip(shown, _COLOURS, _DASHES, strict=False)
        for layer in _recipe(found, recipe, colour, dash)
    ]
    left_out = len(found.recipes) - len(shown)
    more = f" {left_out} more are not drawn." if left_out > 0 else ""
    caption = f"Held-out score over training steps, as logged.{_bands(shown)}{more}"
    return _chart(layers, "Held-out score", "%" if found.spoken.share else "", caption)


def _bands(shown: Sequence[Recipe]) -> str:
    several = [recipe for recipe in shown if len(recipe.tracks) > 1]
    if not several:
        return " One run each."
    return " Faint lines are seeds; thick ones their mean, with its 95 % t-interval over seeds (k in the legend)."


def _recipe(found: Comparison, recipe: Recipe, colour: Colour, dash: Dash) -> Iterator[Layer]:
    tracks = [(steps.astype(np.float64), _drawn(found, values)) for steps, values in recipe.tracks if len(steps)]
    label = words.name(recipe.name)
    if len(tracks) == 1:
        yield _line(*tracks[0], label, colour, dash)
        return
    for steps, values in tracks:
        yield Line(Side.LEFT, steps, values, colour=colour, width=0.7, alpha=_FAINT)
    yield from _mean(tracks, f"{label} (k = {len(tracks)})", colour, dash, found.spoken.share)


def _mean(tracks: Sequence[Track], label: str, colour: Colour, dash: Dash, share: bool) -> Iterator[Layer]:
    """The mean over seeds at the steps that all have, and its interval."""
    shared = reduce(np.intersect1d, [steps for steps, _ in tracks])
    if not len(shared):
        return
    rows = np.stack([values[np.searchsorted(steps, shared)] for steps, values in tracks])
    found = [seeds.mean(column) for column in rows.T]
    low, high = (np.array([getattr(one, end) for one in found]) for end in ("low", "high"))
    if share:
        low, high = np.clip(low, 0.0, 100.0), np.clip(high, 0.0, 100.0)
    wide = high > low  # where all seeds have one score, a band of no width would say that nothing is unsure
    if wide.any():
        yield Band(Side.LEFT, shared[wide], low[wide], high[wide], colour=colour, alpha=0.15)
    yield _line(shared, rows.mean(axis=0), label, colour, dash)


def difference(found: Comparison, curve: Curve) -> Chart:
    """Draw the difference of two recipes over steps, with the band that holds for the whole curve."""
    whole = 100.0 if found.spoken.share else 1.0
    steps, value = curve.steps.astype(np.float64), whole * curve.value
    layers: list[Layer] = [Rule(value=0.0, colour=Colour.MUTED, dash=Dash.SOLID)]
    known = np.isfinite(curve.low) & np.isfinite(curve.high)
    if known.any():
        low, high = (whole * end[known] for end in (curve.low, curve.high))
        layers.append(Band(Side.LEFT, steps[known], low, high, curve.method))
    pair = f"{words.name(curve.a)} - {words.name(curve.b)}"
    layers.append(_line(steps, value, pair, Colour.LEFT, Dash.SOLID))
    caption = f"{words.over_steps(found, curve)} Above 0 {words.name(curve.a)} is ahead."
    return _chart(layers, "Difference", "points" if found.spoken.share else "", caption)


def _line(steps: FloatArray, values: FloatArray, label: str, colour: Colour, dash: Dash) -> Line:
    marker = Marker.CIRCLE if len(steps) <= 60 else Marker.NONE
    return Line(Side.LEFT, steps, values, label, colour, dash, marker)


def _drawn(found: Comparison, scores: FloatArray) -> FloatArray:
    """Judged scores as they are drawn: as logged, shares in percent."""
    whole = 100.0 if found.spoken.share else 1.0
    return np.array([whole * found.spoken.as_logged(score) for score in scores.tolist()], dtype=np.float64)


def _chart(layers: Sequence[Layer], label: str, unit: str, caption: str) -> Chart:
    """Put layers on axes that hold all lines; a band may reach beyond them."""
    lines = [layer for layer in layers if isinstance(layer, Line)]
    first, last = (float(end([end(line.step) for line in lines])) for end in (np.min, np.max))
    bands = [layer for layer in layers if isinstance(layer, Band)]
    low, high = _limits(lines, bands)
    ticks = single_ticks(low, high)
    room, across = _ROOM * (last - first) or 1.0, _ROOM * (ticks[-1] - ticks[0])
    x = Axis("Training step", step_ticks(last, first), (first - room, last + room))
    left = Axis(label, ticks, (min(ticks[0], low) - across, max(ticks[-1], high) + across), unit=unit)
    return Chart(x=x, left=left, layers=tuple(layers), caption=caption, legend=Place.AUTO)


def _limits(lines: Sequence[Line], bands: Sequence[Band]) -> tuple[float, float]:
    """All lines, and as much of the bands as leaves the lines half of the height."""
    low, high = min(float(line.value.min()) for line in lines), max(float(line.value.max()) for line in lines)
    room = 0.5 * (high - low) or 1.0
    ends = [(float(band.low.min()), float(band.high.max())) for band in bands]
    below, above = min((end for end, _ in ends), default=low), max((end for _, end in ends), default=high)
    return max(below, low - room), min(above, high + room)
