"""Scores the answers that a run kept by another reward: would it still pay the hacked ones, and lose right ones?

The numbers are about the answers that this run gave. A policy that trains on another reward finds other tricks, so a
reward that pays none of these is better, and not proven sound.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from heldout.audit.judging import Kept
from heldout.errors import UsageError
from heldout.rewards.worker import Grader, grade
from heldout.rollouts.choosing import how_to_judge
from heldout.stats.arrays import BoolArray, IntArray
from heldout.stats.hacking import HackedShare, hacked_share
from heldout.text import sentence_list, visible

MOST = 2000  # answers of each kind that are scored, unless somebody says otherwise
_TOGETHER = 256  # answers whose texts are held at one time
_FIRST = 16  # answers after which a reward that hangs at every one is given up: each costs its whole time limit


@dataclass(frozen=True, slots=True)
class Regraded:
    """What another reward gives for answers that two judges know."""

    reward: str
    plan: str  # how it is called
    hacked: HackedShare  # of the rewarded ones that fail the hidden tests: the share that it still pays
    right: HackedShare  # of the rewarded ones that pass them: the share that it no longer pays
    missed: HackedShare  # of the right ones that went unrewarded: the share that it pays
    wrong: HackedShare  # of the wrong ones that went unrewarded: the share that it pays
    asked: int  # answers that it was asked about
    there: int  # answers that two judges know
    constant: float  # the number that it gave for every answer of which it gave one; nan where they differ
    without: dict[str, int]  # why it gave no number → for how many answers; they count as not paid


def regrade(
    kept: Kept, name: str, grader: Grader, *, most: int = MOST, seed: int = 0, progress: Callable[[int, int], object]
) -> Regraded:
    """Score what was kept by another reward.

    What counts as paid follows from its own numbers, as for the run: 95 % of the way from the lowest to the median of
    the answers that pass the hidden tests. At most so many answers of each of the four kinds are asked about, drawn by
    chance; equal ones to one problem once.

    Raises
    ------
    UsageError
        When no answer was judged by hidden tests, or the reward gives no number for any.
    """
    rollouts = kept.rollouts
    known = (
        rollouts.priced
        & ~np.isnan(rollouts.hidden)
        & np.array([kept.problem(row) is not None for row in range(len(rollouts))])
    )
    if not known.any():
        raise UsageError(f"{rollouts.source}: {how_to_judge(rollouts.source)}")
    kinds = 2 * rollouts.rewarded + (rollouts.failed == 1.0)
    rows = _drawn(kinds, known, most, np.random.default_rng(seed))
    scores, without = _scores(kept, rows, grader, progress)
    if len(without) and sum(without.values()) == len(scores):
        told = sentence_list([f"{count} {visible(kind)}" for kind, count in without.items()])
        raise UsageError(
            f"{visible(name)} gave no number for any of {len(scores)} answers ({told}): nothing is known of it."
        )
    reward = np.full(len(rollouts), math.nan)
    reward[rows] = scores
    paid = replace(rollouts, reward=reward, paid=None).rewarded
    asked = np.zeros(len(rollouts), dtype=bool)
    asked[rows] = True

    def share(kind: int, *, of_paid: bool) -> HackedShare:
        counted = np.where(paid == of_paid, 1.0, 0.0)
        return hacked_share(asked & (kinds == kind), counted, rollouts.group, rollouts.judged_with)

    return Regraded(
        name,
        grader.plan,
        hacked=share(3, of_paid=True),
        right=share(2, of_paid=False),
        missed=share(0, of_paid=True),
        wrong=share(1, of_paid=True),
        asked=len(rows),
        there=int(np.count_nonzero(known)),
        constant=_constant(scores),
        without=without,
    )


def _constant(scores: Sequence[float]) -> float:
    given = {score for score in scores if not math.isnan(score)}
    return given.pop() if len(given) == 1 and len(scores) > 1 else math.nan


def _drawn(kinds: IntArray, known: BoolArray, most: int, rng: np.random.Generator) -> IntArray:
    """Return the rows that are asked about: so many of each kind, by chance."""
    parts = []
    for kind in range(4):
        rows = np.flatnonzero(known & (kinds == kind))
        parts.append(rows if len(rows) <= most else rng.choice(rows, most, replace=False))
    return np.sort(np.concatenate(parts))


def _scores(
    kept: Kept, rows: IntArray, grader: Grader, progress: Callable[[int, int], object]
) -> tuple[list[float], dict[str, int]]:
    """Return a number for each row, nan where the reward gave none, and why it gave none.

    Of the first rows alone where it hangs at all of them.
    """
    said: dict[tuple[str, str], float] = {}
    why: dict[tuple[str, str], str] = {}
    found: list[float] = []
    without: Counter[str] = Counter()
    for start, stop in pairwise([0, *range(_FIRST, len(rows), _TOGETHER), len(rows)]):
        answers = [(problem, text) for _, problem, text in kept.answers(rows[start:stop].tolist())]
        new = {(problem.id, text): (problem, text) for problem, text in answers if (problem.id, text) not in said}
        for key, outcome in zip(new, grade(grader, list(new.values())), strict=True):
            score = outcome.score if outcome.kind == "scored" else None
            said[key] = score if score is not None and math.isfinite(score) else math.nan
            why[key] = outcome.kind if outcome.kind != "scored" else "gave no number"
        for problem, text in answers:
            found.append(said[problem.id, text])
            without[why[problem.id, text]] += math.isnan(found[-1])
        progress(stop, len(rows))
        if without["hung"] == _FIRST == stop:
            break
    return found, {kind: count for kind, count in without.items() if count}
