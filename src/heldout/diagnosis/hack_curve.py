"""The hack curve: which share of the rewarded answers fails the hidden tests, between one evaluation and the next?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heldout.judged import Judged
from heldout.run import Run
from heldout.stats.arrays import BoolArray, FloatArray, IntArray
from heldout.stats.hacking import HackedShare, hacked_share

_MOST_BLOCKS = 100  # more than are told apart in a figure
_WITHOUT_EVALUATIONS = 20  # blocks of a run that has none


@dataclass(frozen=True, slots=True, eq=False)
class HackCurve:
    """Shares of rewarded answers that fail the hidden tests, by blocks of steps; all of shape (K,), in order.

    Attributes
    ----------
    first_step, step
        The steps of each block, both ends within it. A block ends at an evaluation, and the last one with the run.
    share, low, high
        The share with its 95 % interval, as fractions; see `heldout.stats.hacking.hacked_share`.
    answers, prompts
        Rewarded answers that were judged, and the groups that they are of.
    """

    first_step: IntArray
    step: IntArray
    share: FloatArray
    low: FloatArray
    high: FloatArray
    answers: IntArray
    prompts: IntArray

    def __len__(self) -> int:
        return len(self.step)


def hack_curve(judged: Judged, evaluated: Sequence[int] = ()) -> HackCurve | None:
    """Which share of the rewarded answers fails the hidden tests between one evaluation and the next?

    A block of steps goes from behind one of the evaluated steps up to the next one; where these are very many, several
    blocks are one, and where there are none the judged steps are cut into 20 alike. Blocks without a rewarded answer
    that was judged are left out; None where all are.
    """
    paid = judged.where(judged.rewarded)
    seen = ~np.isnan(paid.failed)
    if not seen.any():
        return None
    last = _ends(judged, evaluated)
    of = np.searchsorted(last, paid.step)
    kept = np.unique(of[seen])
    shares = [_share(paid, of == block) for block in kept.tolist()]
    first = np.append(judged.step[0], last[:-1] + 1)
    return HackCurve(
        first[kept],
        last[kept],
        *(np.array([getattr(one, name) for one in shares]) for name in ("share", "low", "high", "answers", "prompts")),
    )


def hack_curve_of(run: Run) -> HackCurve | None:
    """Return the hack curve of a run; None where no rewarded answer of it was judged by hidden tests."""
    return None if run.judged is None else hack_curve(run.judged, [one.step for one in run.evaluations()])


def _ends(judged: Judged, evaluated: Sequence[int]) -> IntArray:
    """Return the last step of each block, shape (B,); all judged steps are in one."""
    steps, end = np.unique(judged.step), int(judged.step[-1])
    ends = np.unique(np.asarray(evaluated, dtype=np.int64))
    if not ends.size:
        ends = steps[np.linspace(0, steps.size, _WITHOUT_EVALUATIONS + 1)[1:].astype(np.int64) - 1]
    ends = ends[-(-ends.size // _MOST_BLOCKS) - 1 :: -(-ends.size // _MOST_BLOCKS)]
    inside = ends[(ends >= judged.step[0]) & (ends < end)]
    return np.unique(np.append(inside, end))


def _share(paid: Judged, rows: BoolArray) -> HackedShare:
    return hacked_share(paid.rewarded[rows], paid.failed[rows], paid.group[rows], paid.chance[rows])
