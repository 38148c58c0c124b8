"""Two recipes at one point, measured: paired over problems, crossed with seeds, or by rates alone.

Which of these is decided by what the logs have. The sign is that of the first minus the second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from heldout.compare.levels import CROSSED, SEEDS
from heldout.compare.members import Side
from heldout.compare.outcomes import Point, least_variance, table
from heldout.errors import UsageError
from heldout.run import Outcomes
from heldout.stats import crossed, seeds, student
from heldout.stats.arrays import FloatArray
from heldout.stats.crossed import Difference, of_error
from heldout.stats.levels import TWO_SIDED_95
from heldout.stats.rates import effective_problems, mcnemar, newcombe

MCNEMAR = "paired over problems, exact p of McNemar"
PAIRED = "paired over problems"
PAIRED_SEEDS = "pairs of seeds, crossed with problems"
UNPAIRED = "two rates of so many problems, not paired"
ERRORS = "by the standard errors of the logs"
FEWEST_SEEDS = 3  # where nobody knows how many problems a rate is of
_HALVINGS = 40

Interval = Callable[[float], tuple[float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A difference of two recipes and how it was found, or why it was not."""

    found: Difference
    method: str = ""
    problems: int | None = None
    share: bool = True
    names: tuple[str, ...] = ()
    each: FloatArray | None = None  # difference of each problem, shape (n,)
    ends: Interval | None = None  # of other confidences, where that is no interval of Student's t
    why: str = ""

    @property
    def value(self) -> float:
        return self.found.value

    @property
    def se(self) -> float:
        return self.found.se

    @property
    def df(self) -> float:
        return self.found.df

    @property
    def low(self) -> float:
        return self.found.low

    @property
    def high(self) -> float:
        return self.found.high

    @property
    def p(self) -> float:
        return self.found.p

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided interval of this confidence."""
        return self.found.interval(confidence) if self.ends is None else self.ends(confidence)


_NOTHING = Difference(math.nan, math.nan, math.nan, math.nan, math.inf, math.nan)


def measured(a: Side, b: Side, first: Sequence[Point], second: Sequence[Point], *, paired_seeds: bool) -> Measured:
    """How much better is `a` than `b`, whose counted runs stand at these points?"""
    if paired_seeds:
        first, second = _paired(a, first), _paired(b, second)
        _check_pairs(a, b)
    outcomes = [[point.outcomes for point in side] for side in (first, second)]
    known = [[one for one in side if one is not None] for side in outcomes]
    if all(len(one) == len(every) for one, every in zip(known, outcomes, strict=True)):
        return _by_outcomes(known[0], known[1], first, second, paired_seeds)
    return _by_rates(first, second, paired_seeds)


def _paired(side: Side, own: Sequence[Point]) -> list[Point]:
    """The points of a side in the order of its seeds."""
    order = sorted(range(len(own)), key=lambda k: side.counted[k].seed)
    return [own[k] for k in order]


def _check_pairs(a: Side, b: Side) -> None:
    one, other = (sorted(run.seed for run in side.counted) for side in (a, b))
    if one != other or "" in one or len(set(one)) < len(one):
        raise UsageError(
            f"--paired-seeds needs the same seeds on both sides, each once; {a.name} has {', '.join(one) or 'none'} "
            f"and {b.name} has {', '.join(other) or 'none'}. Leave it out to compare them without pairs."
        )


def _by_outcomes(
    a: Sequence[Sequence[Outcomes]],
    b: Sequence[Sequence[Outcomes]],
    first: Sequence[Point],
    second: Sequence[Point],
    paired_seeds: bool,
) -> Measured:
    names, shares = table([*a, *b])
    x, y = shares[: len(a)], shares[len(a) :]
    single = all(len(row) == 1 and bool((row[0].samples == 1).all()) for row in (*a, *b))
    single = single and bool(np.isin(shares, (0.0, 1.0)).all())  # McNemar's test knows no credit in parts
    found = crossed.difference(y, x, paired_seeds=paired_seeds, single=single)
    each = x.mean(axis=0) - y.mean(axis=0)
    if not found.se > 0.0:
        found = _without_scatter(x, y)
    moved = _mean(first) - _mean(second) - _as_measured(first, second)
    one_each = len(a) == len(b) == 1
    method = PAIRED_SEEDS if paired_seeds else MCNEMAR if one_each and single else PAIRED if one_each else CROSSED
    if moved:
        found, method = _moved(found, moved), PAIRED if one_each else method
    return Measured(found, method, len(names), names=names, each=each)


def _mean(own: Sequence[Point]) -> float:
    return float(np.mean([point.score for point in own]))


def _as_measured(first: Sequence[Point], second: Sequence[Point]) -> float:
    one, other = (float(np.mean([point.measured for point in side])) for side in (first, second))
    return one - other


def _moved(found: Difference, by: float) -> Difference:
    """The same difference about another value, with its own error."""
    margin = student.margin(found.se, found.df)
    value = found.value + by
    low, high = max(value - margin, -1.0), min(value + margin, 1.0)
    return replace(found, value=value, low=low, high=high, p=student.two_sided_of(value, found.se, found.df))


def _without_scatter(x: FloatArray, y: FloatArray) -> Difference:
    """The difference where every problem differs by as much, so that their scatter says nothing: as of two rates."""
    n, one, other = x.shape[1], float(x.mean()), float(y.mean())
    won, lost = int((x.mean(axis=0) > y.mean(axis=0)).sum()), int((x.mean(axis=0) < y.mean(axis=0)).sum())
    found = _as_difference(one - other, lambda confidence: newcombe(other, n, one, n, confidence))
    return replace(found, p=mcnemar(won, lost))


def _by_rates(first: Sequence[Point], second: Sequence[Point], paired_seeds: bool) -> Measured:
    """Without outcomes: the seed is the unit where there are several, else two rates and their numbers of problems."""
    a, b = ([point.score for point in side] for side in (first, second))
    sizes = [point.problems for point in (*first, *second)]
    known = None not in sizes
    problems = min(n for n in sizes if n is not None) if known else None
    fewest = 2 if known else FEWEST_SEEDS
    if max(len(a), len(b)) < 2:
        return _of_two_rates(first[0], second[0], problems)
    if paired_seeds and len(a) >= fewest:
        return _over_seeds(seeds.paired(b, a), first, second, problems)
    if min(len(a), len(b)) >= fewest:
        alike = 0.0 in (np.ptp(a), np.ptp(b)) and not known
        return _over_seeds(_one_scatter(a, b) if alike else seeds.welch(b, a), first, second, problems)
    if min(len(a), len(b)) == 1 and max(len(a), len(b)) >= fewest:
        return _over_seeds(_one_scatter(a, b), first, second, problems)
    why = f"rates alone need {fewest} seeds on either side, and there are {len(a)} and {len(b)}"
    why += "" if known else "; the logs do not say how many problems they are of"
    return Measured(_NOTHING, problems=problems, why=why)


def _over_seeds(found: Difference, first: Sequence[Point], second: Sequence[Point], problems: int | None) -> Measured:
    """The difference by the scatter of seeds, and no surer than chance allows with so many answers."""
    share, least = first[0].evaluations[0].share, least_variance(first) + least_variance(second)
    ways = [found] * (found.se > 0.0) + [of_error(found.value, least, math.inf, seed=least)] * (least > 0.0)
    if ways:

        def ends(confidence: float) -> tuple[float, float]:
            low, high = zip(*(one.interval(confidence) for one in ways), strict=True)
            return min(low), max(high)

        widest = max(ways, key=lambda one: student.margin(one.se, one.df))
        widest = replace(widest, p=max(one.p for one in ways))
        return Measured(_bounded(widest, share), SEEDS, problems, share, ends=ends)
    unknown = "; the logs do not say how many problems a rate is of" if share else ""
    why = f"all seeds came out alike, so that their scatter does not say how sure a difference is{unknown}"
    return Measured(_NOTHING, problems=problems, share=share, why=why)


def _one_scatter(a: Sequence[float], b: Sequence[float]) -> Difference:
    """A single run, or seeds that came out all alike, are taken to scatter as the seeds of the other recipe do."""
    several = max(a, b, key=lambda scores: (float(np.ptp(scores)), len(scores)))
    scatter = float(np.var(several, ddof=1)) * (1.0 / len(a) + 1.0 / len(b))
    return of_error(float(np.mean(a) - np.mean(b)), scatter, len(several) - 1.0, seed=scatter)


def _bounded(found: Difference, share: bool) -> Difference:
    if not share:
        return found
    return replace(found, low=max(found.low, -1.0), high=min(found.high, 1.0))


def _of_two_rates(a: Point, b: Point, problems: int | None) -> Measured:
    one, other = a.evaluations[-1], b.evaluations[-1]
    if problems is not None and problems > 0 and one.share:
        n, m = (float(effective_problems(point.problems or 1, point.samples)) for point in (a, b))

        def ends(confidence: float) -> tuple[float, float]:
            return newcombe(_share(b.score), m, _share(a.score), n, confidence)

        return Measured(_as_difference(a.score - b.score, ends), UNPAIRED, problems, ends=ends)
    errors = (one.score_error, other.score_error)
    if all(error > 0.0 for error in errors) and len(a.evaluations) == len(b.evaluations) == 1:
        found = of_error(a.score - b.score, math.hypot(*errors) ** 2, math.inf)
        return Measured(_bounded(found, one.share), ERRORS, problems, one.share)
    what = "how many problems they are of" if one.share else "how unsure they are"
    return Measured(_NOTHING, problems=problems, why=f"the logs give rates of one run each, and not {what}")


def _share(score: float) -> float:
    return min(max(score, 0.0), 1.0)


def _as_difference(value: float, ends: Interval) -> Difference:
    """The difference that intervals of all confidences make: its p is where they begin to reach 0."""
    low, high = ends(0.95)
    se = 0.5 * (high - low) / TWO_SIDED_95
    return Difference(value, se, low, high, math.inf, _p_of(ends), problem_variance=se**2)


def _p_of(ends: Interval) -> float:
    """The smallest error at which the interval leaves out 0; 1 where none does."""
    without, holding = 1e-12, 1.0  # confidences of intervals without 0, and of those that hold it
    low, high = ends(without)
    if low <= 0.0 <= high:
        return 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (without + holding)
        low, high = ends(min(middle, 1.0 - 1e-15))
        without, holding = (middle, holding) if low > 0.0 or high < 0.0 else (without, middle)
    return 1.0 - without
