"""``heldout bench train``: what does the recipe cost beside TRL's trainer alone, and where does the time go?

The honest recipe runs for some steps in a fresh process, and so does TRL's `GRPOTrainer` with the same settings, the
same start, the same problems in the same order and the same judge, but no recorder and no held-out evaluation. Both
compute the same numbers, so what differs is the recipe's own cost. They take turns.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.children.stopwatch import WARM_UP
from benchmarks.harness import Sheet, child, in_turns, medians
from heldout.errors import UsageError

STAGES = ("generation", "learning", "judging", "recording", "evaluation")
_KINDS = {"TRL alone": 0, "recipe, no evaluation": 0, "recipe": 10}  # steps between evaluations, 0 for none


@dataclass(frozen=True, slots=True)
class Measured:
    """One way of training."""

    kind: str
    cpu: float  # seconds of the processor a step, median of the turns
    wall: float  # likewise of the clock
    cpus: tuple[float, ...]  # seconds of the processor a step, in each turn
    shares: Mapping[str, float]  # stage → share of the time of the clock


def main(steps: int, repeats: int) -> None:
    """Measure both in turn, and print a table.

    Raises
    ------
    UsageError
        When there are too few steps to count any.
    """
    from heldout.train import require_extra

    require_extra()
    if steps < WARM_UP + 3:
        raise UsageError(f"{steps} steps were asked for; {WARM_UP} warm up and 3 must be left, so give {WARM_UP + 3}.")
    console = Console(highlight=False)
    bare, ours, full = measure(steps, repeats, console)
    head = ("", "CPU s a step", "s a step", *STAGES)
    console.print(
        Sheet(f"Training, {steps} steps, {repeats} turns", head, tuple(map(_cells, (bare, ours, full)))).drawn()
    )
    console.print(overhead(bare, ours))


def overhead(bare: Measured, ours: Measured) -> str:
    """Say what the recipe costs beside TRL alone: the median over the turns, and their range."""
    more = sorted(100 * (one / other - 1) for one, other in zip(ours.cpus, bare.cpus, strict=True))
    seen = f" ({more[0]:+.1f} to {more[-1]:+.1f} % in single turns)" if len(more) > 1 else ""
    return (
        f"The recipe without evaluations costs {statistics.median(more):+.1f} % of CPU{seen}; target: below 3 %. "
        f"Recording took {100 * ours.shares['recording']:.2f} % of the time."
    )


def _cells(one: Measured) -> tuple[str, ...]:
    shares = (f"{100 * one.shares[stage]:.1f} %" for stage in STAGES)
    return (one.kind, f"{one.cpu:.3f}", f"{one.wall:.3f}", *shares)


def measure(steps: int, repeats: int, console: Console | None = None) -> list[Measured]:
    """Return TRL alone, the recipe without evaluations, and the recipe as it is."""

    def trained(kind: str) -> dict[str, float]:
        every = min(_KINDS[kind], steps)
        with tempfile.TemporaryDirectory() as folder:
            told: dict[str, float] = child("train", kind, steps, every, what=kind, folder=Path(folder))
        return dict.fromkeys(STAGES, 0.0) | told

    turns = in_turns(list(_KINDS), repeats, trained, console)
    return [_measured(kind, runs, steps - WARM_UP - 1) for kind, runs in turns.items()]


def _measured(kind: str, runs: Sequence[Mapping[str, float]], steps: int) -> Measured:
    median = medians(runs)
    shares = {stage: median[stage] / median["wall"] for stage in STAGES}
    shares["learning"] = 1.0 - sum(shares.values())
    cpus = tuple(run["cpu"] / steps for run in runs)
    return Measured(kind, median["cpu"] / steps, median["wall"] / steps, cpus, shares)
