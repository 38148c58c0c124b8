"""Evaluations side by side: the problems that several have in common, and the points of a training at which they are.

Columns stand in the order of the problems' names, so that no result depends on the order in which a log has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from heldout.compare.members import Judged, Side, scored
from heldout.compare.model import ALL, KEEP, LAST, Life
from heldout.run import Evaluation, Outcomes
from heldout.stats.arrays import FloatArray, IntArray
from heldout.stats.rates import binomial_se


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """What a run is measured by at one point of its training."""

    evaluations: tuple[Evaluation, ...]  # one, or all of them for the mean over the steps
    shift: float = 0.0  # what is believed of the score there, minus what was measured: chance flatters what was chosen

    @property
    def score(self) -> float:
        """The score, as it is judged."""
        return float(np.mean([one.score for one in self.evaluations])) + self.shift

    @property
    def measured(self) -> float:
        """The score without the shift."""
        return self.score - self.shift

    @property
    def outcomes(self) -> tuple[Outcomes, ...] | None:
        """What became of every problem in each evaluation; None where one does not tell."""
        known = tuple(one.outcomes for one in self.evaluations if one.outcomes is not None)
        return known if len(known) == len(self.evaluations) else None

    @property
    def problems(self) -> int | None:
        """How many problems there were, at least; None where that is not known."""
        each = [one.problems for one in self.evaluations]
        return None if None in each else min(n for n in each if n is not None)

    @property
    def samples(self) -> float:
        """How many samples of each problem, on average; one where nothing tells."""
        return float(np.mean([one.samples or 1.0 for one in self.evaluations]))


def least_variance(own: Sequence[Point]) -> float:
    """The variance of the mean of several seeds by chance alone; 0 where nobody knows how many answers a rate is of.

    That is the binomial one of so many answers. Seeds that came out more alike did so by chance.
    """
    sizes = [point.problems for point in own]
    known = [n for n in sizes if n is not None and n > 0]
    if len(known) < len(own) or not own[0].evaluations[0].share:
        return 0.0
    each = [
        float(binomial_se(min(max(point.score, 0.0), 1.0), n * point.samples)) ** 2
        for point, n in zip(own, known, strict=True)
    ]
    return sum(each) / len(each) ** 2


def points(sides: Sequence[Side], at: str) -> list[list[Point]] | None:
    """Where each counted run of each side stands at a point; None where one has no evaluation there."""
    steps = _shared_steps(sides) if at in (ALL, LAST) else []
    running = any(run.life is Life.GOES_ON for side in sides for run in side.counted)
    found = [[_point(run, at, steps, running) for run in side.counted] for side in sides]
    if any(point is None for side in found for point in side) or not all(found):
        return None
    return [[point for point in side if point is not None] for side in found]


def shared_steps(runs: Sequence[Judged]) -> list[int]:
    """Steps at which all of these were evaluated, ascending."""
    each = [{one.step for one in run.evaluations} for run in runs]
    return sorted(each[0].intersection(*each[1:])) if each else []


def _shared_steps(sides: Sequence[Side]) -> list[int]:
    return shared_steps([run for side in sides for run in side.counted])


def _point(run: Judged, at: str, steps: Sequence[int], running: bool) -> Point | None:
    if at == KEEP:
        return _kept(run)
    if at == ALL:
        found = [run.at_step(step) for step in steps]
        return Point(tuple(one for one in found if one is not None)) if found else None
    if at == LAST:
        last = steps[-1] if running and steps else run.evaluations[-1].step
        return _at(run, last)
    return _at(run, int(at))


def _at(run: Judged, step: int) -> Point | None:
    found = run.at_step(step)
    return None if found is None else Point((found,))


def _kept(run: Judged) -> Point | None:
    keep = run.keep
    found = None if keep is None else run.at_step(keep.step)
    if keep is None or found is None:
        return None
    return Point((found,), scored(found, keep.estimate) - found.score)


def table(rows: Sequence[Sequence[Outcomes]]) -> tuple[tuple[str, ...], FloatArray]:
    """The shares solved of the problems that all have, shape (rows, n); each row is the mean of its evaluations."""
    every = [outcomes for row in rows for outcomes in row]
    names = common(every)
    return names, np.stack([np.mean([aligned(one, names) for one in row], axis=0) for row in rows])


def common(outcomes: Sequence[Outcomes]) -> tuple[str, ...]:
    """The problems that all of them have, in the order of their names."""
    distinct = {id(one.problems): one.problems for one in outcomes}
    sets = list({frozenset(problems) for problems in distinct.values()})
    return tuple(sorted(sets[0].intersection(*sets[1:]))) if sets else ()


def aligned(outcomes: Outcomes, names: tuple[str, ...]) -> FloatArray:
    """The share solved of each of these problems."""
    return outcomes.share[_places(outcomes.problems, names)]


@lru_cache(maxsize=64)
def _places(problems: tuple[str, ...], names: tuple[str, ...]) -> IntArray:
    place = {problem: index for index, problem in enumerate(problems)}
    return np.array([place[name] for name in names], dtype=np.int64)
