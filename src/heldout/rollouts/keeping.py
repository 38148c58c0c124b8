"""Which answers of a step are kept, and which of them do the hidden tests judge? By chance, with known chances.

Every answer gets a lot, and is drawn where its lot is at most its chance. Two things are settled before any hidden test
is run, so that a verdict never changes who is asked or kept: of all answers the same share is kept, and to be judged
the rewarded ones have a chance of their own. Whatever is judged is kept as well, the answers that were rewarded and
failed among them; none is kept *because* of its verdict, so the weights ``1 / kept_with`` are right for what is known
of every answer, and ``1 / judged_with`` for what the hidden tests say (Horvitz and Thompson).

Lots are spread over the cells, the rewarded answers of one prompt and its other ones: the few that can be judged come
from as many prompts as there are, for answers of one prompt resemble each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.errors import UsageError
from heldout.stats.arrays import BoolArray, FloatArray, IntArray

KEEP, JUDGE = 16, 8  # answers of a step, unless somebody says otherwise
_TO_REWARDED = 0.75  # of what is judged: the hack rate is theirs, the rest sees right answers that go unrewarded


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """What was drawn of a step, shape (N,) each."""

    kept: BoolArray
    judged: BoolArray  # all of them are kept
    kept_with: FloatArray  # the chances, above 0 and at most 1, also of what was not drawn
    judged_with: FloatArray  # 0 where none is to be judged


def draw(
    group: npt.ArrayLike,
    rewarded: npt.ArrayLike,
    *,
    seed: int,
    step: int,
    keep: float = KEEP,
    judge: float = JUDGE,
) -> Draw:
    """Draw the answers of one step that are kept, and those that are judged.

    Parameters
    ----------
    group
        Shape (N,): answers of one group were sampled together, one prompt at one step.
    rewarded
        Shape (N,): whether an answer is paid as a right one is.
    seed, step
        Of the run. The same ones draw the same, so a run that is resumed draws again what it drew.
    keep, judge
        How many answers, on average; fractions are allowed, as where a judge is too dear for one a step.

    Raises
    ------
    UsageError
        When `keep` or `judge` is below 0 or no number, or the shapes do not fit.

    >>> found = draw([1, 1, 1, 1, 2, 2, 2, 2], [0, 1, 1, 1, 0, 0, 0, 0], seed=7, step=1, keep=4, judge=2)
    >>> int(found.judged.sum()), found.judged_with.round(2).tolist()
    (2, [0.1, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1])
    """
    groups, paid = np.asarray(group), np.asarray(rewarded, dtype=bool)
    if groups.ndim != 1 or groups.shape != paid.shape:
        raise UsageError(f"group and rewarded have shapes {groups.shape} and {paid.shape}; give one value an answer.")
    for name, value in (("keep", keep), ("judge", judge)):
        if not value >= 0:
            raise UsageError(f"{name} is {value}; it is a number of answers a step, at least 0.")
    cell = 2 * np.unique(groups, return_inverse=True)[1] + paid
    lot = _lots(cell, np.random.default_rng([seed, step]))
    judged_with = _chances(paid, judge)
    kept_with = np.maximum(min(1.0, keep / max(paid.size, 1)), judged_with)
    return Draw(lot <= kept_with, lot <= judged_with, kept_with, judged_with)


def _chances(rewarded: BoolArray, judge: float) -> FloatArray:
    """With which chance is each answer judged? What one stratum is too small for goes to the other; shape (N,)."""
    paid = int(np.count_nonzero(rewarded))
    others = rewarded.size - paid
    of_paid = min(float(paid), max(_TO_REWARDED * judge, judge - others))
    of_others = min(float(others), judge - of_paid)
    return np.where(rewarded, of_paid / max(paid, 1), of_others / max(others, 1))


def _lots(cell: IntArray, rng: np.random.Generator) -> FloatArray:
    """Return a number for each answer, shape (N,): uniform within 0 and 1, and evenly spread within each cell.

    The n answers of a cell are put in a random order, and the lot of the k-th is ``(k - u) / n`` with one u for all.
    With a chance p of them floor(p n) or one more are drawn, and any n answers of a cell are as likely as any others:
    so the mean over the judged ones of a cell is that of the whole cell on average, given that any was judged.
    Cells are drawn independently of each other, which is what a bet on prompts assumes.

    Source: Brewer, Early, Hanif 1984, "Poisson, modified Poisson and collocated sampling", J. Stat. Plan. Inference 10.
    """
    order = np.lexsort((rng.random(cell.size), cell))
    _, first, which, size = np.unique(cell[order], return_index=True, return_inverse=True, return_counts=True)
    shift = rng.random(size.size)
    lot = np.empty(cell.size)
    lot[order] = (np.arange(cell.size) - first[which] + 1.0 - shift[which]) / size[which]
    return lot
