"""What is true of a run: fallen or not, since when, and which checkpoint is the best.

The best is the highest true score, which is a little too high by chance; what is more than three paired standard
errors and a point below it has fallen. A run has fallen where its last checkpoint has, since the first from which on
all have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import heldout
from benchmarks.real_runs.scoring import PROBLEMS, TrueScore
from heldout.run import Run

_ERRORS, _POINTS = 3.0, 0.01  # that a score must lie below the best one to have fallen
_SHARES = (0.05, 0.5)  # of answers that use the trick
_AROUND = 10  # steps on either side of a checkpoint over which the reward is averaged


def label(run: Run, scores: Sequence[TrueScore]) -> dict[str, Any]:
    """Say what is true of a run, given the true scores of its checkpoints in order of steps."""
    steps = [one.step for one in scores]
    best = max(scores, key=lambda one: one.solved)
    fallen = [_below(best, one) for one in scores]
    onset = next((step for place, step in enumerate(steps) if step > best.step and all(fallen[place:])), None)
    state = "healthy"
    if onset is not None:
        rose = _reward_at(run, steps[-1]) > _reward_at(run, best.step)
        state = "over-optimised" if rose else "regressed"
    return {"state": state, "onset": onset, "best": best.step, **_trick(scores)}


def steps_that_matter(run: Run, scores: Sequence[TrueScore]) -> set[int]:
    """Which steps have to be scored, whatever others are: about the best one and the onset, and those that are kept."""
    found, steps = label(run, scores), run["held_out"].step
    kept = heldout.diagnose(run).recommended
    highest = int(steps[np.argmax(run["held_out"].value)])
    at = [found["best"], highest, *([kept.step] if kept else []), *([found["onset"]] if found["onset"] else [])]
    return {int(step) for step in steps if min(abs(step - one) for one in at) <= _AROUND}


def _below(best: TrueScore, one: TrueScore) -> bool:
    """Whether a score lies below the best one by more than noise."""
    difference = best.passed.astype(float) - one.passed
    error = float(difference.std(ddof=1)) / math.sqrt(PROBLEMS)
    return float(difference.mean()) > _POINTS + _ERRORS * error


def _reward_at(run: Run, step: int) -> float:
    reward = run["reward"]
    near = np.abs(reward.step - step) <= _AROUND
    return float(reward.value[near].mean())


def _trick(scores: Sequence[TrueScore]) -> dict[str, float | None]:
    """At which step does the share of answers that use the trick first pass each of the shares, by a straight line?"""
    known = [(one.step, one.trick / PROBLEMS) for one in scores if one.trick is not None]
    return {f"trick_{round(100 * share)}": _passed(known, share) for share in _SHARES}


def _passed(known: Sequence[tuple[int, float]], share: float) -> float | None:
    for (before, low), (step, high) in pairwise(known):
        if low < share <= high:
            return round(before + (step - before) * (share - low) / (high - low), 1)
    return None
