"""Which evaluations to make: what a schedule would show, the cheapest that shows a fall, and where to look in a run.

`show_schedule`, `show_cheapest`, `show_budget` and `show_next` are what ``heldout plan`` prints.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from rich.table import Table

from heldout.detectors.evidence import Evidence
from heldout.detectors.overoptimisation import FEWEST
from heldout.diagnosis.recommendation import checkpoint_to_keep
from heldout.errors import UsageError
from heldout.metrics.phrasing import Spoken, few_problems
from heldout.run import Evaluation, Run
from heldout.stats.arrays import FloatArray, floats
from heldout.stats.eval_noise import EvalNoise
from heldout.stats.levels import (
    ENOUGH_PROBLEMS,
    FEWEST_EVALUATIONS,
    FEWEST_TO_CONFIRM,
    HELPFUL_SAMPLES,
    MOST_EVALUATIONS,
)
from heldout.stats.noise_posterior import white_share
from heldout.stats.rates import binomial_se, effective_problems, wilson
from heldout.stats.scan import HORIZONS, boundary, look_back, smallest_visible_drop
from heldout.stats.search import search
from heldout.text import counted, number

WITHIN = (1, 2, 3, 5, 8)  # evaluations after which one asks
RATE = 0.35  # solved; at any rate from 20 to 80 % the noise of an evaluation is within a fifth of the noise at this one
_WORTH = 0.1  # of the least fall that counts: a gain that pays for an evaluation, 0.05 points of a share
_PROMPT = 0.15  # of the run: a fall should be seen before more than that has passed
_RUNS = 200  # that are simulated
JITTER = 0.003  # standard deviation of what checkpoints differ by beyond sampling, before any was evaluated
_FEW, _FALLS, _BEFORE_END = 12, (0.12, 0.06), 3  # evaluations of which is said what they confirm, and of what
_MOST_PROBLEMS, _MOST_SAMPLES = 1_000_000, 100  # nobody has more, and what is left of their luck is nothing


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
        """Standard deviation of one rate, as a fraction: samples, problems that flip, and the jitter of checkpoints."""
        own = float(binomial_se(self.rate, self.problems)) ** 2 * float(white_share(self.samples))
        return math.hypot(math.sqrt(own), JITTER)

    @property
    def level(self) -> tuple[float, float]:
        """Between which rates, as fractions, does the truth for other problems like these lie, with 95 %?"""
        return wilson(self.rate, float(effective_problems(self.problems, self.samples)))

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
        return smallest_visible_drop(self.evaluations, made, after, self.sigma**2, inflation=self._inflation)

    def confirmed(self, drop: float, after: int) -> float:
        """In which share of runs is a fall (`drop`, a fraction) confirmed by the end that begins `after` evaluations?

        The judge itself is asked, about 200 simulated runs that are level and then fall over a quarter of the run; the
        standard error is 3.5 points at most. A plan of few evaluations needs that, because the noise is learned from
        so few scores that the fall is a part of it.
        """
        fallen = np.clip((np.arange(self.evaluations) - after + 1) / max(1.0, 0.25 * self.evaluations), 0.0, 1.0)
        rng = np.random.default_rng(0)
        noise = rng.multivariate_normal(np.zeros(self.evaluations), self._covariance, size=_RUNS)
        runs = np.clip(self.rate - drop * fallen + noise, 0.0, 1.0)
        return sum(self._confirms(rates, after) for rates in runs) / _RUNS

    def _confirms(self, rates: FloatArray, after: int) -> bool:
        """Whether the scan confirms a fall at any evaluation `after` so many."""
        seen, bound = Evidence(self.evaluations), boundary(self.evaluations)
        for count, rate in enumerate(rates.tolist(), 1):
            seen.add(Evaluation(count, rate, self.problems, float(self.samples)))
            if count > max(after, FEWEST - 1):
                falls, _ = look_back(seen.rates, inflation=seen.inflation)
                if seen.learned.z(float(falls.max())) >= bound:
                    return True
        return False

    @property
    def _covariance(self) -> FloatArray:
        """How the rates err, and how alike: samples, problems that flip or are lost for a while, and jitter; (K, K)."""
        noise = EvalNoise.of_rates(np.full(self.evaluations, self.rate), self.problems, self.samples)
        return floats(noise.variance * noise.covariance + JITTER**2 * np.eye(self.evaluations))

    def _inflation(self, d: FloatArray) -> FloatArray:
        """How much noisier are contrasts than `sigma` says, because problems are learned or lost for a while?"""
        k = d.shape[-1]
        noisy = np.einsum("...j,jk,...k->...", d, self._covariance[:k, :k], d)
        return floats(noisy / (self.sigma**2 * (d * d).sum(axis=-1)))


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
    most = _MOST_PROBLEMS if problems is None else problems
    for evaluations in range(FEWEST_EVALUATIONS, MOST_EVALUATIONS + 1):
        one = Schedule(fewest, 1, evaluations, rate)
        found = _least(drop, "problems", one, most)
        if found is None and problems is not None:
            found = _least(drop, "samples", replace(one, problems=problems), _MOST_SAMPLES)
        yield found


def _least(drop: float, what: str, least: Schedule, most: int) -> Schedule | None:
    """Let problems or samples grow from the least schedule until the fall is seen; None where the most do not do."""

    def grown(number: int) -> Schedule:
        return replace(least, **{what: number})

    numbers = range(getattr(least, what), most)
    place = bisect_left(numbers, True, key=lambda number: grown(number).visible() <= drop)
    found = grown(numbers[place] if place < len(numbers) else most)
    return found if found.visible() <= drop else None


def best_for(budget: int, *, problems: int | None = None, rate: float = RATE) -> Schedule:
    """Return how to spend a budget of generations in a run: problems first, then evaluations, then samples.

    Never more samples than help. With fewer than 200 problems at 20 evaluations, evaluations give way. In simulations
    with 8 000, 20 000 and 40 000 generations the optimum is flat between 20 and 40 evaluations, and one sample of more
    problems beats several samples of fewer. Without a number the problems are unlimited. A budget that does not even
    pay for five evaluations of 30 problems is a UsageError.
    """
    least = FEWEST_TO_CONFIRM * HORIZONS[0]
    if budget < least:
        raise UsageError(f"--budget is {budget}; below {least} generations nothing can be seen.")
    most = budget if problems is None else problems
    evaluations = min(max(budget // min(ENOUGH_PROBLEMS, most), HORIZONS[0]), FEWEST_EVALUATIONS)
    each = min(budget // evaluations, most)
    evaluations = min(max(budget // each, evaluations), MOST_EVALUATIONS)
    samples = min(max(1, budget // (each * evaluations)), HELPFUL_SAMPLES)
    return Schedule(each, samples, evaluations, rate)


def doubled(one: Schedule) -> dict[str, Schedule]:
    """Return the three schedules that cost twice as much, by what has grown."""
    grown = {"problems": replace(one, problems=2 * one.problems), "samples": replace(one, samples=2 * one.samples)}
    if 2 * one.evaluations <= HORIZONS[-1]:
        grown["evaluations"] = replace(one, evaluations=2 * one.evaluations)
    return grown


def advice(one: Schedule) -> str:
    """Say what should grow first: problems, then evaluations; and when more samples help."""
    if one.problems < ENOUGH_PROBLEMS:
        few = f"{one.problems} are few; use {ENOUGH_PROBLEMS} or more, the same ones at every evaluation."
        unconfirmed = f" Below {FEWEST_TO_CONFIRM} a fall is likely at most, and on these problems."
        return f"Problems first: {few}{unconfirmed if one.problems < FEWEST_TO_CONFIRM else ''} {_on_samples(one)}"
    if one.evaluations < FEWEST_EVALUATIONS:
        return (
            f"Evaluations first: with {one.evaluations}, three of them are {300 // one.evaluations} % of the run, so "
            "that a fall is seen late; 20 to 40, evenly spaced, see most."
        )
    if one.samples > 1:
        return f"Problems first, if there are more than {one.problems}. {_on_samples(one)}"
    more = "Extra samples are for the end, on the checkpoints that cannot be told apart."
    if one.evaluations > MOST_EVALUATIONS:
        return f"Problems first, in place of evaluations: more than 40 see little more. {more}"
    return f"Problems first, as long as there are more; then evaluations, up to 40; then samples. {more}"


def _on_samples(one: Schedule) -> str:
    """Say whether more samples of the same problems help."""
    if one.samples == 1:
        return f"Where there are no more, up to {HELPFUL_SAMPLES} samples of each help."
    said = few_problems(one.problems, one.samples, *one.level)
    if one.samples < HELPFUL_SAMPLES:
        return f"Where there are no more, up to {HELPFUL_SAMPLES} samples of each help. {said}"
    beyond = f"Beyond {HELPFUL_SAMPLES} samples of each, what the problems do themselves is more than what is left of"
    return f"{beyond} the luck of the samples. {said}"


@dataclass(frozen=True, slots=True)
class NextCheckpoints:
    """Where to look for the best checkpoint; scores are as the log has them, of a percentage the share."""

    steps: tuple[int, ...]  # checkpoints to evaluate next, the most promising first; none where none is worth it
    gains: tuple[float, ...]  # by which each should better the score of the one that is kept; nan where not known
    best: int | None  # step to keep so far, as in the report; None where no existing checkpoint has been evaluated
    estimate: float  # its score, nan if there is none
    evaluated: int  # how many steps
    saved: int  # how many checkpoints exist
    worth: float  # the least gain that pays for an evaluation, in the unit of the score; nan while that is not known
    spoken: Spoken  # how the score is written


def next_checkpoints(run: Run, count: int = 4) -> NextCheckpoints:
    """Return the checkpoints of a run to evaluate next, coarse to fine; one asks again after `count` evaluations.

    A UsageError where no saved checkpoint is known.
    """
    if not run.checkpoints:
        raise UsageError(
            f"{run.source}: no saved checkpoint was found, so there is nothing to evaluate next; give the folder that "
            "holds them (checkpoint-200, global_step_200, step-200), or record them with Recorder.checkpoint."
        )
    seen = Evidence()
    for evaluation in (measured := run.evaluations()):
        seen.add(evaluation)
    scores = {evaluation.step: evaluation.score for evaluation in measured}
    position = np.array(sorted({*scores, *run.checkpoints}), dtype=np.float64)
    exists = np.array([int(step) in run.checkpoints for step in position])
    evaluated = [index for index, step in enumerate(position) if int(step) in scores]
    value = [scores[int(position[index])] for index in evaluated]
    variance, worth = _variance(seen), _WORTH * seen.margins.drop
    known = variance > 0.0 and worth > 0.0
    if not known:  # of a plain score or a rate without a size, before its scatter tells: the grid needs neither
        variance, worth = max(1e-9 * float(np.ptp(value or [0.0])) ** 2, 1e-30), 0.0
    found = search(position, evaluated, value, variance, exists, worth=worth)
    chosen: list[int] = []
    gains: list[float] = []
    while found.next is not None and len(chosen) < count:
        chosen.append(int(position[found.next]))
        gains.append(float(found.gain[found.next]) if known and scores else math.nan)
        evaluated.append(found.next)
        value.append(float(np.nan_to_num(found.mean[found.next])))  # as if the result were the expected one
        found = search(position, evaluated, value, variance, exists, worth=worth)
    kept = checkpoint_to_keep(seen, run.checkpoints) if len(seen) else None
    best = kept.recommended if kept is not None and kept.existing else None
    return NextCheckpoints(
        steps=tuple(chosen),
        gains=tuple(gains),
        best=best.step if best else None,
        estimate=best.estimate if best else math.nan,
        evaluated=len(scores),
        saved=len(run.checkpoints),
        worth=worth if known else math.nan,
        spoken=seen.spoken,
    )


def _variance(seen: Evidence) -> float:
    """Noise variance of one score, as the evaluations show it; before any, that of a rate whose checkpoints jitter."""
    return float(seen.noise()) if len(seen) else JITTER**2


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
    if one.evaluations <= _FEW and one.problems >= FEWEST_TO_CONFIRM:
        console.print(_of_few(one))
    console.print(advice(one))


def _of_few(one: Schedule) -> str:
    """Say how often falls are confirmed where evaluations are few."""
    middle, late = one.evaluations // 2, one.evaluations - _BEFORE_END
    large, small = (
        f"{_points(drop)} {{}} in {100 * one.confirmed(drop, middle):.0f} and {100 * one.confirmed(drop, late):.0f} %"
        for drop in _FALLS
    )
    return (
        f"With {one.evaluations} evaluations much depends on when a fall begins. Where that is in the middle, and "
        f"{_BEFORE_END} evaluations before the end, one of {large.format('is confirmed by the end')} of {_RUNS} "
        f"simulated runs, one of {small.format('is')}."
    )


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
    said = found.spoken
    console.print(f"{counted(found.saved, 'saved checkpoint')}, {counted(found.evaluated, 'step')} evaluated.")
    if found.best is not None:
        kept = said.level(said.as_scored(found.estimate))
        console.print(f"Keep so far: step {found.best}, estimated at {kept}.")
    if not found.steps:
        console.print(
            f"Evaluate no more: none of the others promises {_gain(found.worth, said)}{' points' * said.share}. What "
            "cannot be told apart needs fresh samples on the same problems."
        )
        return
    table = Table(title="Evaluate next, in this order", title_justify="left")
    table.add_column("step", justify="right")
    table.add_column(f"expected gain{', points' * said.share}", justify="right")
    for step, gain in zip(found.steps, found.gains, strict=True):
        table.add_row(str(step), "–" if math.isnan(gain) else _gain(gain, said))
    console.print(table)
    console.print("Then ask again: each result changes what is worth evaluating.")


def _gain(gain: float, said: Spoken) -> str:
    """Write a gain with the decimals that the least one worth an evaluation needs."""
    if said.ratio:
        return said.bound(gain)
    return f"{100 * gain:.2f}" if said.share else number(gain, 0.1 * said.span or None)


def _cost(one: Schedule) -> str:
    return (
        f"{counted(one.evaluations, 'evaluation')} of {counted(one.problems, 'problem')}, "
        f"{counted(one.samples, 'sample')} each ({counted(one.generations, 'generation')})"
    )


def _points(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f} points"
