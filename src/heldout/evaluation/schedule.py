"""What would a schedule of evaluations show, and which one shows a given fall for the fewest generations?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from heldout.errors import UsageError
from heldout.stats.levels import ENOUGH_PROBLEMS, FEWEST_EVALUATIONS, FEWEST_TO_CONFIRM, MOST_EVALUATIONS
from heldout.stats.noise import JITTER_FLOOR, eval_sigma
from heldout.stats.scan import HORIZONS, smallest_visible_drop

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
            raise UsageError(f"--evals is {self.evaluations}; it must be from {HORIZONS[0]} to {HORIZONS[-1]}.")
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
        """Which lasting fall is seen within so many evaluations?

        Parameters
        ----------
        within
            Evaluations after the fall; those of 15 % of the run if not given.
        seen
            Evaluations made by then; if not given, the fall begins in the middle of the run.

        Returns
        -------
        float
            As a fraction; seen with 80 % power, at 5 % of false alarms in the whole run. `nan` where the run is over by
            then, or nothing lies before the fall.
        """
        after = self.prompt if within is None else within
        made = self.evaluations // 2 + after if seen is None else seen
        if made > self.evaluations:
            return math.nan
        return smallest_visible_drop(self.evaluations, made, after, self.sigma**2)


def cheapest(drop: float, *, rate: float = RATE, problems: int | None = None) -> Schedule | None:
    """Return the schedule of fewest generations that sees a fall within 15 % of the run.

    Parameters
    ----------
    drop
        The fall, as a fraction.
    rate
        Share of the problems that is expected to be solved.
    problems
        How many there are; unlimited if not given.

    Returns
    -------
    Schedule or None
        With 20 to 40 evaluations, never below 200 problems (or all there are), and more than one sample only where
        the problems run out. None where no schedule sees it: checkpoints jitter by more than evaluations can average.

    Raises
    ------
    UsageError
        If the drop is not between 0 and 1.
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
    """Return how to spend a number of generations: problems first, then evaluations, then samples.

    Parameters
    ----------
    budget
        Generations for the whole run.
    problems
        How many there are; unlimited if not given.
    rate
        Share of the problems that is expected to be solved.

    Raises
    ------
    UsageError
        If the budget does not even pay for five evaluations of 30 problems.

    Notes
    -----
    With fewer than 200 problems at 20 evaluations, evaluations give way. In simulations with 8 000, 20 000 and 40 000
    generations the optimum is flat between 20 and 40 evaluations, and one sample of more problems beats several samples
    of fewer.
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
    grown = {
        "problems": replace(one, problems=2 * one.problems),
        "samples": replace(one, samples=2 * one.samples),
    }
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
    more = " Extra samples are for the end, on the checkpoints that cannot be told apart." if one.samples == 1 else ""
    if one.samples > 1:
        return (
            f"Problems first: {one.samples} samples of each could be {one.samples * one.problems} problems once, if "
            "there are so many."
        )
    if one.evaluations > MOST_EVALUATIONS:
        return f"Problems first, in place of evaluations: more than 40 see little more.{more}"
    return f"Problems first, as long as there are more; then evaluations, up to 40; then samples.{more}"
