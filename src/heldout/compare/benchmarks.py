"""Two recipes on several benchmarks at the last step: each of them, paid for all, and their mean.

Asked of benchmarks whose single problems every run tells of. The same seeds answer all of them, so that what seeds
scatter by is that of each seed's mean; what problems scatter by is their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from heldout.compare.differences import Rules, conditions
from heldout.compare.fingerprint import differences_of, fingerprint
from heldout.compare.members import Judged, Side
from heldout.compare.model import LAST, BenchmarkDifference, Trimmed
from heldout.compare.outcomes import points
from heldout.compare.pairs import Measured, measured
from heldout.stats import seeds
from heldout.stats.crossed import Difference, of_error
from heldout.stats.levels import holm

MEAN = "mean of all"
_FEWEST = 2  # benchmarks
_PARTS = ("problem", "cell")  # of a variance: of problems, and what is left of a seed's answers to each


def benchmarks_of(a: Side, b: Side, rules: Rules) -> tuple[BenchmarkDifference, ...]:
    """How much better is `a` than `b` on each benchmark that all their runs were measured on, and on their mean?

    Empty with fewer than two that were evaluated alike.
    """
    found = [(name, one) for name in _shared([a, b]) if (one := _on(a, b, name, rules)) is not None]
    if len(found) < _FEWEST:
        return ()
    paid = holm([1.0 if np.isnan(one.p) else one.p for _, one in found]).tolist()
    each = [
        BenchmarkDifference(a.name, b.name, name, one.value, one.low, one.high, one.p, p, one.problems)
        for (name, one), p in zip(found, paid, strict=True)
    ]
    mean = _mean(a, b, [name for name, _ in found], [one for _, one in found])
    return (*each, BenchmarkDifference(a.name, b.name, MEAN, mean.value, mean.low, mean.high, mean.p, mean.p))


def trimmed(sides: Sequence[Side]) -> tuple[Trimmed, ...]:
    """The mean of the middle half of all scores of each recipe, where there are enough of them to trim."""
    names = _shared(sides)
    return tuple(
        Trimmed(side.name, found.value, found.low, found.high, len(names), len(side.counted))
        for side in sides
        if len(side.counted) > 1 and names and (found := seeds.iqm(_scores(side, names))) is not None
    )


def _shared(sides: Sequence[Side]) -> list[str]:
    """The benchmarks that every counted run tells of, problem by problem."""
    each = [{one.benchmark for one in run.run.measured} for side in sides for run in side.counted]
    return sorted(each[0].intersection(*each[1:])) if each and all(side.counted for side in sides) else []


def _on(a: Side, b: Side, benchmark: str, rules: Rules) -> Measured | None:
    first, second = _of_benchmark(a, benchmark), _of_benchmark(b, benchmark)
    own = points([first, second], LAST)
    if own is None or differences_of(fingerprint([conditions(first, own[0]), conditions(second, own[1])])):
        return None
    found = measured(first, second, *own, paired_seeds=rules.paired_seeds)
    return None if found.why else found


def _of_benchmark(side: Side, benchmark: str) -> Side:
    return replace(side, runs=tuple(_told(run, benchmark) for run in side.counted))


def _told(run: Judged, benchmark: str) -> Judged:
    return replace(run, evaluations=tuple(one for one in run.run.measured if one.benchmark == benchmark))


def _scores(side: Side, names: Sequence[str]) -> list[list[float]]:
    """The last score of every seed on each benchmark, shape (M, k)."""
    return [[run.evaluations[-1].score for run in _of_benchmark(side, name).runs] for name in names]


def _together(variances: Sequence[float], found: Sequence[Measured]) -> float:
    """The variance of a mean by that of its terms; where they have problems in common, as if they erred as one."""
    names = [name for one in found for name in one.names]
    if len(set(names)) == len(names):
        return sum(variances) / len(found) ** 2
    return (sum(map(math.sqrt, variances)) / len(found)) ** 2


def _mean(a: Side, b: Side, names: Sequence[str], found: Sequence[Measured]) -> Difference:
    """The mean of the differences: seeds by the scatter of each seed's mean, problems by that of each benchmark."""
    first, second = (np.mean(_scores(side, names), axis=0) for side in (a, b))
    count = len(found)
    problem, cell = (_together([getattr(one.found, f"{part}_variance") for one in found], found) for part in _PARTS)
    own = seeds.welch(second, first) if min(len(first), len(second)) > 1 else None
    seed = own.seed_variance if own is not None else sum(one.found.seed_variance for one in found) / count
    df_seed = own.df if own is not None else max(len(first) + len(second) - 2.0, 1.0)
    variance = max(seed + problem - cell, seed, problem)
    problems = sum(one.problems or 0 for one in found) - count
    spread = seed**2 / df_seed + (variance - seed) ** 2 / max(problems, 1)
    value = float(np.mean([one.value for one in found]))
    return of_error(value, variance, variance**2 / spread if spread > 0.0 else df_seed, bound=1.0)
