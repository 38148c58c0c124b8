"""What became of every problem, evaluation after evaluation, for the problems that all of them share."""

from __future__ import annotations

import numpy as np

from heldout.run import Outcomes
from heldout.stats.arrays import FloatArray
from heldout.stats.gram import Gram, complete

_COVERS = 0.8  # share of the problems that an evaluation may have without the missing ones being dropped for good
_FEWEST_COMMON = 50  # problems by which evaluations of different sets are linked


class SharedProblems:
    """The problems that evaluations share, of which there are at least two, and what became of each.

    Attributes
    ----------
    problems
        Their ids, in the order of every row.
    gram
        The rates over them, and how they err.
    """

    def __init__(self, outcomes: Outcomes) -> None:
        self.problems = outcomes.problems
        self._rows = [outcomes.share]  # one array per evaluation
        self.gram = Gram.of(outcomes.share[None, :])

    def row_of(self, outcomes: Outcomes) -> FloatArray | None:
        """Return the shares solved of the problems asked so far, `nan` where missing; None where too few are the same.

        Where many are missing, they are no longer asked about: of the evaluations before they are left out as well.
        """
        if outcomes.problems == self.problems:
            return outcomes.share
        shares = dict(zip(outcomes.problems, outcomes.share.tolist(), strict=True))
        here = [problem in shares for problem in self.problems]
        if sum(here) < _COVERS * len(here):
            if sum(here) < _FEWEST_COMMON:
                return None
            self._keep(here)
        return np.array([shares.get(problem, np.nan) for problem in self.problems])

    def repeats(self, row: FloatArray) -> bool:
        """Whether a row is the last one again, which is no chance unless all problems came out alike."""
        return np.array_equal(row, self._rows[-1]) and bool(0.0 < row.mean() < 1.0)

    def add(self, row: FloatArray) -> int:
        """Take in the row of the next evaluation; return how many of its problems were missing and were filled."""
        missing = int(np.isnan(row).sum())
        if missing:
            row = complete(np.stack([*self._rows, row]))[1][-1]
        self._rows.append(row)
        self.gram.add(row)
        return missing

    def _keep(self, kept: list[bool]) -> None:
        """Go on with a part of the problems."""
        self.problems = tuple(problem for problem, keep in zip(self.problems, kept, strict=True) if keep)
        self._rows = [row[kept] for row in self._rows]
        self.gram = Gram.of(np.stack(self._rows))
