"""``heldout bench fleet``: what judging a fleet takes, and how many of those that it flags never fell.

The cost is measured on run directories that are written for it, three of them broken, as ratios against a loop of
``heldout report`` in a shell and against rldoctor where that is installed. The share of wrong ones among the flagged,
and how many falls are found, are measured on simulated fleets whose truth is known.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import numpy as np
import polars as pl
from rich.console import Console
from rich.progress import Progress

from benchmarks.fleets import break_some, drawn, write_fleet
from benchmarks.harness import Estimate, Sheet, check_name, child, in_processes, write
from heldout.datasets.simulated import STEPS, SimulatedRun
from heldout.diagnosis.verdict import diagnose
from heldout.run import Evaluation, Run, Series
from heldout.stats.levels import adaptive_benjamini_hochberg, benjamini_hochberg

_ALONE = 8  # runs that the loop of `heldout report` is measured on
_PLACES = (1000, 5000)  # runs between which the memory of the parent is compared
_FDR = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way of judging took, a run."""

    name: str
    cpu: float  # seconds of all processes
    memory: float  # MB of the largest process
    runs: int


@dataclass(frozen=True, slots=True)
class Errors:
    """One simulated fleet under one rule."""

    rule: str
    flagged: int
    wrong: int
    found: int  # falls that are flagged
    falls: int


def main(runs: int, fleets: int, size: int, workers: int, out: Path | None) -> None:
    """Print what judging takes and how often it is wrong."""
    check_name(out)
    console = Console()
    sheets: list[Sheet] = []
    results: list[Cost | Errors] = []
    with tempfile.TemporaryDirectory() as place:
        if runs:
            costs, seen = _costs(Path(place), runs, workers or os.cpu_count() or 1)
            sheets += [_of_costs(costs), Sheet(f"{runs} runs", ("what", "value"), tuple(seen.items()))]
            results += costs
    if fleets:
        errors = _errors(fleets, size, workers, console)
        sheets.append(_of_errors(errors, fleets, size))
        results += errors
    for sheet in sheets:
        console.print(sheet.drawn({"heldout fleet"}))
    write(out, sheets, results)


def _costs(folder: Path, runs: int, workers: int) -> tuple[list[Cost], dict[str, str]]:
    write_fleet(folder / "runs", runs, seed=7)
    broken = break_some(folder / "runs")
    words = ["fleet", str(folder / "runs"), "-o", str(folder / "out"), "--figures", "none", "--workers", str(workers)]
    first = _timed("heldout fleet", words)
    again = _timed("heldout fleet, again", words)
    rows = pl.read_parquet(folder / "out" / "fleet.parquet")
    judging = float(rows["seconds"].sum())
    costs = [Cost("heldout fleet", (first.cpu + judging) / runs, first.memory, runs)]
    others = sorted((folder / "runs").glob("*/run-*"))[3 : 3 + _ALONE]
    alone = [_timed("report", ["report", str(one), "-o", str(folder / "report"), "--quiet"]) for one in others]
    costs.append(Cost("a loop of heldout report", *_means(alone), _ALONE))
    if which("rldoctor"):
        other = [_timed("rldoctor", [str(one / "metrics.jsonl")], program=("rldoctor", "diagnose")) for one in others]
        costs.append(Cost("a loop of rldoctor", *_means(other), _ALONE))
    growth = child("fleet", *_PLACES, what="the memory of the parent", folder=folder)
    seen = {
        "judging a run, CPU ms": f"{1e3 * judging / runs:.1f}",
        "the parent's share of a run, CPU ms": f"{1e3 * first.cpu / runs:.1f}",
        "memory of the parent, MB": f"{first.memory:.0f}",
        f"a run more costs the parent, bytes ({_PLACES[0]} to {_PLACES[1]} runs)": f"{growth['bytes']:.0f}",
        "the same again, seconds": f"{again.wall:.1f} (CPU {again.cpu:.1f})",
        "index.html, kB": f"{(folder / 'out' / 'index.html').stat().st_size / 1e3:.0f}",
        "lines in the terminal": str(len(first.said.splitlines())),
        "broken ones named": ", ".join(str(first.said.count(name)) for name in broken),
    }
    return costs, seen


@dataclass(frozen=True, slots=True)
class _Timed:
    cpu: float
    memory: float
    wall: float
    said: str


def _timed(what: str, words: Sequence[str], program: Sequence[str] = (sys.executable, "-m", "heldout")) -> _Timed:
    """Run a command; return the processor time and the largest memory of its first process and what it waited for."""
    return _Timed(**child("metered", *program, *words, what=what))


def _means(timed: Sequence[_Timed]) -> tuple[float, float]:
    return float(np.mean([one.cpu for one in timed])), max(one.memory for one in timed)


def _of_costs(costs: Sequence[Cost]) -> Sheet:
    least = costs[0]
    rows = tuple(
        (one.name, f"{1e3 * one.cpu:.0f}", f"{one.cpu / least.cpu:.1f}", f"{one.memory:.0f}", str(one.runs))
        for one in costs
    )
    return Sheet("What a run costs", ("way", "CPU ms a run", "ratio", "MB of one process", "runs"), rows)


# --- how often it is wrong


def _errors(fleets: int, size: int, workers: int, console: Console) -> list[Errors]:
    found: list[Errors] = []
    with Progress(console=console, transient=True) as progress, in_processes(workers, _one_fleet) as do:
        bar = progress.add_task("simulated fleets", total=fleets)
        for errors in do([(1000 + seed, size) for seed in range(fleets)]):
            found += errors
            progress.advance(bar)
    return found


def _one_fleet(job: tuple[int, int]) -> list[Errors]:
    seed, size = job
    fleet = drawn(size, seed)
    falls = np.array([run.is_decline for run in fleet])
    verdicts = [diagnose(_as_run(run), []) for run in fleet]
    p = np.array([1.0 if one.p is None else one.p for one in verdicts])
    down = np.array([one.fell for one in verdicts])
    alone = down & np.array([one.label.startswith("confirmed") for one in verdicts])
    rules = {
        "each run alone (5 %)": alone,
        "among all runs": down & (adaptive_benjamini_hochberg(p) <= _FDR),
        "plain Benjamini-Hochberg": down & (benjamini_hochberg(p) <= _FDR),
    }
    return [
        Errors(rule, int(chosen.sum()), int((chosen & ~falls).sum()), int((chosen & falls).sum()), int(falls.sum()))
        for rule, chosen in rules.items()
    ]


def _as_run(made: SimulatedRun) -> Run:
    problems = [f"p{k}" for k in range(made.outcomes.shape[1])]
    measured = [
        Evaluation.from_counts(int(step), problems, passed.tolist())
        for step, passed in zip(made.steps, made.outcomes, strict=True)
    ]
    steps = np.arange(1, STEPS + 1)
    key = measured[0].key
    metrics = {
        "reward": Series("reward", steps, made.reward),
        key: Series(key, made.steps, made.rates, problems=np.full(len(made.steps), float(len(problems)))),
    }
    return Run("run", "memory", "test", metrics, {"held_out": key, "reward": "reward"}, measured=tuple(measured))


def _of_errors(errors: Sequence[Errors], fleets: int, size: int) -> Sheet:
    by_rule: Mapping[str, list[Errors]] = {
        rule: [one for one in errors if one.rule == rule] for rule in dict.fromkeys(one.rule for one in errors)
    }
    alone = sum(one.found for one in next(iter(by_rule.values())))
    rows = tuple(
        (
            rule,
            _percent(Estimate.of(np.array([one.wrong / max(one.flagged, 1) for one in those]))),
            f"{sum(one.wrong for one in those)} of {sum(one.flagged for one in those)}",
            f"{100 * sum(one.found for one in those) / sum(one.falls for one in those):.1f}",
            f"{sum(one.found for one in those) / alone:.3f}",
        )
        for rule, those in by_rule.items()
    )
    head = ("rule", "wrong among flagged, %", "in all", "falls found, %", "of those found alone")
    return Sheet(f"{fleets} simulated fleets of {size} runs, 15 % of which fall", head, rows)


def _percent(found: Estimate) -> str:
    return f"{100 * found.value:.2f} ± {100 * found.se:.2f}"
