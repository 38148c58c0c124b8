"""Which problems were lost since the best checkpoint, which gained, and how many of these flips does chance make?

Counts are of problems that both evaluations asked. Of a single problem nothing is said: one that flips once may have
been lucky before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heldout.findings import Verdict
from heldout.run import Evaluation, Outcomes, Run
from heldout.stats.arrays import BoolArray, FloatArray, IntArray
from heldout.stats.flips import SOLVED, Flips, flips_by_chance
from heldout.text import counted

LOST, NEVER, GAINED, KEPT = "lost", "never", "gained", "kept"
_ORDER = (LOST, NEVER, GAINED, KEPT)


@dataclass(frozen=True, slots=True, eq=False)
class Problems:
    """What became of every problem in every evaluation.

    Attributes
    ----------
    names
        The ids of the problems, in order: those lost since the step `since`, never solved, gained, and all others.
    steps
        Those of the evaluations, shape (K,).
    share
        Share of its samples that passed, shape (n, K); `nan` where a problem was not asked.
    fate
        Of each problem ``lost``, ``never``, ``gained`` or ``kept``, shape (n,).
    since, last
        The steps between which problems are lost and gained: the checkpoint to keep, or the first evaluation where
        that is the last one; and the last evaluation.
    asked
        How many problems both of these asked.
    by_chance
        How many would be lost and gained if nothing had changed; None where the evaluations cannot tell.
    judged_by
        First and last step of the evaluations that tell luck from skill.
    """

    names: tuple[str, ...]
    steps: IntArray
    share: FloatArray
    fate: tuple[str, ...]
    since: int
    last: int
    asked: int
    by_chance: tuple[Flips, Flips] | None
    judged_by: tuple[int, int]

    def count(self, fate: str) -> int:
        """Return how many problems met with a fate."""
        return self.fate.count(fate)

    @property
    def told(self) -> tuple[str, ...]:
        """The counts in words, with what chance alone makes of them, and what that is judged by."""
        lost, gained = self.by_chance or (None, None)
        counts = (
            f"Lost since step {self.since}: {self.count(LOST)} of {counted(self.asked, 'problem')}{_by_chance(lost)}.",
            f"Gained: {self.count(GAINED)}{_by_chance(gained)}.",
            f"Never solved: {self.count(NEVER)}.",
        )
        return (*counts, self._how)

    @property
    def _how(self) -> str:
        low, high = self.judged_by
        if self.by_chance is None:
            return "How many flip by chance alone cannot be told: there is one sample of every problem to judge it by."
        of = f"the evaluations of steps {low} to {high}" if low < high else f"the samples of step {low}"
        return (
            f"By chance: how many would flip from step {self.since} to {self.last} if nothing had changed, as a 95 % "
            f"interval judged by {of}. One problem that flips proves nothing."
        )


def problems_of(run: Run, verdict: Verdict) -> Problems | None:
    """What became of the problems of a run, one by one?

    A problem counts as solved where at least half of its samples pass. Returns None with fewer than two evaluations
    whose outcomes are known problem by problem.
    """
    found = [(one, one.outcomes) for one in run.evaluations() if one.outcomes is not None]
    if len(found) < 2:
        return None
    steps = [one.step for one, _ in found]
    names, passed, samples = _table([outcomes for _, outcomes in found])
    with np.errstate(invalid="ignore"):
        share = passed / samples
    since = _since(verdict, steps)
    fate = _fates(share, since)
    order = np.lexsort((-np.nan_to_num(share).mean(axis=1), fate))
    window = _alike(verdict, [one for one, _ in found], since)
    both = ~np.isnan(share[:, since]) & ~np.isnan(share[:, -1])
    return Problems(
        names=tuple(names[row] for row in order),
        steps=np.array(steps, dtype=np.int64),
        share=share[order],
        fate=tuple(_ORDER[fate[row]] for row in order),
        since=steps[since],
        last=steps[-1],
        asked=int(both.sum()),
        by_chance=_chance(passed[both], samples[both], since, window),
        judged_by=(steps[window[0]], steps[window[-1]]),
    )


def _by_chance(flips: Flips | None) -> str:
    return "" if flips is None else f" (by chance alone {flips.low:.0f} to {flips.high:.0f})"


def _table(found: Sequence[Outcomes]) -> tuple[list[str], FloatArray, FloatArray]:
    """Return all problems, and how many of their samples passed and were judged, shape (n, K); 0 where not asked."""
    place: dict[str, int] = {}
    rows = [[place.setdefault(name, len(place)) for name in one.problems] for one in found]
    passed, samples = np.zeros((2, len(place), len(found)))
    for k, one in enumerate(found):
        passed[rows[k], k], samples[rows[k], k] = one.passed, one.samples
    return list(place), passed, samples


def _since(verdict: Verdict, steps: Sequence[int]) -> int:
    """Return which evaluation flips are counted from: of the checkpoint to keep, unless that is the last."""
    kept = verdict.recommended.step if verdict.recommended else steps[-1]
    return steps.index(kept) if kept in steps[:-1] else 0


def _fates(share: FloatArray, since: int) -> IntArray:
    """Return the place of each problem's fate in `_ORDER`, shape (n,)."""
    before, after = share[:, since] >= SOLVED, share[:, -1] >= SOLVED
    both = ~np.isnan(share[:, since]) & ~np.isnan(share[:, -1])
    never = ~(np.nan_to_num(share) >= SOLVED).any(axis=1)
    fates = (both & before & ~after, never, both & ~before & after)
    return np.asarray(np.select(fates, range(len(fates)), len(fates)), dtype=np.int64)


def _alike(verdict: Verdict, found: Sequence[Evaluation], since: int) -> list[int]:
    """Return the evaluations that are taken for one policy: those tied with it that lie beside it, or the nearer one.

    The last evaluation, to which it is held, is none of them.
    """
    alike = [one.step in verdict.tied for one in found[:-1]]
    low = high = since
    while low > 0 and alike[since] and alike[low - 1]:
        low -= 1
    while high + 1 < len(alike) and alike[since] and alike[high + 1]:
        high += 1
    if low == high:
        beside = [k for k in (since - 1, since + 1) if 0 <= k < len(alike)]
        nearest = min(beside, key=lambda k: abs(found[k].rate - found[since].rate), default=since)
        low, high = sorted((since, nearest))
    return list(range(low, high + 1))


def _chance(passed: FloatArray, samples: FloatArray, since: int, window: Sequence[int]) -> tuple[Flips, Flips] | None:
    """Return how many would be lost and gained by chance, of problems that both evaluations asked."""
    total = samples[:, window].sum(axis=1)
    if not len(total) or total.max() < 2.0:
        return None
    solved: BoolArray = passed[:, since] >= SOLVED * samples[:, since]
    return flips_by_chance(passed[:, window].sum(axis=1), total, solved, samples[:, -1])
