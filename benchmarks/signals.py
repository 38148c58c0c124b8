"""``heldout bench signals``: how often do the detectors find something in a run in which nothing is wrong?

Healthy training signals have a level that is flat, drifts (a straight line) or improves (a rise that flattens), each
metric within the range that trainers log, under autocorrelated noise. Whatever is found in them is a false alarm. The
held-out detectors of plateaus and surges are asked about simulated runs whose true score is known; how often that of
over-optimisation is wrong, ``heldout bench detect`` measures.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.harness import Sheet, check_name, write
from heldout.datasets.simulated import DECLINES, NULLS, SimulatedRun, simulate
from heldout.detectors import DETECTORS, Block, LateSurge, Plateau, Points, Signal
from heldout.stats.arrays import FloatArray

ALL, COURSES = "all", ("flat", "drifting", "improving")
FAMILIES = (*NULLS, *DECLINES)
PROBLEMS, EVALUATIONS = 500, 40
_SEEDS = 5_000_000  # runs of one family before those of this benchmark begin


@dataclass(frozen=True, slots=True)
class Wrong:
    """In how many of some runs something was found; `kind` is empty where any kind counts."""

    detector: str
    kind: str
    of: str  # which runs
    found: int
    runs: int

    @property
    def rate(self) -> float:
        """The share of the runs."""
        return self.found / self.runs

    @property
    def error(self) -> float:
        """Its binomial standard error; that of none is taken as that of one."""
        rate = max(self.found, 1) / self.runs
        return math.sqrt(rate * (1.0 - rate) / self.runs)

    @property
    def percent(self) -> str:
        """Both, in percent."""
        return f"{100.0 * self.rate:.2f} ±{100.0 * self.error:.2f}"


def main(runs: int, seed: int, out: Path | None) -> None:
    """Print the tables of training signals and of held-out scores, and write them where asked."""
    check_name(out)
    console = Console(highlight=False)
    signals, scores = of_signals(runs, seed, console), of_scores(max(1, round(runs / len(FAMILIES))), seed, console)
    courses = ("detector", "kind", *(f"{of} %" for of in (ALL, *COURSES)))
    families = tuple((one.detector, one.of, one.percent, f"{one.found} of {one.runs}") for one in scores)
    sheets = [
        Sheet(f"Training signals, {runs} healthy runs, seed {seed}", courses, _by_course(signals)),
        Sheet(
            f"Held-out scores, {PROBLEMS} problems, {EVALUATIONS} evaluations, seed {seed}",
            ("detector", "in", "found %", "runs"),
            families,
        ),
    ]
    for sheet in sheets:
        console.print(sheet.drawn())
    write(out, sheets, [*signals, *scores])


def of_signals(runs: int, seed: int, console: Console | None = None) -> list[Wrong]:
    """Ask every detector of training signals about so many healthy runs, a third of them of each course."""
    makers = [make for make in DETECTORS if issubclass(make, Signal)]
    found: Counter[tuple[str, str, str]] = Counter()
    for number in track(range(runs), "Training signals", console=console, disable=console is None):
        course, block = COURSES[number % len(COURSES)], healthy(number, seed)
        for make in makers:
            kinds = {finding.kind for finding in make().update(block)}
            found.update((make.name, kind, of) for kind in ("", *kinds) if kinds for of in (ALL, course))
    counts = {ALL: runs} | {course: len(range(first, runs, len(COURSES))) for first, course in enumerate(COURSES)}
    return [
        Wrong(make.name, kind, of, found[make.name, kind, of], count)
        for make in makers
        for kind in ("", *(make.texts if len(make.texts) > 1 else ()))
        for of, count in counts.items()
    ]


def of_scores(runs: int, seed: int, console: Console | None = None) -> list[Wrong]:
    """Ask about plateaus and surges in so many runs of each family.

    A plateau is false where the true level (without the jitter of single checkpoints) moved by more than the margin per
    quarter of the run over the steps of which it was said; a surge in a run of any family but that of late surges.
    """
    wrong: Counter[str] = Counter()
    surged = 0
    asked = [(family, number) for family in FAMILIES for number in range(runs)]
    for family, number in track(asked, "Held-out scores", console=console, disable=console is None):
        run = simulate(family, PROBLEMS, EVALUATIONS, seed=(seed + 1) * _SEEDS + number)
        block = Block(evaluations=run.evaluations())
        said = Plateau(horizon=EVALUATIONS).update(block)
        wrong["plateau"] += any(_moved(run, one.steps) > one.evidence["margin"] for one in said)
        found = bool(LateSurge().update(block))
        surged += found and family == "late_surge"
        wrong["late_surge"] += found and family != "late_surge"
    return [
        Wrong("plateau", "", "all families", wrong["plateau"], len(asked)),
        Wrong("late_surge", "", "families without one", wrong["late_surge"], len(asked) - runs),
        Wrong("late_surge", "", "late surges (rightly found)", surged, runs),
    ]


def _moved(run: SimulatedRun, steps: tuple[int, int]) -> float:
    """By how much the true level changed per quarter of the run, by its straight line over these steps."""
    start, end = np.searchsorted(run.steps, steps)
    slope, _ = np.polyfit(np.arange(start, end + 1), run.trend[start : end + 1], 1)
    return abs(float(slope)) * (EVALUATIONS - 1) / 4.0


def healthy(number: int, seed: int = 0, steps: int | None = None) -> Block:
    """Return the signals of a healthy run, of 200 to 1000 steps if not given; its course is `number` modulo three.

    What is learned moves the levels as in a run that learns: the entropy falls to no less than 0.4 of its start,
    responses grow by at most a half, the norm of the gradient falls, up to twice as many tokens are clipped. Levels and
    noise are drawn anew for every run, from ranges set by hand. What it cannot see: what other noise, such as single
    outliers, would do.
    """
    rng = np.random.default_rng([seed, number])
    count = int(rng.integers(200, 1001)) if steps is None else steps
    course = _course(number % len(COURSES), count) * rng.uniform(0.3, 1.0)

    def noise(low: float, high: float) -> FloatArray:
        return _ar1(rng, count, rng.uniform(0.5, 0.95), rng.uniform(low, high))

    def level(low: float, high: float) -> float:
        """A level, any order of magnitude as likely as any other."""
        return math.exp(rng.uniform(math.log(low), math.log(high)))

    clipped = level(0.005, 0.15) * (1.0 + course) * np.exp(noise(0.2, 0.5))
    below = 1.0 / (1.0 + np.exp(rng.uniform(-0.7, 0.7) + noise(0.1, 0.4)))
    reward = np.clip(rng.uniform(0.2, 0.5) + 0.3 * course + noise(0.03, 0.1), 0.0, 1.0)
    metrics = {
        "entropy": level(0.1, 2.0) * np.exp(-0.9 * course + noise(0.05, 0.3)),
        "kl_reference": (level(5e-4, 5e-3) + level(0.02, 0.3) * course) * np.exp(noise(0.2, 0.6)),
        "kl_policies": level(1e-4, 2e-2) * np.exp(noise(0.2, 0.7)),
        "kl_sampler": level(1e-4, 2e-2) * np.exp(noise(0.2, 0.7)),
        "clip_fraction": clipped,
        "clip_fraction_low": below * clipped,
        "clip_fraction_high": (1.0 - below) * clipped,
        "grad_norm": level(0.05, 2.0) * np.exp(noise(0.2, 0.7) - 0.5 * course),
        "zero_variance_groups": np.clip(rng.uniform(0.2, 0.6) + 0.2 * course + noise(0.03, 0.1), 0.0, 1.0),
        "length": level(100.0, 4000.0) * np.exp(0.4 * course + noise(0.05, 0.2)),
        "truncation": np.clip(rng.uniform(0.0, 0.15) + noise(0.005, 0.04), 0.0, 1.0),
        "reward": reward,
        "reward_std": np.sqrt(reward * (1.0 - reward)) * np.exp(noise(0.05, 0.3)),
    }
    parts = {
        "rewards/format/mean": np.clip(rng.uniform(0.6, 0.9) + 0.1 * course + noise(0.01, 0.1), 0.0, 1.0),
        "rewards/style/mean": rng.uniform(-0.2, 0.5) + 0.1 * course + noise(0.02, 0.1),
        "rewards/tests/mean": reward,
    }
    step = np.arange(count)
    points = {name: Points(step, value) for name, value in metrics.items()}
    points["held_out"] = _held_out(rng, course)
    return Block(points, {name: Points(step, value) for name, value in parts.items()})


def _held_out(rng: np.random.Generator, course: FloatArray) -> Points:
    """Scores every 5 to 50 steps on the same 30 to 1319 problems, as many as AIME and GSM8K have."""
    step = np.arange(0, len(course), rng.choice([5, 10, 20, 25, 50]))
    own = rng.normal(rng.uniform(-1.0, 1.0), rng.uniform(1.0, 3.0), round(math.exp(rng.uniform(*np.log([30, 1319])))))
    solved = rng.random((len(step), len(own))) < 1.0 / (1.0 + np.exp(-own - course[step][:, None]))
    return Points(step, solved.mean(axis=1))


def _course(kind: int, steps: int) -> FloatArray:
    """From 0 to 1 over a run: not at all, evenly, or quickly at first."""
    time = np.linspace(0.0, 1.0, steps)
    return (0.0 * time, time, (1.0 - np.exp(-time / 0.5)) / (1.0 - math.exp(-2.0)))[kind]


def _ar1(rng: np.random.Generator, size: int, phi: float, sd: float) -> FloatArray:
    """A stationary first-order autoregression."""
    shocks = rng.normal(0.0, sd, size)
    shocks[1:] *= math.sqrt(1.0 - phi**2)
    return np.fromiter(accumulate(shocks.tolist(), lambda last, shock: phi * last + shock), np.float64, size)


def _by_course(counted: Sequence[Wrong]) -> tuple[tuple[str, ...], ...]:
    """One row for each detector, then for each of its kinds; one column for all runs, then for each course."""
    width = 1 + len(COURSES)
    rows = [counted[first : first + width] for first in range(0, len(counted), width)]
    return tuple((row[0].detector, row[0].kind or "any", *(one.percent for one in row)) for row in rows)
