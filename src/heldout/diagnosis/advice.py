"""How the evaluation of a run would show more: what is advised beside a verdict."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator

from heldout.detectors.evidence import Evidence
from heldout.detectors.overoptimisation import Level, OverOptimisation
from heldout.diagnosis.beside import near_misses
from heldout.findings import Estimate
from heldout.metrics.phrasing import few_problems
from heldout.run import Run
from heldout.stats.levels import ENOUGH_PROBLEMS, FEWEST_EVALUATIONS, HELPFUL_SAMPLES
from heldout.text import counted

_LARGE = 0.05  # a fall of a share; of evaluations that show only larger ones more problems are asked
_MOST_NEAR = 5  # columns in an advice


def advice_on_roles(run: Run) -> Iterator[str]:
    """Which columns might be the score or the reward that is missing, and what to type then?"""
    for role, called, flag in (("held_out", "held-out score", "--eval"), ("reward", "reward", "--reward")):
        series = run.get(role)
        near = near_misses(run, role) if series is None or not len(series) else []
        if near:
            listed = ", ".join(f"{flag} {shlex.quote(key)}" for key in near[:_MOST_NEAR])
            more = f" ({len(near) - _MOST_NEAR} more: heldout columns)" if len(near) > _MOST_NEAR else ""
            yield f"If one of these columns is the {called}, say so: {listed}{more}."


def advice_on(fallen: OverOptimisation, visible: float | None, kept: Estimate) -> Iterator[str]:
    """How would the evaluation show more: problems first, then 20 to 40 evaluations, then samples?

    `visible` is the smallest fall that it would show, as a fraction, None where that is not known; `kept` is what is
    believed of the checkpoint to keep.
    """
    seen = fallen.evidence
    yield from _on_sizes(seen, visible, kept)
    yield from on_noise(seen, fallen.worst.level)
    yield from _on_problems(seen)
    if fallen.group > 1:
        yield (
            f"Evaluations were averaged in groups of {fallen.group} for the verdict; fewer and larger ones cost less."
        )
    if len(seen) < FEWEST_EVALUATIONS:
        yield f"{counted(len(seen), 'evaluation')} are few; 20 to 40, evenly spaced, see most."


def on_noise(seen: Evidence, fall: Level = Level.OK) -> Iterator[str]:
    """What is the noise like, as far as it leaves a doubt about a verdict that is so sure of a fall?"""
    jitter, excess = seen.jitter, seen.autocorrelation
    if seen.excess_scatter() is not None:
        return  # the sizes or the problems are wrong, so nothing can be said on top of them
    if seen.jumps and fall < Level.CONFIRMED:
        yield "The scores jump more than evaluations of this size explain, so no fall is confirmed."
    elif jitter is not None and jitter.low > 0.0:
        yield (
            f"Checkpoints differ by about {seen.spoken.by(jitter.size)} "
            f"({seen.spoken.between(jitter.low, jitter.high)}) beyond sampling."
        )
    if excess is not None and fall < Level.LIKELY:
        yield (
            f"Each score goes with the one before (autocorrelation {excess:.2f} above that of independent noise), "
            "as averages over steps do, so slow noise and a fall look alike: evaluate less often, or on fresh "
            "samples."
        )


def _on_sizes(seen: Evidence, visible: float | None, kept: Estimate) -> Iterator[str]:
    """Say which falls cannot be seen, and whether there are problems enough."""
    said = seen.spoken
    if visible is not None and said.share and visible > _LARGE:
        unseen = f"no {said.loss} of less than {said.by(visible)} can be seen"
        yield (
            f"Give the number of problems (--problems N): without it {unseen}."
            if seen.problems is None
            else f"With these evaluations {unseen}. Spend on problems first: four times as many halve that."
        )
    if seen.problems is not None and seen.problems < ENOUGH_PROBLEMS:
        more = f"; where there are no more, up to {HELPFUL_SAMPLES} samples of each help"
        yield (
            f"{seen.problems} problems are few; use {ENOUGH_PROBLEMS} or more, the same ones at every "
            f"evaluation{more if seen.samples < HELPFUL_SAMPLES else ''}."
        )
        if seen.samples > 1.0:
            yield few_problems(seen.problems, seen.samples, kept.low, kept.high)


def _on_problems(seen: Evidence) -> Iterator[str]:
    """Say what is odd about the problems: more scatter than theirs, others than before, missing or repeated ones."""
    scatter = seen.excess_scatter()
    if scatter is not None:
        yield (
            f"The rates scatter {math.sqrt(scatter):.1f} times as much as {seen.problems} problems can: are they the "
            "same problems at every evaluation, and is their number right?"
        )
    if seen.series > 1:
        yield (
            f"The problems changed {counted(seen.series - 1, 'time')} so much that evaluations before and after cannot "
            "be compared; keep the same ones."
        )
    if seen.filled:
        yield f"{counted(seen.filled, 'outcome')} were missing and stand in by their expectation; record failures as 0."
    if seen.passed_over:
        yield (
            f"{counted(seen.passed_over, 'evaluation')} repeated the one before problem by problem and were passed "
            "over: see that evaluations are not cached and load the current checkpoint."
        )
