"""``heldout bench long``: a log of a million steps is read, judged, reported and watched: how long, in how much memory?

Each stage is a fresh process, and its time that of the processor, imports not counted. Ten times the steps should take
ten times as long. Then a guard is told of a hundred evaluations: what one costs, by how many came before.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks import logs
from benchmarks.callback import METRICS
from benchmarks.harness import Sheet, check_name, child, in_turns, medians, write
from heldout.live import Guard
from heldout.store.recorder import Recorder

EVALUATIONS, PROBLEMS = 200, 256
_EVERY = 10  # steps between the guard's evaluations
_AT = (10, 25, 50, 100)  # evaluations, before which the last ten are looked at
# As printed → in `children/long.py`, and of which file.
STAGES = {
    "read, run directory": ("read", "run"),
    "polars.read_ndjson of its metrics": ("by_polars", "run"),
    "read, CSV": ("read", "log.csv"),
    "polars.read_csv": ("by_polars", "log.csv"),
    "judge": ("judge", "run"),
    "report, with figures": ("report", "run"),
    "first look of a watch": ("look", "run"),
    "its second look, one line later": ("look_again", "run"),
}
_HEAD = ("what", "steps", "size", "CPU s", "µs a step", "memory")


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the first table: medians of the turns."""

    stage: str
    steps: int
    megabytes: float  # of the file
    seconds: float
    peak: float  # bytes


@dataclass(frozen=True, slots=True)
class Position:
    """What an evaluation costs the guard once so many are known: median, lowest and highest of ten, in milliseconds."""

    evaluations: int
    middle: float
    low: float
    high: float


def main(steps: Sequence[int], repeats: int, out: Path | None) -> None:
    """Measure all, print two tables, and write them where asked."""
    check_name(out)
    console = Console()
    results = [result for count in steps for result in measure(count, repeats, console)]
    positions = by_evaluations()
    sheets = [
        Sheet(f"Long runs: {len(METRICS)} metrics, {EVALUATIONS} evaluations", _HEAD, tuple(map(_cells, results))),
        Sheet(
            f"An evaluation of {PROBLEMS} problems under the guard, verdict.json written",
            ("evaluations so far", "CPU ms", "of ten from", "to"),
            tuple(
                (f"{one.evaluations}", *(f"{ms:.1f}" for ms in (one.middle, one.low, one.high))) for one in positions
            ),
        ),
    ]
    for sheet in sheets:
        console.print(sheet.drawn())
    write(out, sheets, [*results, *positions])


def measure(steps: int, repeats: int, console: Console | None = None) -> list[Result]:
    """Write a run of so many steps, and time each stage on it, in turn, `repeats` times."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / name for name in ("run", "log.csv")}
        logs.write_run(paths["run"], METRICS, steps, EVALUATIONS, PROBLEMS)
        logs.write_csv(paths["log.csv"], METRICS, steps)
        size = {"run": (paths["run"] / "metrics.jsonl").stat().st_size, "log.csv": paths["log.csv"].stat().st_size}

        def work(stage: str) -> dict[str, float]:
            what, of = STAGES[stage]
            told: dict[str, float] = child("long", what, paths[of], what=stage)
            return told

        seen = {stage: medians(turns) for stage, turns in in_turns(list(STAGES), repeats, work, console).items()}
    return [
        Result(stage, steps, size[STAGES[stage][1]] / 1e6, told["seconds"], told["peak"])
        for stage, told in seen.items()
    ]


def by_evaluations(count: int = max(_AT)) -> list[Position]:
    """Tell a guard of a run with so many evaluations; return what those cost it."""
    rng, spent = np.random.default_rng(0), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "run")
        with recorder, Guard(recorder, planned=count) as guard:
            for step in range(1, count * _EVERY + 1):
                guard.step(step, dict(zip(METRICS, rng.normal(1.0, 0.1, len(METRICS)).tolist(), strict=True)))
                if step % _EVERY == 0:
                    problems, passed = logs.outcomes(step // _EVERY, PROBLEMS)
                    start = time.process_time()
                    guard.evaluation(step, problems=problems, passed=passed)
                    spent.append(1e3 * (time.process_time() - start))
    last = {at: spent[at - 10 : at] for at in _AT if at <= count}
    return [Position(at, statistics.median(ten), min(ten), max(ten)) for at, ten in last.items()]


def _cells(one: Result) -> tuple[str, ...]:
    size, memory = f"{one.megabytes:.0f} MB", f"{one.peak / 1e6:.0f} MB"
    return (one.stage, f"{one.steps:,}", size, f"{one.seconds:.2f}", f"{1e6 * one.seconds / one.steps:.1f}", memory)
