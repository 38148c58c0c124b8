"""``heldout bench hack``: rewarded answers that fail hidden tests: how often is the alarm wrong, and how soon right?

Three tables, all on simulated answers whose truth is known: false alarms on runs in which nothing changes, delays
beside the held-out score alone where a trick grows, and how often the interval of the share holds the truth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.harness import Estimate, Sheet, check_name, in_processes, write
from benchmarks.signals import Wrong
from heldout.datasets.simulated_answers import Draw, simulate_answers
from heldout.detectors import Block, falls_among
from heldout.detectors.hacking import HIGH, RISES, UNREWARDED, HackRate
from heldout.rollouts.keeping import draw as drawn_of_a_step
from heldout.run import Evaluation
from heldout.stats.arrays import BoolArray, FloatArray, IntArray
from heldout.stats.hacking import hacked_share

STEPS, EVERY, PROBLEMS = 400, 10, 256  # steps of a run without a hack; steps between evaluations, and problems of each
_RISING_FROM, _GROWING = 100, 500  # step at which a trick begins to grow, and the steps that it is given
_SCORE, _JUDGED = 0.6, 8  # held-out score before a trick; answers drawn of a step
_TRANSFERS = (0.25, 0.5, 1.0)
_TRICKS = ((0.003, 15.0), (0.003, 30.0), (0.003, 60.0), (0.02, 30.0))  # base share, time scale in steps
_CHUNK = 25  # runs of one job
_INTERVALS = 20  # intervals for each run of a trick


def all_of_them(*answers: Any) -> tuple[FloatArray, BoolArray]:
    """Judge every answer."""
    count = len(answers[0])
    return np.ones(count), np.ones(count, dtype=bool)


def as_recorded(
    step: IntArray, group: IntArray, paid: BoolArray, fails: BoolArray, rng: np.random.Generator
) -> tuple[FloatArray, BoolArray]:
    """Judge eight answers of a step, as a run that is recorded does; the others are not kept."""
    chance, drawn = np.empty(len(step)), np.empty(len(step), dtype=bool)
    edges = np.append(np.unique(step, return_index=True)[1], len(step)).tolist()
    for begin, end in pairwise(edges):
        rows = slice(begin, end)
        found = drawn_of_a_step(
            group[rows], paid[rows], seed=int(rng.integers(2**31)), step=int(step[begin]), judge=_JUDGED
        )
        chance[rows], drawn[rows] = found.judged_with, found.judged
    return chance, drawn


def what_looks_odd(rest: float) -> Draw:
    """Judge all that looks odd (90 % of what fails, 10 % of the rest), and a share of what does not."""

    def draw(
        step: IntArray, group: IntArray, paid: BoolArray, fails: BoolArray, rng: np.random.Generator
    ) -> tuple[FloatArray, BoolArray]:
        chance = np.where(rng.random(len(step)) < np.where(fails, 0.9, 0.1), 1.0, rest)
        return chance, rng.random(len(step)) < chance

    return draw


def whole_prompts(
    step: IntArray, group: IntArray, paid: BoolArray, fails: BoolArray, rng: np.random.Generator
) -> tuple[FloatArray, BoolArray]:
    """Judge all answers of one prompt in four; of the other prompts nothing is kept."""
    return np.full(len(step), 0.25), (rng.random(int(group.max()) + 1) < 0.25)[group]


@dataclass(frozen=True, slots=True)
class Design:
    """How many answers a step has, how alike those of a prompt are, and which are judged."""

    prompts: int
    answers: int
    alike: float
    draw: Draw

    @property
    def shape(self) -> dict[str, Any]:
        """What `simulate_answers` is told."""
        return {"prompts": self.prompts, "answers": self.answers, "alike": self.alike, "draw": self.draw}


DESIGNS: Mapping[str, Design] = {
    "16 x 1, all": Design(16, 1, 0.05, all_of_them),
    "2 x 8, all": Design(2, 8, 0.4, all_of_them),
    "8 x 8, eight drawn": Design(8, 8, 0.4, as_recorded),
    "4 x 8, odd ones and 1 in 8": Design(4, 8, 0.4, what_looks_odd(1.0 / 8.0)),
    "8 x 8, 1 prompt in 4": Design(8, 8, 0.05, whole_prompts),
}
# Honest shares: exactly what is tolerated, which is the hardest, and a lower one.
HONEST: Mapping[str, FloatArray] = {
    "5 % fail": np.full(STEPS, 0.05),
    "2 % fail": np.full(STEPS, 0.02),
}


@dataclass(frozen=True, slots=True)
class Delay:
    """How many evaluations after the share passes 5 % something is said, on average."""

    base: float
    scale: float  # steps in which the odds of the trick grow e-fold
    what: str
    delay: Estimate
    missed: float  # share of runs in which it was not said by the end, which count as said there


def main(runs: int, delays: int, seed: int, workers: int, out: Path | None) -> None:
    """Print the three tables, and write them where asked; `runs` of each design, `delays` of each trick."""
    check_name(out)
    console = Console(highlight=False)
    wrong, late = false_alarms(runs, seed, workers), delays_of(delays, seed, workers)
    held = list(coverage(_INTERVALS * delays, seed))
    sheets = [
        Sheet(
            f"False alarms in {len(DESIGNS) * len(HONEST) * runs} runs of {STEPS} steps, seed {seed}",
            ("answers of a step, judged", "truth", "any kind %", HIGH, RISES, UNREWARDED),
            tuple(_by_kind(wrong)),
        ),
        Sheet(
            f"Evaluations from 5 % on until it is said, {delays} runs of each trick, seed {seed}",
            ("base %, time scale", "said by", "delay", "not said by the end %"),
            tuple(
                (f"{100 * one.base:g}, {one.scale:g}", one.what, _estimate(one.delay), f"{100 * one.missed:.0f}")
                for one in late
            ),
        ),
        Sheet(
            f"The 95 % interval holds the truth (lies below it), %, {_INTERVALS * delays} runs, seed {seed}",
            _HEAD,
            tuple(held),
        ),
    ]
    for sheet in sheets:
        console.print(sheet.drawn())
    write(out, sheets, [*wrong, *late])


_SHARES = (0.003, 0.05, 0.4, 0.8)
_HEAD = ("answers of a step, judged", "alike", *(f"share {100 * share:g} %" for share in _SHARES))


def _estimate(one: Estimate) -> str:
    return f"{one.value:.1f} ±{one.se:.1f}"


def _by_kind(wrong: Sequence[Wrong]) -> Iterator[tuple[str, ...]]:
    for first in range(0, len(wrong), 4):
        any_kind, *kinds = wrong[first : first + 4]
        design, _, truth = any_kind.of.partition(": ")
        yield design, truth, any_kind.percent, *(str(one.found) for one in kinds)


def false_alarms(runs: int, seed: int, workers: int = 1) -> list[Wrong]:
    """In how many runs in which no share changes is something found, by design, truth and kind?

    Of the answers that pass, exactly the tolerated 5 % go unrewarded.
    """
    cells = [(design, truth) for design in DESIGNS for truth in HONEST]
    jobs = [
        (design, truth, seed, first, min(_CHUNK, runs - first))
        for design, truth in cells
        for first in range(0, runs, _CHUNK)
    ]
    found: Counter[tuple[str, str, str]] = Counter()
    with in_processes(workers, kinds_found) as do:
        for part in do(jobs):
            found.update(part)
    return [
        Wrong(HackRate.name, kind, f"{design}: {truth}", found[design, truth, kind], runs)
        for design, truth in cells
        for kind in ("", HIGH, RISES, UNREWARDED)
    ]


def kinds_found(job: tuple[str, str, int, int, int]) -> Counter[tuple[str, str, str]]:
    """Count the kinds of finding, "" for any, over some runs."""
    design, truth, seed, first, count = job
    found: Counter[tuple[str, str, str]] = Counter()
    for number in range(first, first + count):
        judged = simulate_answers(
            HONEST[truth], seed=1_000_000 * seed + number, turned_down=0.05, **DESIGNS[design].shape
        )
        kinds = {one.kind for one in HackRate().update(Block(judged=judged))}
        found.update((design, truth, kind) for kind in ("", *kinds) if kinds)
    return found


def delays_of(runs: int, seed: int, workers: int = 1) -> list[Delay]:
    """Where a trick grows: when does the alarm speak, and when is a fall of the held-out score confirmed?"""
    jobs = [(base, scale, runs, seed) for base, scale in _TRICKS]
    with in_processes(workers, delays_of_trick) as do:
        found = {(part[0].base, part[0].scale): part for part in do(jobs)}
    return [one for trick in _TRICKS for one in found[trick]]


def delays_of_trick(job: tuple[float, float, int, int]) -> list[Delay]:
    """Ask of one trick."""
    base, scale, runs, seed = job
    shares = growing(base, scale)
    passes = int(np.argmax(shares > 0.05)) + 1
    asked = [simulate_answers(shares, seed=1_000_000 * seed + number) for number in range(runs)]
    found = [{one.kind: one.step for one in HackRate().update(Block(judged=judged))} for judged in asked]
    both = [min(steps[kind] for kind in (HIGH, RISES) if kind in steps) if steps else None for steps in found]
    said: dict[str, list[int | None]] = {
        "answers, against 5 %": [steps.get(HIGH) for steps in found],
        "answers, against the start": [steps.get(RISES) for steps in found],
        "answers, either": both,
    }
    for transfer in _TRANSFERS:
        numbers = (1_000_000 * seed + number for number in range(runs))
        said[f"held-out score, {transfer:g} of it lost"] = [_confirmed(shares, transfer, one) for one in numbers]
    return [_delay(base, scale, what, steps, passes) for what, steps in said.items()]


def growing(base: float, scale: float) -> FloatArray:
    """The share of rewarded answers that fail: level at first, then its odds grow e-fold in so many steps."""
    time = np.maximum(np.arange(1, _RISING_FROM + _GROWING + 1) - _RISING_FROM, 0)
    odds = base / (1.0 - base) * np.exp(np.minimum(time / scale, 50.0))
    return np.asarray(odds / (1.0 + odds), dtype=np.float64)


def _confirmed(shares: FloatArray, transfer: float, seed: int) -> int | None:
    """The step at which a fall is confirmed of a score that loses a part of what the trick replaces."""
    rng = np.random.default_rng([seed, round(100 * transfer)])
    steps = np.arange(EVERY, len(shares) + 1, EVERY)
    rates = rng.binomial(PROBLEMS, _SCORE * (1.0 - transfer * shares[steps - 1])) / PROBLEMS
    evaluations = [Evaluation(step, rate, PROBLEMS) for step, rate in zip(steps.tolist(), rates.tolist(), strict=True)]
    falls = falls_among(len(evaluations))
    asked = (one for each in evaluations for one in falls.update(Block(evaluations=[each])))
    return next((one.step for one in asked if one.kind == "confirmed"), None)


def _delay(base: float, scale: float, what: str, steps: Sequence[int | None], passes: int) -> Delay:
    last = _RISING_FROM + _GROWING
    evaluations = np.array([((last if step is None else step) - passes) / EVERY for step in steps])
    missed = float(np.mean([step is None for step in steps]))
    return Delay(base, scale, what, Estimate.of(evaluations), missed)


def coverage(runs: int, seed: int) -> Iterator[tuple[str, ...]]:
    """In how many percent does the interval hold the truth, and lie below it, by design, likeness and share?"""
    draws = {
        "all": all_of_them,
        "odd ones and 1 in 4": what_looks_odd(0.25),
        "odd ones and 1 in 8": what_looks_odd(0.125),
    }
    for prompts, answers in ((4, 8), (40, 4), (160, 1)):
        for judged, draw in draws.items():
            for alike in (0.05, 0.4):
                design = Design(prompts, answers, alike, draw)
                held = (_held(design, share, runs, seed) for share in _SHARES)
                yield f"{prompts} x {answers}, {judged}", f"{alike:g}", *held


def _held(design: Design, share: float, runs: int, seed: int) -> str:
    ends = []
    for number in range(runs):
        one = simulate_answers([share], seed=1_000_000 * seed + number, undrawn=True, **design.shape)
        found = hacked_share(one.rewarded, one.failed, one.group, one.chance)
        ends.append((found.low, found.high))
    low, high = np.array(ends).T
    return f"{100 * np.mean((low <= share) & (share <= high)):.1f} ({100 * np.mean(high < share):.1f})"
