"""Which evaluations to make: what a schedule would show, the cheapest that shows a fall, and where to look in a run.

`show_schedule`, `show_cheapest`, `show_budget` and `show_next` are what ``heldout plan`` prints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from rich.table import Table

from heldout.detectors.evidence import Evidence
from heldout.errors import UsageError
from heldout.metrics.phrasing import as_judged
from heldout.run import Run
from heldout.stats.levels import ENOUGH_PROBLEMS, FEWEST_EVALUATIONS, FEWEST_TO_CONFIRM, MOST_EVALUATIONS
from heldout.stats.noise import JITTER_FLOOR, aggregate_noise, eval_sigma
from heldout.stats.scan import HORIZONS, smallest_visible_drop
from heldout.stats.search import WORTH, search
from heldout.text import counted

WITHIN = (1, 2, 3, 5, 8)  # evaluations after which one asks
RATE = 0.35  # solved; at any rate from 20 to 80 % the noise of an evaluation is within a fifth of the noise at this one
_PROMPT = 0.15  # of the run: a fall should be seen before more than that has passed
_MOST_PROBLEMS = 1_000_000  # nobody has more


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a run is evaluated; a number outside what is allowed is a UsageError."""

    problems: int  # held out, the same ones at every evaluation
    samples: int = 1  # of each problem
    evaluations: int = FEWEST_EVALUATIONS  # of the whole run, evenly spaced, from 5 to 320
    rate: float = RATE  # share of the problems that is expected to be solved

    def __post_init__(self) -> None:
        if self.problems < 1 or self.samples < 1:
            raise UsageError(f"{self.problems} problems and {self.samples} samples; there must be at least 1 of each.")
        if not HORIZONS[0] <= self.evaluations <= HORIZONS[-1]:
            raise UsageError(f"--planned is {self.evaluations}; it must be from {HORIZONS[0]} to {HORIZONS[-1]}.")
        if not 0.0 < self.rate < 1.0:
            raise UsageError(f"--rate is {self.rate}; it must be between 0 and 1.")

    @property
    def generations(self) -> int:
        """What the whole schedule costs."""
        return self.problems * self.samples * self.evaluations

    @property
    def sigma(self) -> float:
        """Standard deviation of one rate, as a fraction: the luck of the samples, and the jitter of checkpoints."""
        return math.hypot(eval_sigma(self.rate, self.problems, self.samples), JITTER_FLOOR)

    @property
    def prompt(self) -> int:
        """How many evaluations 15 % of the run holds, at least 1."""
        return max(1, math.floor(_PROMPT * self.evaluations))

    def visible(self, within: int | None = None, seen: int | None = None) -> float:
        """Which lasting fall, as a fraction, is seen `within` so many evaluations after it, or 15 % of the run?

        `seen` evaluations were made by then; if not given, the fall begins in the middle of the run. The fall is seen
        with 80 % power, at 5 % of false alarms in the whole run. `nan` where the run is over by then, or nothing lies
        before the fall.
        """
        after = self.prompt if within is None else within
        made = self.evaluations // 2 + after if seen is None else seen
        if made > self.evaluations:
            return math.nan
        return smallest_visible_drop(self.evaluations, made, after, self.sigma**2)


def cheapest(drop: float, *, rate: float = RATE, problems: int | None = None) -> Schedule | None:
    """Return the schedule of fewest generations that sees a fall (`drop`, a fraction) within 15 % of the run.

    It has 20 to 40 evaluations, never below 200 problems (or all there are), and more than one sample only where the
    `problems` run out; without a number they are unlimited. None where no schedule sees the fall: checkpoints jitter by
    more than evaluations can average. A drop that is not between 0 and 1 is a UsageError.
    """
    if not 0.0 < drop < 1.0:
        raise UsageError(f"--drop is {drop}; it must be between 0 and 1, such as 0.03 for three points.")
    found = [one for one in _sufficient(drop, rate, problems) if one is not None]
    return min(found, key=lambda one: (one.generations, one.samples), default=None)


def _sufficient(drop: float, rate: float, problems: int | None) -> Iterator[Schedule | None]:
    """For each number of evaluations the fewest problems, then samples, that see the fall."""
    fewest = ENOUGH_PROBLEMS if problems is None else min(ENOUGH_PROBLEMS, problems)
    for evaluations in range(FEWEST_EVALUATIONS, MOST_EVALUATIONS + 1):
        one = Schedule(fewest, 1, evaluations, rate)
        room = (drop / one.visible() * one.sigma) ** 2 - JITTER_FLOOR**2
        if room <= 0.0:
            yield None
            continue
        answers = math.ceil(eval_sigma(rate, 1) ** 2 / room)
        if answers > _MOST_PROBLEMS:
            yield None
        elif problems is None or answers <= problems:
            yield replace(one, problems=max(fewest, answers))
        else:
            yield replace(one, problems=problems, samples=math.ceil(answers / problems))


def best_for(budget: int, *, problems: int | None = None, rate: float = RATE) -> Schedule:
    """Return how to spend a budget of generations in a run: problems first, then evaluations, then samples.

    With fewer than 200 problems at 20 evaluations, evaluations give way. In simulations with 8 000, 20 000 and 40 000
    generations the optimum is flat between 20 and 40 evaluations, and one sample of more problems beats several samples
    of fewer. Without a number the problems are unlimited. A budget that does not even pay for five evaluations of 30
    problems is a UsageError.
    """
    least = FEWEST_TO_CONFIRM * HORIZONS[0]
    if budget < least:
        raise UsageError(f"--budget is {budget}; below {least} generations nothing can be seen.")
    most = budget if problems is None else problems
    evaluations = min(max(budget // min(ENOUGH_PROBLEMS, most), HORIZONS[0]), FEWEST_EVALUATIONS)
    each = min(budget // evaluations, most)
    evaluations = min(max(budget // each, evaluations), MOST_EVALUATIONS)
    samples = max(1, budget // (each * evaluations))
    return Schedule(each, samples, evaluations, rate)


def doubled(one: Schedule) -> dict[str, Schedule]:
    """Return the three schedules that cost twice as much, by what has grown."""
    grown = {"problems": replace(one, problems=2 * one.problems), "samples": replace(one, samples=2 * one.samples)}
    if 2 * one.evaluations <= HORIZONS[-1]:
        grown["evaluations"] = replace(one, evaluations=2 * one.evaluations)
    return grown


def advice(one: Schedule) -> str:
    """Say what should grow first."""
    if one.problems < ENOUGH_PROBLEMS:
        return (
            f"Problems first: {one.problems} are few; use {ENOUGH_PROBLEMS} or more, the same ones at every evaluation."
        )
    if one.evaluations < FEWEST_EVALUATIONS:
        return (
            f"Evaluations first: with {one.evaluations}, three of them are {300 // one.evaluations} % of the run, so "
            "that a fall is seen late; 20 to 40, evenly spaced, see most."
        )
    if one.samples > 1:
        return (
            f"Problems first: {one.samples} samples of each could be {one.samples * one.problems} problems once, if "
            "there are so many."
        )
    more = "Extra samples are for the end, on the checkpoints that cannot be told apart."
    if one.evaluations > MOST_EVALUATIONS:
        return f"Problems first, in place of evaluations: more than 40 see little more. {more}"
    return f"Problems first, as long as there are more; then evaluations, up to 40; then samples. {more}"


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
    """Return the checkpoints of a run to evaluate next, coarse to fine; one asks again after `count` evaluations.

    A UsageError where no saved checkpoint is known, or not the number of problems of an evaluation.
    """
    if not run.checkpoints:
        raise UsageError(
            f"{run.source}: no saved checkpoint was found, so there is nothing to evaluate next; give the folder that "
            "holds them (checkpoint-200, global_step_200, step-200), or record them with Recorder.checkpoint."
        )
    measured = run.evaluations()
    rates = {evaluation.step: evaluation.score for evaluation in measured}
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
        gains.append(float(found.gain[found.next]) if rates else math.nan)
        evaluated.append(found.next)
        value.append(float(np.nan_to_num(found.mean[found.next])))  # as if the result were the expected one
        found = search(position, evaluated, value, variance, exists)
    best = None if now.best is None else int(position[now.best])
    estimate = math.nan if now.best is None else float(now.mean[now.best])
    if measured:
        estimate = as_judged(estimate, share=measured[-1].share, lower=measured[-1].lower)
    return NextCheckpoints(tuple(chosen), tuple(gains), best, estimate, len(rates), len(run.checkpoints))


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


def show_schedule(console: Console, one: Schedule) -> None:
    """Print what a schedule can show, and what to spend on next."""
    console.print(f"{_cost(one)}:")
    table = Table()
    table.add_column("noticed within")
    table.add_column("of the run", justify="right")
    table.add_column("a lasting fall of", justify="right")
    for within in WITHIN:
        share = f"{100 * within / one.evaluations:.0f} %"
        table.add_row(counted(within, "evaluation"), share, _points(one.visible(within)))
    console.print(table)
    console.print(
        f"One rate has a standard deviation of {100 * one.sigma:.1f} points at {100 * one.rate:.0f} % solved. A "
        "fall that begins in the middle of the run is seen with 80 % power; a run that never falls alarms with 5 %, "
        "whenever one looks."
    )
    now = one.visible()
    grown = ", ".join(f"twice the {what} {_points(more.visible())}" for what, more in doubled(one).items())
    if math.isfinite(now):
        console.print(f"Within 15 % of the run: {_points(now)} now; {grown}.")
    console.print(advice(one))


def show_cheapest(console: Console, drop: float, rate: float, problems: int | None) -> None:
    """Print the cheapest schedule that sees a fall: without a limit to the problems, and with those that there are."""
    least = cheapest(drop, rate=rate)
    if least is None:
        console.print(
            f"No schedule of 20 to 40 evaluations sees a fall of {_points(drop)}: checkpoints jitter by more."
        )
        return
    console.print(f"Cheapest that sees a fall of {_points(drop)} within 15 % of the run: {_cost(least)}.")
    if problems is not None and problems < least.problems:
        limited = cheapest(drop, rate=rate, problems=problems)
        console.print(f"With {problems} problems: {_cost(limited)}." if limited else f"{problems} problems cannot.")


def show_budget(console: Console, budget: int, one: Schedule) -> None:
    """Print how to spend a budget."""
    seen = f"It sees a fall of {_points(one.visible())} within 15 % of the run."
    console.print(f"Spend {counted(budget, 'generation')} on {_cost(one)}. {seen}")
    if one.generations < 0.9 * budget:
        left = counted(budget - one.generations, "generation")
        console.print(f"That leaves {left} for fresh samples of the best checkpoints, at the end.")


def show_next(console: Console, found: NextCheckpoints) -> None:
    """Print which checkpoints to evaluate next."""
    console.print(f"{counted(found.saved, 'saved checkpoint')}, {counted(found.evaluated, 'step')} evaluated.")
    if found.best is not None:
        console.print(f"Keep so far: step {found.best}, estimated at {100 * found.estimate:.1f} %.")
    if not found.steps:
        console.print(
            f"Evaluate no more: none of the others promises {100 * WORTH:.2f} points. What cannot be told apart needs "
            "fresh samples on the same problems."
        )
        return
    table = Table(title="Evaluate next", title_justify="left")
    table.add_column("step", justify="right")
    table.add_column("expected gain, points", justify="right")
    for step, gain in zip(found.steps, found.gains, strict=True):
        table.add_row(str(step), "–" if math.isnan(gain) else f"{100 * gain:.2f}")
    console.print(table)
    console.print("Then ask again: each result changes what is worth evaluating.")


def _cost(one: Schedule) -> str:
    return (
        f"{counted(one.evaluations, 'evaluation')} of {counted(one.problems, 'problem')}, "
        f"{counted(one.samples, 'sample')} each ({counted(one.generations, 'generation')})"
    )


def _points(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f} points"
