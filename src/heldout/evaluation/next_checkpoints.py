"""Which saved checkpoints of a run should be evaluated next, to find the best with the fewest evaluations?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heldout.detectors.evidence import Evidence
from heldout.errors import UsageError
from heldout.run import Run
from heldout.stats.noise import JITTER_FLOOR, aggregate_noise
from heldout.stats.search import search


@dataclass(frozen=True, slots=True)
class NextCheckpoints:
    """Where to look for the best checkpoint."""

    steps: tuple[int, ...]  # checkpoints to evaluate next, the most promising first; none where none is worth it
    gains: tuple[float, ...]  # by which each should raise the rate of the one that is kept; nan before any evaluation
    best: int | None  # step to keep so far; None where no checkpoint that exists has been evaluated
    estimate: float  # its rate, nan if there is none
    evaluated: int  # how many steps
    saved: int  # how many checkpoints exist


def next_checkpoints(run: Run, count: int = 4) -> NextCheckpoints:
    """Return the checkpoints of a run to evaluate next, coarse to fine.

    Parameters
    ----------
    run
        A run whose checkpoints are known; its held-out evaluations are those made so far.
    count
        How many may be evaluated before one asks again.

    Raises
    ------
    UsageError
        If no saved checkpoint is known, or the number of problems of an evaluation is not.
    """
    if not run.checkpoints:
        raise UsageError(
            f"{run.source}: no saved checkpoint was found, so there is nothing to evaluate next; give the folder that "
            "holds them (checkpoint-200, global_step_200, step-200), or record them with Recorder.checkpoint."
        )
    rates = {evaluation.step: evaluation.score for evaluation in run.evaluations()}
    position = np.array(sorted({*rates, *run.checkpoints}), dtype=np.float64)
    exists = np.array([int(step) in run.checkpoints for step in position])
    evaluated = [index for index, step in enumerate(position) if int(step) in rates]
    value = [rates[int(position[index])] for index in evaluated]
    variance = _variance(run)
    found = now = search(position, evaluated, value, variance, exists)
    chosen: list[int] = []
    gains: list[float] = []
    while found.next is not None and len(chosen) < count:
        chosen.append(int(position[found.next]))
        gains.append(float(found.gain[found.next]) if rates else float("nan"))
        evaluated.append(found.next)
        value.append(float(np.nan_to_num(found.mean[found.next])))  # as if the result were the expected one
        found = search(position, evaluated, value, variance, exists)
    best = None if now.best is None else int(position[now.best])
    estimate = float("nan") if now.best is None else float(now.mean[now.best])
    lower = any(evaluation.lower for evaluation in run.evaluations())
    return NextCheckpoints(
        steps=tuple(chosen),
        gains=tuple(gains),
        best=best,
        estimate=1.0 - estimate if lower else estimate,
        evaluated=len(rates),
        saved=int(exists.sum()),
    )


def _variance(run: Run) -> float:
    """Noise variance of one rate: as the evaluations show it, or by their problems where they are too few."""
    seen = Evidence()
    for evaluation in run.evaluations():
        seen.add(evaluation)
    if not len(seen):
        return JITTER_FLOOR**2
    measured = seen.noise()
    if np.isfinite(measured) and measured > 0.0:
        return float(measured)
    if seen.problems is None:
        raise UsageError(f"{run.source}: the number of problems of an evaluation is not known; give --problems N.")
    return aggregate_noise(seen.rates, seen.problems, seen.samples)
