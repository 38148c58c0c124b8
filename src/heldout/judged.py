"""Training answers that two judges spoke of: the reward, and the hidden tests that no optimiser sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heldout.errors import UsageError
from heldout.stats.arrays import BoolArray, FloatArray, IntArray
from heldout.steps import STEP_LIMIT


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Training answers that the hidden tests judged too, outside the reward: what two judges say of the same answer.

    All of shape (N,), in order of steps; answers that were kept without being judged are among them.

    Of a prompt none of whose answers was kept there is nothing here. A sum over `group_rewarded` in which answers that
    were not drawn count as passing would need all prompts; `heldout.stats.hacking.prompt_shares` does without them.

    A UsageError where they do not fit each other, or a value is outside what it may be.
    """

    step: IntArray
    group: IntArray  # answers of one group were sampled together: one prompt at one step
    rewarded: BoolArray
    failed: FloatArray  # 1 where it fails the hidden tests, 0 where it passes, nan where it was not judged
    chance: FloatArray  # of having been kept and judged, settled before its tests were run; 0 of what never is
    group_rewarded: FloatArray  # rewarded answers of its group, also those not kept; nan where unknown

    def __post_init__(self) -> None:
        columns = [getattr(self, name) for name in self.__slots__]
        if len({np.shape(column) for column in columns}) > 1 or np.ndim(self.step) != 1:
            raise UsageError(f"judged answers have columns of shapes {[np.shape(column) for column in columns]}")
        if len(self) and not (self.step[0] >= 0 and self.step[-1] < STEP_LIMIT and np.all(np.diff(self.step) >= 0)):
            raise UsageError("judged answers must be in order of steps, which count from 0")
        if not np.all(np.isnan(self.failed) | np.isin(self.failed, (0.0, 1.0))):
            raise UsageError("a judged answer fails (1) or passes (0) the hidden tests; nan where they were not run")
        if not np.all((self.chance <= 1.0) & ((self.chance > 0.0) | (np.isnan(self.failed) & (self.chance == 0.0)))):
            raise UsageError("the chance of being judged must be above 0 and at most 1; 0 only of what is never judged")
        if not np.all(np.isnan(self.group_rewarded) | (self.group_rewarded >= 0.0)):
            raise UsageError("the rewarded answers of a group must be 0 or more; nan where their number is not known")

    def __len__(self) -> int:
        return len(self.step)

    @classmethod
    def joined(cls, parts: Sequence[Judged]) -> Judged:
        """Return one or several as one, which must be in order of steps."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))

    @classmethod
    def last_told(cls, parts: Sequence[Judged]) -> Judged | None:
        """Return several as one; of a step that several tell of, what the last of them says. None where none says any.

        The parts may overlap and come in any order of steps.
        """
        if not any(map(len, parts)):
            return None
        whole = [np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__]
        number = np.repeat(np.arange(len(parts)), list(map(len, parts)))
        steps, of = np.unique(whole[0], return_inverse=True)
        last = np.zeros(len(steps), dtype=np.int64)
        np.maximum.at(last, of, number)
        rows = np.flatnonzero(number == last[of])
        rows = rows[np.argsort(whole[0][rows], kind="stable")]
        return cls(*(column[rows] for column in whole))

    def where(self, rows: BoolArray | slice) -> Judged:
        """Return some of them, by a mask of shape (N,) or where they stand."""
        return Judged(*(getattr(self, name)[rows] for name in self.__slots__))

    def between(self, after: int, until: int | None = None) -> Judged | None:
        """Return those after one step, up to and including another; None where there are none."""
        ends = [after, STEP_LIMIT if until is None else until]
        start, stop = np.searchsorted(self.step, ends, side="right").tolist()
        return self.where(slice(start, stop)) if start < stop else None
