"""How good is a recipe at one point of its training, with an interval for other seeds and other problems?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from heldout.compare.members import Side, scored
from heldout.compare.model import ALL, KEEP, LAST, Level
from heldout.compare.outcomes import Point, least_variance, points, table
from heldout.stats import crossed, seeds, student
from heldout.stats.crossed import of_error
from heldout.stats.rates import measured_problems, standard_error, wilson

PROBLEMS, CROSSED, SEEDS, RATE = "over problems", "two-way over seeds and problems", "over seeds", "of a rate alone"


def level_of(side: Side, at: str, among: Sequence[Side] = ()) -> Level | None:
    """How good is a recipe at a point, which is that of all `among`? None where a run of it has no evaluation there."""
    others = [one for one in among if one is not side and one.counted]
    found = points([side, *others], at) if at in (ALL, LAST) else points([side], at)
    if found is None:
        return None
    own = found[0]
    steps = tuple(point.evaluations[-1].step for point in own)
    value = float(np.mean([point.score for point in own]))
    scatter = float(np.std([point.score for point in own], ddof=1)) if len(own) > 1 else math.nan
    low, high, se, df, method = _single(side, at, own[0]) if len(own) == 1 else _several(own, value)
    return Level(at, value, low, high, se, df, method, len(own), steps, scatter)


def _several(own: Sequence[Point], value: float) -> tuple[float, float, float, float, str]:
    """The interval of the mean of several seeds."""
    rows = [point.outcomes for point in own]
    known = [row for row in rows if row is not None]
    share = own[0].evaluations[0].share
    if len(known) == len(own):
        names, shares = table(known)
        if len(names) > 1:
            found = crossed.level(shares)
            if not found.se > 0.0:  # all came out alike: the problems themselves bound it
                return *wilson(min(max(value, 0.0), 1.0), float(len(names))), found.se, found.df, CROSSED
            low, high = found.interval(0.95)
            moved = value - found.value
            return max(low + moved, 0.0), min(high + moved, 1.0), found.se, found.df, CROSSED
    found = seeds.mean([point.score for point in own])
    chance = of_error(found.value, least_variance(own), math.inf)
    if max(found.se, chance.se) == 0.0:  # all came out alike, and nothing says how many answers each is of
        return math.nan, math.nan, math.nan, found.df, SEEDS
    found = max(found, chance, key=lambda one: student.margin(one.se, one.df))
    low, high = (max(found.low, 0.0), min(found.high, 1.0)) if share else (found.low, found.high)
    return low, high, found.se, found.df, SEEDS


def _single(side: Side, at: str, point: Point) -> tuple[float, float, float, float, str]:
    """The interval of one run, which is about its checkpoint alone."""
    run, evaluation = side.counted[0], point.evaluations[0]
    if at == KEEP and run.keep is not None and math.isfinite(run.keep.low):
        low, high = sorted((scored(evaluation, run.keep.low), scored(evaluation, run.keep.high)))
        return low, high, math.nan, math.nan, PROBLEMS
    if point.outcomes is not None:
        share = table([point.outcomes])[1][0]
        se = standard_error(share) if share.size > 1 else math.nan
        trials = measured_problems(point.measured, se, share.size, point.samples)
        return *wilson(point.score, trials), se, math.inf, PROBLEMS
    if point.problems is not None and evaluation.share and point.problems > 0:
        return *wilson(point.score, float(point.problems)), math.nan, math.inf, RATE
    return math.nan, math.nan, math.nan, math.nan, ""
