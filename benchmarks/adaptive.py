"""``heldout bench adaptive``: does evaluating oftener once a fall is suspected keep the error rate? What does it save?

Simulated runs of 800 steps whose truth is known. Held-out outcomes alone trigger the finer grid; in two more rows so
does an alarm of the hack curve, which is not simulated but put where the fall begins, as a trick that grows has it, or
at step 200 of every run, where it is most often false.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.harness import Estimate, Sheet, check_name, in_processes, write
from heldout.datasets.simulated import DECLINES, NULLS, STEPS, SimulatedRun, simulate
from heldout.detectors import Block, Detectors
from heldout.detectors.overoptimisation import Level
from heldout.live.schedule import Schedule, suspected

_PROBLEMS, _FINE, _CALM = 256, 20, 80
SCHEDULES = {
    "adaptive, 80 to 20 steps": Schedule(STEPS, _FINE, _CALM),
    "adaptive, 80 to 20 steps, at most 20": Schedule(STEPS, _FINE, _CALM, 20),
    "adaptive, 80 to 20 steps, hack alarm at the onset": Schedule(STEPS, _FINE, _CALM),
    "adaptive, 80 to 20 steps, at most 20, hack alarm at the onset": Schedule(STEPS, _FINE, _CALM, 20),
    "adaptive, 80 to 20 steps, hack alarm at step 200": Schedule(STEPS, _FINE, _CALM),
    "every 20 steps": Schedule(STEPS, 20),
    "every 40 steps": Schedule(STEPS, 40),
    "every 80 steps": Schedule(STEPS, 80),
}
_CHUNK = 4  # runs of one job


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run was under one schedule."""

    schedule: str
    family: str
    confirmed: int | None  # step at which a fall was confirmed
    alarmed: int | None  # or likely
    until: int  # evaluations until a fall was confirmed, or the end
    onset: int | None  # step at which the fall truly began

    @property
    def delay(self) -> float:
        """Steps from the onset to the confirmation, to the end where there is none."""
        assert self.onset is not None
        return max((STEPS if self.confirmed is None else self.confirmed) - self.onset, 0)


def watched(run: SimulatedRun, schedule: Schedule, name: str) -> Seen:
    """Evaluate a run as a schedule has it, until a fall is confirmed; its evaluations lie on the finest grid."""
    detectors = Detectors.planned(schedule.planned, [])
    confirmed = alarmed = None
    done = 0
    for evaluation in run.evaluations("outcomes"):
        step = evaluation.step
        due = step % schedule.every == 0 or step >= schedule.steps
        wanted = step >= _hack_alarm(name, run) or suspected(detectors, [])
        if not due and not schedule.extra(step, wanted, done + 1):  # one before the first step
            continue
        detectors.falls.update(Block(evaluations=[evaluation]))
        done += 1
        looks = detectors.falls.looks
        level = looks[-1].level if looks else Level.OK
        alarmed = step if alarmed is None and level >= Level.LIKELY else alarmed
        if level >= Level.CONFIRMED:
            confirmed = step
            break
    return Seen(name, run.family, confirmed, alarmed, done, run.onset_step)


def _hack_alarm(schedule: str, run: SimulatedRun) -> float:
    """Return the step at which the hack curve raises its alarm, as the name of a schedule has it."""
    if schedule.endswith("onset"):
        return math.inf if run.onset_step is None else run.onset_step
    return 200 if schedule.endswith("200") else math.inf


def some(job: tuple[str, int, int]) -> list[Seen]:
    """All schedules on some runs of a family."""
    family, first, count = job
    seen = []
    for seed in range(first, first + count):
        run = simulate(family, _PROBLEMS, STEPS // _FINE, seed=seed)
        asked = {name: one for name, one in SCHEDULES.items() if one.calm or run.is_decline}
        seen += [watched(run, schedule, name) for name, schedule in asked.items()]
    return seen


def all_of(families: Sequence[str], runs: int, seed: int, workers: int) -> list[Seen]:
    """So many runs of each family under all schedules."""
    starts = range(0, runs, _CHUNK)
    jobs = [(family, 1_000_000 * seed + first, min(_CHUNK, runs - first)) for first in starts for family in families]
    with in_processes(workers, some) as do:
        return [one for part in do(jobs) for one in part]


def rows(honest: Sequence[Seen], hacked: Sequence[Seen]) -> Iterator[tuple[str, ...]]:
    """A row for each schedule; what even ones find in honest runs `heldout bench detect` says."""
    for name in SCHEDULES:
        null = [one for one in honest if one.schedule == name]
        wrong = sum(one.confirmed is not None for one in null)
        fall = [one for one in hacked if one.schedule == name]
        yield (
            name,
            f"{100 * wrong / len(null):.1f} ({wrong} of {len(null)})" if null else "",
            f"{np.mean([one.until for one in null]):.1f}" if null else "",
            f"{np.mean([one.until for one in fall]):.1f}",
            f"{100 * np.mean([one.confirmed is not None for one in fall]):.0f}",
            _told([one.delay for one in fall]),
        )


def _told(values: Sequence[float]) -> str:
    estimate = Estimate.of(np.array(values, dtype=np.float64))
    return f"{estimate.value:.0f} ±{estimate.se:.0f}" if math.isfinite(estimate.value) else "–"


def main(honest: int, hacked: int, seed: int, workers: int, out: Path | None) -> None:
    """Print the table, and write it where asked; so many runs of each honest and each falling family."""
    check_name(out)
    null, fall = all_of(NULLS, honest, seed, workers), all_of(DECLINES, hacked, seed, workers)
    sheet = Sheet(
        f"{len(NULLS) * honest} runs that never fall for long, {len(DECLINES) * hacked} that do, seed {seed}",
        (
            "evaluated",
            "falsely confirmed %",
            "evaluations, honest",
            "evaluations until confirmed",
            "confirmed %",
            "steps from onset to it",
        ),
        tuple(rows(null, fall)),
    )
    Console(highlight=False).print(sheet.drawn())
    write(out, [sheet], [*null, *fall])
