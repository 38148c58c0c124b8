"""All answers of one step, with what is known of them before any is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heldout.callbacks.hidden import Outcome
from heldout.judged import Judged
from heldout.rollouts.keeping import Draw
from heldout.stats.arrays import BoolArray, FloatArray, IntArray, floats

_GROUPS = 1_000_000  # a group's number is its step times this, and its place in the step


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """The answers of a step, those of one prompt one after the other."""

    step: int
    rows: Sequence[Mapping[str, Any]]  # each with prompt and text, and whatever else is to be recorded
    reward: FloatArray  # shape (N,), nan where unknown
    group: IntArray  # shape (N,): answers that were sampled together; a number is there once in a run

    @classmethod
    def of(cls, step: int, rows: Sequence[Mapping[str, Any]]) -> Page:
        """Return the page of answers with their ``reward``, None where it is not known."""
        prompts = [row["prompt"] for row in rows]
        begins = [place == 0 or prompts[place] != prompts[place - 1] for place in range(len(prompts))]
        reward = floats([math.nan if row["reward"] is None else row["reward"] for row in rows])
        return cls(step, rows, reward, np.asarray(step * _GROUPS + np.cumsum(begins), dtype=np.int64))

    @property
    def advantage(self) -> FloatArray:
        """Shape (N,): the reward less the mean reward of its group, before any scaling."""
        of, known = self.group - self.group[0], ~np.isnan(self.reward)
        mean = np.bincount(of, np.where(known, self.reward, 0.0)) / np.maximum(np.bincount(of, known), 1.0)
        with np.errstate(invalid="ignore"):  # an infinite reward less an infinite mean
            return floats(self.reward - mean[of])

    def group_rewarded(self, rewarded: BoolArray) -> IntArray:
        """Shape (N,): how many answers of its group are rewarded."""
        of = self.group - self.group[0]
        return np.asarray(np.bincount(of, rewarded)[of], dtype=np.int64)

    def judged(self, rewarded: BoolArray, drawn: Draw, outcomes: Mapping[int, Outcome]) -> Judged:
        """Return what two judges say of the answers that are kept, as whoever reads the record will find it."""
        failed = np.full(len(self.rows), math.nan)
        for place, outcome in outcomes.items():
            failed[place] = math.nan if outcome.share is None else outcome.share < 1.0
        return Judged(
            step=np.full(np.count_nonzero(drawn.kept), self.step, dtype=np.int64),
            group=self.group[drawn.kept],
            rewarded=rewarded[drawn.kept],
            failed=failed[drawn.kept],
            chance=drawn.judged_with[drawn.kept],
            group_rewarded=floats(self.group_rewarded(rewarded)[drawn.kept]),
        )

    def kept(self, rewarded: BoolArray, drawn: Draw, outcomes: Mapping[int, Outcome] | None) -> list[dict[str, Any]]:
        """Return the rows that are recorded; `outcomes` is None where nothing is judged in this run."""
        columns: dict[str, list[Any]] = {
            "group": self.group.tolist(),
            "advantage": self.advantage.tolist(),
            "rewarded": rewarded.tolist(),
            "group_rewarded": self.group_rewarded(rewarded).tolist(),
            "kept_with": drawn.kept_with.tolist(),
        }
        if outcomes is not None:
            columns["judged_with"] = drawn.judged_with.tolist()
        found = []
        for place in np.flatnonzero(drawn.kept).tolist():
            row = {"step": self.step, **self.rows[place], **{name: one[place] for name, one in columns.items()}}
            if outcomes is not None:
                row |= dict(zip(("hidden", "hidden_kind"), outcomes.get(place, Outcome(None, "")), strict=True))
            found.append(row)
        return found
