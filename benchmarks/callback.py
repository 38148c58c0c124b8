"""``heldout bench callback``: what does `HeldoutCallback` cost a training, and more so as the run gets longer?

Two measurements. The guard alone is told thousands of steps, and its time is stated by position in the run. And TRL's
`GRPOTrainer` trains the embedded model in fresh processes, alone and with the callback, in turns: the time inside the
callback's hooks over that of the steps is the share, which holds on a busy machine too; CPU seconds a step are the
check. The callback gets an evaluation that takes no time of its own, so that folding it is counted.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.children.stopwatch import WARM_UP
from benchmarks.harness import Sheet, child, in_turns, medians
from heldout.errors import UsageError
from heldout.live import Guard
from heldout.store.recorder import Recorder

EVERY = 10  # steps between evaluations
PROBLEMS = 200
TARGET = 0.01  # of the time of a step
# What TRL's GRPOTrainer logs with two rewards.
METRICS = (
    *(
        "loss",
        "grad_norm",
        "learning_rate",
        "epoch",
        "num_tokens",
        "step_time",
        "reward",
        "reward_std",
        "entropy",
        "kl",
    ),
    *("frac_reward_zero_std", "rewards/tests/mean", "rewards/tests/std", "rewards/format/mean", "rewards/format/std"),
    *(f"completions/{which}_length" for which in ("mean", "min", "max")),
    *(f"completions/{which}_terminated_length" for which in ("mean", "min", "max")),
    *("completions/clipped_ratio", "clip_ratio/low_mean", "clip_ratio/low_min", "clip_ratio/high_mean"),
    *("clip_ratio/high_max", "clip_ratio/region_mean"),
)
_KINDS = ("TRL alone", "with HeldoutCallback")
_WINDOW = 50  # steps that a position is the mean of


@dataclass(frozen=True, slots=True)
class Position:
    """The guard's CPU time around one step of a run, in microseconds: of a step, and of folding an evaluation."""

    step: int
    metrics: float
    evaluation: float

    @property
    def together(self) -> float:
        """For each step, with its share of an evaluation."""
        return self.metrics + self.evaluation / EVERY


@dataclass(frozen=True, slots=True)
class Measured:
    """One way of training: CPU and clock seconds a step, share of the time inside the hooks; medians of the turns."""

    kind: str
    cpu: float
    wall: float
    share: float
    metrics: int


def main(steps: int, repeats: int, length: int) -> None:
    """Measure both, and print two tables.

    Raises
    ------
    UsageError
        When there are too few steps to count any.
    """
    from heldout.train import require_extra

    require_extra()
    if steps < WARM_UP + EVERY + 1:
        raise UsageError(f"{steps} steps were asked for; give at least {WARM_UP + EVERY + 1}, for one evaluation.")
    console = Console(highlight=False)
    console.print(_positions(by_position(length)).drawn())
    alone, watched = measure(steps, repeats, console)
    head = ("", "CPU s a step", "s a step", "inside the hooks")
    console.print(
        Sheet(f"Training, {steps} steps, {repeats} turns", head, tuple(map(_cells, (alone, watched)))).drawn()
    )
    more = 100 * (watched.cpu / alone.cpu - 1)
    console.print(
        f"{watched.metrics} metrics a step. Inside the hooks: {100 * watched.share:.2f} % of the time of a step"
    )
    console.print(f"(target: below {100 * TARGET:g} %). CPU a step against TRL alone: {more:+.1f} %, noise included.")


def by_position(length: int, seed: int = 0) -> list[Position]:
    """Tell a guard of a whole run; return its CPU time around ever later steps.

    Parameters
    ----------
    length
        Steps of the run, each with `METRICS`; an evaluation of `PROBLEMS` problems every `EVERY` steps.
    seed
        Of the metrics.
    """
    rng = np.random.default_rng(seed)
    spent, folded = np.zeros(length), np.zeros(length // EVERY)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "run")
        with recorder, Guard(recorder, planned=max(1, length // EVERY)) as guard:
            for step in range(1, length + 1):
                metrics = dict(zip(METRICS, rng.normal(1.0, 0.1, len(METRICS)).tolist(), strict=True))
                start = time.process_time()
                guard.step(step, metrics)
                spent[step - 1] = time.process_time() - start
                if step % EVERY == 0:
                    problems, passed = outcomes(step)
                    start = time.process_time()
                    guard.evaluation(step, problems=problems, passed=passed)
                    folded[step // EVERY - 1] = time.process_time() - start
    positions = [step for step in (50, 200, 500, 1000, 2000, 5000, 10_000, 20_000) if step <= length]
    return [
        Position(
            step,
            1e6 * float(spent[step - _WINDOW : step].mean()),
            1e6 * float(folded[(step - _WINDOW) // EVERY : step // EVERY].mean()),
        )
        for step in positions
    ]


def outcomes(step: int) -> tuple[list[str], list[bool]]:
    """Return problems and who was solved at a step: a score that improves slowly, with noise."""
    level = 0.3 + 0.3 * step / (step + 500)
    passed = np.random.default_rng(step).random(PROBLEMS) < level
    return [f"p{index}" for index in range(PROBLEMS)], passed.tolist()


def measure(steps: int, repeats: int, console: Console | None = None, warm_steps: int = 620) -> list[Measured]:
    """Return TRL alone, and with the callback; `warm_steps` make the policy that both start from."""
    known = {}
    for step in range(EVERY, steps + 1, EVERY):
        problems, passed = outcomes(step)
        known[step] = {"problems": problems, "passed": passed}

    def trained(kind: str) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            told: dict[str, float] = child(
                "callback", kind, steps, warm_steps, what=kind, given=known, folder=Path(folder)
            )
        return told

    turns = in_turns(_KINDS, repeats, trained, console)
    return [_measured(kind, runs, steps - WARM_UP - 1) for kind, runs in turns.items()]


def _measured(kind: str, runs: Sequence[Mapping[str, float]], steps: int) -> Measured:
    median = medians(runs)
    share = statistics.median(run["inside"] / run["wall"] for run in runs)
    return Measured(
        kind, median["cpu"] / steps, median["wall"] / steps, share, int(max(run["metrics"] for run in runs))
    )


def _cells(one: Measured) -> tuple[str, ...]:
    return (one.kind, f"{one.cpu:.3f}", f"{one.wall:.3f}", f"{100 * one.share:.2f} %")


def _positions(positions: Sequence[Position]) -> Sheet:
    title = f"The guard by position in the run: {len(METRICS)} metrics a step, {PROBLEMS} problems every {EVERY} steps"
    head = ("before step", "a step, µs", "an evaluation, µs", "together a step, µs")
    rows = ((one.step, one.metrics, one.evaluation, one.together) for one in positions)
    return Sheet(title, head, tuple(tuple(f"{value:.0f}" for value in row) for row in rows))
