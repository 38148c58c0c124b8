"""``heldout bench record``: what does keeping answers by chance, with what the hidden tests say of them, cost a step?

The demo's recipes run in fresh processes, without evaluations, in turns: as they are, and with eight answers judged
whatever that takes. Stated is the time inside recording (drawing, judging, writing, and what the guard makes of it)
over that of the steps, which holds on a busy machine too, and how much of it is the judge's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.children.stopwatch import WARM_UP
from benchmarks.harness import Sheet, child, in_turns, medians
from heldout.errors import UsageError

TARGET = 0.01  # of the time of a step
_RECIPES = ("exit-hack", "honest")
_COSTS = {"within 1 %": 0.01, "whatever it takes": 0.0}  # as ``--judge-cost``


@dataclass(frozen=True, slots=True)
class Measured:
    """One recipe, one limit; medians of the turns."""

    kind: str
    wall: float  # seconds of a step
    recording: float  # share of the time
    judging: float  # share of the time, part of the former
    kept: float  # answers a step
    judged: float


def main(steps: int, repeats: int) -> None:
    """Measure all in turn, and print a table.

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
    head = ("", "s a step", "recording", "of which judging", "kept a step", "judged a step")
    found = measure(steps, repeats, console)
    console.print(Sheet(f"Recording, {steps} steps, {repeats} turns", head, tuple(map(_cells, found))).drawn())
    console.print(f"Target at the default, within 1 %: below {100 * TARGET:g} % of the time.")


def measure(steps: int, repeats: int, console: Console | None = None) -> list[Measured]:
    """Return each recipe within its limit and without."""
    kinds = {f"{recipe}, {limit}": (recipe, cost) for recipe in _RECIPES for limit, cost in _COSTS.items()}

    def trained(kind: str) -> dict[str, float]:
        recipe, cost = kinds[kind]
        with tempfile.TemporaryDirectory() as folder:
            told: dict[str, float] = child("record", recipe, steps, cost, what=kind, folder=Path(folder))
        return told

    return [summary(kind, runs, steps) for kind, runs in in_turns(list(kinds), repeats, trained, console).items()]


def summary(kind: str, runs: Sequence[Mapping[str, float]], steps: int) -> Measured:
    """Return the medians of turns, each of which says seconds after the warm-up and counts of answers."""
    shares = medians({name: run[name] / run["wall"] for name in ("recording", "judging")} for run in runs)
    median = medians(runs)
    counted = steps - WARM_UP
    return Measured(
        kind,
        median["wall"] / (counted - 1),
        shares["recording"],
        shares["judging"],
        median["kept"] / counted,
        median["judged"] / counted,
    )


def _cells(one: Measured) -> tuple[str, ...]:
    shares = (f"{100 * share:.2f} %" for share in (one.recording, one.judging))
    return (one.kind, f"{one.wall:.3f}", *shares, f"{one.kept:.1f}", f"{one.judged:.1f}")
