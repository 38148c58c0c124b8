"""Which checkpoint to keep, how good it is, and why it is not always that of the highest value in the log."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from heldout.detectors.evidence import Evidence
from heldout.findings import Estimate, Verdict
from heldout.metrics.phrasing import Spoken
from heldout.run import Run
from heldout.stats.arrays import BoolArray
from heldout.stats.checkpoint import Choice, choose, levels
from heldout.stats.levels import TWO_SIDED_95
from heldout.stats.rates import wilson
from heldout.text import counted

_LEAST_TRIALS = 0.5  # of the problems: what their evaluation is worth at least


class Highest(NamedTuple):
    """The best score in the log, where it is that of another step than the one to keep: as judged, higher is better."""

    step: int
    ahead: float  # how far it is above the score at the step to keep, both as logged
    estimate: float  # what is believed of its checkpoint
    exists: bool  # whether that checkpoint could be kept


class Missed(NamedTuple):
    """The step that is believed to be the best, and clearly better than the one to keep, but has no checkpoint."""

    step: int
    estimate: float  # as logged


@dataclass(frozen=True, slots=True)
class Kept:
    """The checkpoint to keep."""

    recommended: Estimate  # its step, and what is believed of the score there
    last: Estimate  # what is believed of the last evaluation
    tied: tuple[int, ...]  # steps that cannot be told apart from it, with its own
    among: int  # how many there were to choose from
    existing: bool  # whether those were the checkpoints that exist; otherwise every evaluation counts
    highest: Highest | None = None
    ranked: tuple[int, ...] = ()  # those of `tied`, the best first
    better: Missed | None = None


def checkpoint_to_keep(seen: Evidence, checkpoints: Container[int] = ()) -> Kept:
    """Which checkpoint is the best by all evaluations so far, of which there is at least one?

    One of those that exist (`checkpoints` holds their steps); without any, every evaluated step may be chosen.
    """
    steps = [int(step) for step in seen.steps]
    on_disk = np.array([step in checkpoints for step in steps])
    existing = bool(on_disk.any())
    exists = on_disk if existing else np.ones(len(steps), dtype=bool)
    choice = seen.once(("choice", exists.tobytes()), lambda: _choice(seen, exists))
    half = 0.5 * (choice.high - choice.low)
    low, estimate, high = _interval(choice.estimate, half, seen)
    top, rates = int(seen.rates.argmax()), seen.rates
    ahead = float(rates[top] - rates[choice.best])
    ranked = sorted(choice.tied, key=lambda index: (index != choice.best, -choice.means[index]))
    most = int(choice.means.argmax())
    better = not exists[most] and choice.means[most] - choice.means[choice.best] > seen.margins.tie
    return Kept(
        recommended=Estimate(steps[choice.best], estimate, low, high),
        last=_estimate(steps[-1], float(choice.means[-1]), choice.last_half, seen),
        tied=tuple(steps[index] for index in choice.tied),
        among=int(exists.sum()),
        existing=existing,
        highest=Highest(steps[top], ahead, float(choice.means[top]), bool(exists[top])) if ahead > 0.0 else None,
        ranked=tuple(steps[index] for index in ranked),
        better=Missed(steps[most], seen.spoken.as_logged(float(choice.means[most]))) if better else None,
    )


def _choice(seen: Evidence, exists: BoolArray) -> Choice:
    return choose(seen.rates, seen.eval_noise(), seen.set_variance(), exists, tie=seen.margins.tie)


def checkpoints_of(run: Run, verdict: Verdict) -> tuple[Estimate, ...]:
    """How good is the policy of every evaluated step, as the choice of the verdict has it?

    Evaluations that only repeat the one before are left out. None where nothing can be chosen by.
    """
    seen, kept = Evidence(), verdict.recommended
    for evaluation in run.evaluations() if kept else ():
        seen.add(evaluation)
    if kept is None or not len(seen):
        return ()
    means, halves = levels(seen.rates, seen.eval_noise(), seen.set_variance())
    steps = [int(step) for step in seen.steps]
    every = (
        _estimate(step, mean, half, seen)
        for step, mean, half in zip(steps, means.tolist(), halves.tolist(), strict=True)
    )
    return tuple(kept if one.step == kept.step else one for one in every)


def _estimate(step: int, mean: float, half: float, seen: Evidence) -> Estimate:
    low, estimate, high = _interval(mean, half, seen)
    return Estimate(step, estimate, low, high)


def _interval(rate: float, half: float, seen: Evidence) -> tuple[float, float, float]:
    """Return low end, level and high end with 95 %, as logged; a share lies within what one can be.

    Where the number of problems is known the interval is Wilson's, of so many trials as its deviation stands for; near
    0 and 1, where a deviation stands for hardly any, of as many as half of the problems.
    """
    ends = (rate - half, rate, rate + half)
    if seen.spoken.share:
        ends = tuple(np.clip(ends, 0.0, 1.0).tolist())
        if seen.problems is not None and 0.0 < rate < 1.0 and 0.0 < half < math.inf:
            trials = rate * (1.0 - rate) * (TWO_SIDED_95 / half) ** 2
            low, high = wilson(rate, max(trials, _LEAST_TRIALS * seen.problems))
            ends = (low, rate, high)
    low, level, high = sorted(map(seen.spoken.as_logged, ends))
    return low, level, high


def keep(kept: Kept, said: Spoken, run: Run) -> str:
    """Say which step to keep, how good it is, what cannot be told from it, and where it lies."""
    one, tied = kept.recommended, len(kept.tied) - 1
    level, low, high = map(said.as_scored, (one.estimate, one.low, one.high))
    estimate = f"{said.level(level)} (95 % interval {said.levels(low, high)})"
    among = f"{counted(kept.among, 'checkpoint')} that exist" if kept.existing else f"{kept.among}"
    others = f"; {counted(tied, 'other')} of {among} cannot be told apart from it" if tied else ""
    where = run.checkpoints.get(one.step)
    lies = f" It lies in {where}." if where else ""
    return f"Keep step {one.step}, estimated at {estimate}{others}.{lies}"


def why_not_the_highest(kept: Kept, seen: Evidence) -> str:
    """Say why the step to keep is not that of the best value in the log; nothing where it is."""
    top, said = kept.highest, seen.spoken
    if top is None:
        return ""
    best, above, lower = ("lowest", "below", "higher") if said.lower else ("highest", "above", "lower")
    ahead = f"{said.by(top.ahead)} {above} that of step {kept.recommended.step}"
    estimate, kept_at = said.level(top.estimate), said.level(said.as_scored(kept.recommended.estimate))
    if not top.exists:
        why = "no checkpoint of it exists"
    elif estimate == kept_at:
        why = f"its neighbours are {lower}, and it is estimated to be no better"
    else:
        why = f"chance flatters it: its neighbours are {lower}, and it is estimated at {estimate}"
    return f"Step {top.step} has the {best} value logged, {ahead}, but {why}."
