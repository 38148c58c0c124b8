"""Which runs are copies of others? A copy, or a snapshot that was taken before the end, is no other seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from heldout.run import Evaluation, Outcomes, Run, Series
from heldout.stats.arrays import FloatArray

_TELLING = 3  # different values that two runs do not share by chance
_TELLING_BITS = 40.0  # of outcomes, which they do not share by chance either
_ROUNDING = 1e-6  # of numbers that went through another format

_MARKED = 64  # rewards from the beginning, which a snapshot has, too

Measured = tuple[Run, Sequence[Evaluation]]


@dataclass(frozen=True, slots=True)
class Marks:
    """What tells one run from another where its measurements are not at hand: a small number for each of them.

    Attributes
    ----------
    evaluations
        Of every held-out score and its step.
    rewards
        Of the first 64 rewards.
    scores
        How many different held-out scores there are.
    """

    evaluations: tuple[int, ...] = ()
    rewards: tuple[int, ...] = ()
    scores: int = 0


def marks_of(run: Run) -> Marks:
    """Return the marks of a run, which a copy of it has, too."""
    held_out = run.get("held_out")
    scores = 0 if held_out is None else len(set(held_out.value.tolist()))
    return Marks(_marks(held_out, steps=True), _marks(run.get("reward"), _MARKED, steps=False), scores)


def same_marks(whole: Marks, part: Marks) -> bool:
    """Was all that is marked of the second run measured of the first, too, and is that no chance? As of whole runs."""
    if not set(part.evaluations) <= set(whole.evaluations):
        return False
    if not (whole.rewards and part.rewards):
        return part.scores >= _TELLING
    shared = min(len(whole.rewards), len(part.rewards))
    if whole.rewards[:shared] != part.rewards[:shared]:
        return False
    return len(set(part.rewards[:shared])) >= _TELLING or part.scores >= _TELLING


def _marks(series: Series | None, most: int | None = None, *, steps: bool) -> tuple[int, ...]:
    if series is None:
        return ()
    first = zip(series.step[:most].tolist(), series.value[:most].tolist(), strict=True)
    return tuple(crc32(f"{step if steps else 0} {value:.6g}".encode()) for step, value in first)


def copies(runs: Sequence[Measured]) -> dict[int, int]:
    """Return which of several runs are copies, and of which, by place."""
    return copies_in(runs, lambda one: len(one[1]) * 2**40 + len(one[0].steps), same_measurements)


def originals(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Return the runs that are copies of no other, in their order, and a sentence on each that is one."""
    found = copies([(run, run.evaluations()) for run in runs])
    told = [
        f"{runs[copy].name} has the same measurements as {original_of(runs[copy], runs[of])}, and is no other seed: it "
        "does not count."
        for copy, of in sorted(found.items())
    ]
    return [run for place, run in enumerate(runs) if place not in found], told


def original_of(copy: Run, of: Run) -> str:
    """Return what the run that a copy is of is called: by its name, or its place too where both have one name."""
    return of.name if of.name != copy.name else f"{of.name} in {of.source}"


def copies_in(runs: Sequence[Any], size: Callable[[Any], int], same: Callable[[Any, Any], bool]) -> dict[int, int]:
    """Return which runs are copies, and of which: by place, the longest of each kind being the original.

    `same` says of a run, and one that is no longer, whether the second has nothing that the first has not.
    """
    originals: list[int] = []
    found: dict[int, int] = {}
    for k in sorted(range(len(runs)), key=lambda k: -size(runs[k])):
        of = next((one for one in originals if same(runs[one], runs[k])), None)
        if of is None:
            originals.append(k)
        else:
            found[k] = of
    return found


def same_measurements(whole: Measured, part: Measured) -> bool:
    """Was all that was measured of the second run measured of the first, too, and is that no chance?

    Every evaluation of the second is one of the first. Where both tell a reward, it decides: other rewards make
    another training, however few evaluations there are. Without one the evaluations must have something to tell.
    """
    known = {one.step: one for one in whole[1]}
    if not all(one.step in known and _equal(known[one.step], one) for one in part[1]):
        return False
    trained = _same_rewards(whole[0], part[0])
    return _telling(part[1]) if trained is None else trained


def _equal(one: Evaluation, other: Evaluation) -> bool:
    if not math.isclose(one.rate, other.rate, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
        return False
    return one.outcomes is None or other.outcomes is None or _by_problem(one.outcomes) == _by_problem(other.outcomes)


def _by_problem(outcomes: Outcomes) -> dict[str, float]:
    return dict(zip(outcomes.problems, outcomes.passed.tolist(), strict=True))


def _same_rewards(one: Run, other: Run) -> bool | None:
    """Whether the rewards are equal wherever both have one; None where that says nothing."""
    first, second = one.get("reward"), other.get("reward")
    if first is None or second is None:
        return None
    _, here, there = np.intersect1d(first.step, second.step, assume_unique=True, return_indices=True)
    a, b = first.value[here], second.value[there]
    if not np.allclose(a, b, rtol=_ROUNDING, atol=0.0):
        return False
    return True if _different(a) >= _TELLING else None


def _different(values: FloatArray) -> int:
    return len(np.unique(values))


def _telling(evaluations: Sequence[Evaluation]) -> bool:
    return len({one.rate for one in evaluations}) >= _TELLING or sum(map(_bits, evaluations)) >= _TELLING_BITS


def _bits(one: Evaluation) -> float:
    """How much outcomes tell: nothing where all problems are solved, or none."""
    if one.outcomes is None or not 0.0 < one.rate < 1.0:
        return 0.0
    solved = one.rate
    return -len(one.outcomes) * (solved * math.log2(solved) + (1.0 - solved) * math.log2(1.0 - solved))
