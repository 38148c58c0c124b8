"""Which problems does one recipe solve and the other not, and how many of them turn by chance alone?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from heldout.compare.differences import conditions
from heldout.compare.fingerprint import differences_of, fingerprint
from heldout.compare.members import Judged, Side
from heldout.compare.model import Part
from heldout.compare.outcomes import Point, aligned, common, points, shared_steps
from heldout.run import Outcomes
from heldout.stats.arrays import BoolArray, FloatArray
from heldout.stats.levels import FALSE_ALARMS, holm

_HALF = 0.5  # of the answers to a problem: a recipe that gets so many right solves it


def parts_of(a: Side, b: Side, at: str) -> Part | None:
    """How many problems do both solve, one, or neither? None where nothing tells, or they were not evaluated alike."""
    own = points([a, b], at)
    if own is None or differences_of(fingerprint([conditions(a, own[0]), conditions(b, own[1])])):
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
    sure_a, sure_b = _sure(counts, _scatter(known, names), names)
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
    counts: Sequence[tuple[FloatArray, FloatArray]], chances: FloatArray, names: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Problems that one solves and the other does not, by more than chance, one by one, paid for all (Fisher, Holm).

    `chances` says by how much more than single answers the seeds scatter at each problem: answers of one seed are not
    independent, and count for so many fewer.
    """
    (won_a, of_a), (won_b, of_b) = counts
    columns = zip(*(np.floor(one / chances).astype(int).tolist() for one in _lost(counts)), strict=True)
    p = holm([fisher(won, won + lost, other, other + gone) for won, lost, other, gone in columns])
    solved_a, solved_b = won_a / of_a >= _HALF, won_b / of_b >= _HALF
    sure = p <= FALSE_ALARMS
    return _named(sure & solved_a & ~solved_b, names), _named(sure & solved_b & ~solved_a, names)


def _lost(counts: Sequence[tuple[FloatArray, FloatArray]]) -> list[FloatArray]:
    """Answers that passed and that failed, of each side."""
    return [part for won, asked in counts for part in (won, asked - won)]


def _scatter(sides: Sequence[Sequence[Sequence[Outcomes]]], names: tuple[str, ...]) -> FloatArray:
    """How many times the scatter of single answers do seeds scatter at each problem, 1 at least; shape (n,).

    Pearson's chi square over its degrees of freedom: of a problem by itself, or of all where that is more.

    Source: McCullagh, Nelder 1989, "Generalized Linear Models", section 4.5 (over-dispersion).
    """
    chi, degrees = np.zeros(len(names)), np.zeros(len(names))
    for side in sides:
        won, asked = (np.stack(part) for part in zip(*(_counts([row], names) for row in side), strict=True))
        chance = won.sum(axis=0) / asked.sum(axis=0)
        telling = (chance > 0.0) & (chance < 1.0)
        variance = np.where(telling, asked * chance * (1.0 - chance), 1.0)
        chi += np.where(telling, (won - asked * chance) ** 2 / variance, 0.0).sum(axis=0)
        degrees += np.where(telling, len(side) - 1.0, 0.0)
    each: FloatArray = chi / np.maximum(degrees, 1.0)
    return np.maximum(each, max(1.0, float(chi.sum() / max(degrees.sum(), 1.0))))


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
