"""``heldout bench plan``: how many evaluations does the search for the best checkpoint save, and at what regret?

Finished runs of known truth have a checkpoint at each of K steps. The search evaluates them one by one as `search`
proposes; the alternatives evaluate all of them, or the same number evenly spaced, and choose as the report does. Regret
is how far the true rate of the chosen checkpoint lies below that of the best one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.harness import Estimate, Sheet, check_name, write
from heldout.datasets.simulated import DECLINES, NULLS, SimulatedRun, simulate
from heldout.evaluation.plan import JITTER
from heldout.stats.arrays import FloatArray, IntArray
from heldout.stats.checkpoint import choose
from heldout.stats.eval_noise import EvalNoise
from heldout.stats.gram import Gram
from heldout.stats.noise_posterior import learned, sampled, scatter
from heldout.stats.search import search

FAMILIES = (*NULLS, *DECLINES)
PROBLEMS = (200, 500)
CHECKPOINTS = 40
_SEEDS = 3_000_000  # runs of one family before those of this benchmark begin


@dataclass(frozen=True, slots=True)
class Saved:
    """What the search cost and lost, over the runs of one family or of several.

    Attributes
    ----------
    evaluations
        How many the search made.
    regret, even, full
        Of the search, of as many evaluations evenly spaced, and of evaluating every checkpoint; fractions.
    """

    evaluations: Estimate
    regret: Estimate
    even: Estimate
    full: Estimate


def main(runs: int, seed: int, out: Path | None) -> None:
    """Print a table for 200 and one for 500 problems, and write them where asked."""
    check_name(out)
    console = Console(highlight=False)
    sheets: list[Sheet] = []
    results: list[Saved] = []
    for problems in PROBLEMS:
        found = measure(problems, runs, seed, console)
        title = f"{problems} problems, {CHECKPOINTS} checkpoints, {runs} runs of each family"
        sheets.append(Sheet(title, _HEAD, tuple(_row(family, saved) for family, saved in found.items())))
        results += found.values()
        console.print(sheets[-1].drawn(bold={"all"}))
    write(out, sheets, results)


def measure(
    problems: int,
    runs: int,
    seed: int = 0,
    console: Console | None = None,
    families: Sequence[str] = FAMILIES,
) -> dict[str, Saved]:
    """Search in simulated runs; return what was saved by family, and in "all"."""
    results = {}
    for family in track(families, f"{problems} problems", console=console, transient=True, disable=console is None):
        seeds = range(_SEEDS + seed * runs, _SEEDS + (seed + 1) * runs)
        made = (simulate(family, problems, CHECKPOINTS, seed=one) for one in seeds)
        results[family] = np.array([_compared(run) for run in made])
    results["all"] = np.concatenate(list(results.values()))
    return {family: Saved(*(Estimate.of(column) for column in rows.T)) for family, rows in results.items()}


def _compared(run: SimulatedRun) -> tuple[float, float, float, float]:
    """Evaluations, and the three regrets, in one run."""
    every = np.arange(len(run.truth))
    evaluated, best = searched(run)
    spaced = np.unique(np.rint((every[: len(evaluated)] + 0.5) * len(every) / len(evaluated) - 0.5).astype(np.int64))
    return len(evaluated), _regret(run, best), _regret(run, _chosen(run, spaced)), _regret(run, _chosen(run, every))


def searched(run: SimulatedRun) -> tuple[list[int], int]:
    """Evaluate checkpoints until none is worth it; return those that were, in order, and the one to keep."""
    evaluated: list[int] = []
    while True:
        at = np.sort(np.array(evaluated, dtype=np.int64))
        found = search(run.steps, at, run.rates[at], _variance(run.outcomes[at]))
        if found.next is None or len(evaluated) == len(run.truth):
            return evaluated, int(found.best if found.best is not None else 0)
        evaluated.append(found.next)


def _chosen(run: SimulatedRun, at: IntArray) -> int:
    return int(at[choose(run.rates[at], EvalNoise.of_outcomes(Gram.of(run.outcomes[at]))).best])


def _variance(outcomes: FloatArray) -> float:
    if len(outcomes) < 2:
        return JITTER**2
    gram = Gram.of(outcomes)
    return learned(scatter(gram.rates), sampled(gram.s2(len(outcomes)))).variance


def _regret(run: SimulatedRun, chosen: int) -> float:
    return float(run.truth.max() - run.truth[chosen])


_HEAD = ("family", "evaluations", "regret, points", "as many, evenly spaced", "all evaluated")


def _row(family: str, saved: Saved) -> tuple[str, ...]:
    points = (f"{100 * one.value:.2f} ±{100 * one.se:.2f}" for one in (saved.regret, saved.even, saved.full))
    return (family, f"{saved.evaluations.value:.1f}", *points)
