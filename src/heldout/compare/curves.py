"""The difference of two recipes over the steps that both evaluated, with intervals that hold for all steps at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from heldout.compare.differences import conditions
from heldout.compare.fingerprint import differences_of, fingerprint
from heldout.compare.members import Judged, Side
from heldout.compare.model import Curve
from heldout.compare.outcomes import Point, aligned, common, shared_steps
from heldout.compare.pairs import measured
from heldout.run import Evaluation
from heldout.stats import crossed, simultaneous
from heldout.stats.arrays import FloatArray
from heldout.stats.levels import FALSE_ALARMS

MAX_T = "95 % band for the whole curve (max-t)"
BONFERRONI = "95 % band for the whole curve (Bonferroni)"

_FEWEST = 2  # steps
_Rows = Sequence[Sequence[Evaluation]]  # of each run, its evaluations at the shared steps


def curve_of(a: Side, b: Side) -> Curve | None:
    """The difference at every step that all counted runs of both were evaluated at.

    None with fewer than two such steps, or where the recipes were not evaluated alike.
    """
    steps = shared_steps([*a.counted, *b.counted])
    if len(steps) < _FEWEST or not a.counted or not b.counted:
        return None
    first, second = ([_row(run, steps) for run in side.counted] for side in (a, b))
    whole = [[Point(tuple(row)) for row in side] for side in (first, second)]
    if differences_of(fingerprint([conditions(a, whole[0]), conditions(b, whole[1])])):
        return None
    exact = all(point.outcomes is not None for side in whole for point in side)
    value, low, high = _by_outcomes(first, second) if exact else _by_rates(a, b, first, second)
    method = MAX_T if exact else BONFERRONI if np.isfinite(low).any() else ""
    return Curve(a.name, b.name, np.array(steps, dtype=np.int64), value, low, high, method)


def _row(run: Judged, steps: Sequence[int]) -> list[Evaluation]:
    by_step = {one.step: one for one in run.evaluations}
    return [by_step[step] for step in steps]


def _by_outcomes(a: _Rows, b: _Rows) -> tuple[FloatArray, FloatArray, FloatArray]:
    """With problems: the largest deviation of all steps under turned signs of whole problems."""
    outcomes = [one.outcomes for row in (*a, *b) for one in row if one.outcomes is not None]
    names = common(outcomes)
    x, y = (np.stack([_shares(row, names) for row in side]) for side in (a, b))
    found = [crossed.difference(y[:, j], x[:, j]) for j in range(x.shape[1])]
    each = x.mean(axis=0) - y.mean(axis=0)
    band = simultaneous.band(each, se=[one.se for one in found], df=[one.df for one in found])
    return band.value, band.low, band.high


def _shares(row: Sequence[Evaluation], names: tuple[str, ...]) -> FloatArray:
    return np.stack([aligned(one.outcomes, names) for one in row if one.outcomes is not None])


def _by_rates(a: Side, b: Side, first: _Rows, second: _Rows) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Without problems: one interval a step, of a confidence that pays for all of them."""
    count = len(first[0])
    ends = np.full((3, count), math.nan)
    for j in range(count):
        own, other = ([Point((row[j],)) for row in side] for side in (first, second))
        found = measured(a, b, own, other, paired_seeds=False)
        scores = [np.mean([point.score for point in side]) for side in (own, other)]
        ends[0, j] = scores[0] - scores[1]
        if not found.why:
            ends[1:, j] = found.interval(1.0 - FALSE_ALARMS / count)
    return ends[0], ends[1], ends[2]
