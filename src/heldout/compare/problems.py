"""Which problems does one recipe solve and the other not, and how many of them turn by chance alone?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from heldout.compare.members import Judged, Side
from heldout.compare.model import Part
from heldout.compare.outcomes import Point, aligned, common, points, shared_steps
from heldout.run import Outcomes
from heldout.stats.arrays import BoolArray, FloatArray
from heldout.stats.levels import FALSE_ALARMS, holm

_HALF = 0.5  # of the answers to a problem: a recipe that gets so many right solves it


def parts_of(a: Side, b: Side, at: str) -> Part | None:
    """How many problems do both solve, one, or neither? None where outcomes of single problems are not known."""
    own = points([a, b], at)
    if own is None:
        return None
    rows = [[point.outcomes for point in side] for side in own]
    known = [[row for row in side if row is not None] for side in rows]
    if any(len(one) < len(every) for one, every in zip(known, rows, strict=True)):
        return None
    names = common([one for side in known for row in side for one in row])
    if not names:
        return None
    counts = [_counts(side, names) for side in known]
    x, y = (passed / asked >= _HALF for passed, asked in counts)
    sure_a, sure_b = _sure(counts, names)
    chance = _mean([_turning(side, run_points, names) for side, run_points in zip((a, b), own, strict=True)])
    whole = (int((x & y).sum()), int((x & ~y).sum()), int((~x & y).sum()), int((~x & ~y).sum()))
    return Part(a.name, b.name, at, *whole, chance, sure_a, sure_b)


def _counts(rows: Sequence[Sequence[Outcomes]], names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Answers that passed and that were asked for, of each problem, over all seeds and evaluations."""
    every = [one for row in rows for one in row]
    share = [aligned(one, names) for one in every]
    place = [dict(zip(one.problems, one.samples.tolist(), strict=True)) for one in every]
    asked = [np.array([of[name] for name in names], dtype=np.float64) for of in place]
    return np.sum([s * m for s, m in zip(share, asked, strict=True)], axis=0), np.sum(asked, axis=0)


def _sure(
    counts: Sequence[tuple[FloatArray, FloatArray]], names: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Problems of which the answers differ by more than chance, one by one, paid for all (Fisher, Holm)."""
    (won_a, of_a), (won_b, of_b) = counts
    columns = zip(*(np.rint(one).astype(int).tolist() for one in (won_a, of_a, won_b, of_b)), strict=True)
    p = holm([fisher(*one) for one in columns])
    sure, ahead = p <= FALSE_ALARMS, won_a / of_a > won_b / of_b
    return _named(sure & ahead, names), _named(sure & ~ahead, names)


def _named(which: BoolArray, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name, one in zip(names, which.tolist(), strict=True) if one)


def fisher(won_a: int, of_a: int, won_b: int, of_b: int) -> float:
    """How likely are two shares at least as uneven as these, if the chances are equal?

    Fisher's exact test, two-sided: the tables that are no likelier than the one seen.

    Source: Fisher 1935, "The logic of inductive inference", JRSS 98.

    >>> round(fisher(8, 10, 1, 6), 4), fisher(1, 1, 0, 1)
    (0.035, 1.0)
    """
    won = won_a + won_b
    low, high = max(0, won - of_b), min(won, of_a)
    logs = [_log_choose(of_a, k) + _log_choose(of_b, won - k) for k in range(low, high + 1)]
    whole, seen = _log_choose(of_a + of_b, won), logs[won_a - low]
    return min(1.0, sum(math.exp(log - whole) for log in logs if log <= seen + 1e-7))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _turning(side: Side, own: Sequence[Point], names: tuple[str, ...]) -> float:
    """How many problems turn one way from one evaluation to the next of this recipe, near the point; `nan` if unknown.

    That is chance and what is learned in between, so that it is no less than chance alone.
    """
    steps = shared_steps(side.counted)
    here = own[0].evaluations[-1].step
    near = sorted(steps, key=lambda step: (abs(step - here), step))[:2]
    rows = [_solved(side.counted, step, names) for step in near]
    solved = [row for row in rows if row is not None]
    if len(solved) < 2:
        return math.nan
    return 0.5 * float(np.count_nonzero(solved[0] != solved[1]))


def _solved(runs: Sequence[Judged], step: int, names: tuple[str, ...]) -> BoolArray | None:
    found = [run.at_step(step) for run in runs]
    outcomes = [one.outcomes for one in found if one is not None and one.outcomes is not None]
    if len(outcomes) < len(runs) or any(set(names) - set(one.problems) for one in outcomes):
        return None
    share: FloatArray = np.mean([aligned(one, names) for one in outcomes], axis=0)
    return np.asarray(share >= _HALF, dtype=np.bool_)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan
