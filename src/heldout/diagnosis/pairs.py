"""How two curves move together."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from heldout.diagnosis.model import Curve, Pair
from heldout.run import FloatArray
from heldout.stats.correlation import Aligned, Correlation, align, co_movement, lead_lag
from heldout.stats.smoothing import block_means

_MOST_POINTS = 2000  # a correlation of more points is not worth more: neighbours depend on each other


def pairs_of(curves: tuple[Curve, ...]) -> tuple[Pair, ...]:
    """Return every two curves that have at least four steps in common."""
    pairs = (pair(left, right) for left, right in combinations(curves, 2))
    return tuple(found for found in pairs if found.count >= 4)


def pair(left: Curve, right: Curve) -> Pair:
    """Describe how two curves move together."""
    common = together(left, right)
    movement = co_movement(common.step, common.a, common.b)
    return Pair(
        left=left.role,
        right=right.role,
        how=common.how,
        count=len(common.step),
        movement=movement,
        lead=lead_lag(common.a, common.b),
    )


def together(left: Curve, right: Curve) -> Aligned:
    """Bring two curves to common steps, as logged (a smoothed line would correlate with itself)."""
    step, value = _bounded(left)
    other_step, other = _bounded(right)
    return align(step, value, other_step, other)


def _bounded(curve: Curve) -> tuple[FloatArray, FloatArray]:
    step, value = curve.series.step.astype(np.float64), curve.series.value
    if len(step) > _MOST_POINTS:
        step, value, _ = block_means(step, value, _MOST_POINTS)
    return step, value


def written_r(correlation: Correlation) -> str:
    """Write a correlation with its interval: "0.86 (0.55 to 0.96)"."""
    if not math.isfinite(correlation.r):
        return "not defined"
    return f"{correlation.r:.2f} ({correlation.low:.2f} to {correlation.high:.2f})"
