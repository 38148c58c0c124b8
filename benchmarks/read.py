"""``heldout bench read``: how quickly, and in how much memory, are logs read and described?

Every measurement is a fresh process, so that one reader's memory is not another's. Imports are not counted. Memory is
the peak above what the process held before reading, over the size of the file (read from /proc, so Linux only).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks import logs
from benchmarks.harness import Sheet, check_name, child, in_turns, medians, write
from heldout.text import size_of


@dataclass(frozen=True, slots=True)
class Case:
    """A generated log and those who read it (as printed → in `children/read.py`); the last is the base of ratios."""

    name: str
    file: str
    make: Callable[[Path, int], None]
    readers: dict[str, str]
    target: str


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: medians; `memory` is a multiple of the file's size."""

    case: str
    reader: str
    megabytes: float
    seconds: float
    ratio: float
    memory: float
    target: str


CASES = (
    Case(
        "TensorBoard events",
        "events.out.tfevents.1",
        logs.write_events,
        {"heldout": "heldout_read", "tensorboard EventAccumulator": "tensorboard"},
        "at least 20 times quicker, memory below 6 times the file",
    ),
    Case(
        "trainer_state.json",
        "trainer_state.json",
        logs.write_trainer_state,
        {"heldout": "heldout_read", "orjson.loads": "orjson"},
        "within 3 times, memory below 6 times the file",
    ),
    Case(
        "JSON lines",
        "metrics.jsonl",
        logs.write_jsonl,
        {"heldout": "heldout_read", "polars.read_ndjson": "polars"},
        "within 3 times, memory below 6 times the file",
    ),
    Case(
        "evaluations of 10⁴ problems",
        "once",
        logs.write_evaluations,
        {"heldout": "heldout_read"},
        "at most 3 MB for 200 of them",
    ),
    Case(
        "the same, ids in each line",
        "each",
        partial(logs.write_evaluations, once=False),
        {"heldout": "heldout_read"},
        "",
    ),
    Case(
        "description of the run",
        "metrics.jsonl",
        logs.write_jsonl,
        {"heldout.describe": "heldout_describe"},
        "below 2 s",
    ),
)
_HEAD = ("log", "reader", "size", "time", "ratio to the last", "memory / file", "target")


def main(steps: int, repeats: int, out: Path | None) -> None:
    """Measure all cases, print the table, and write it where asked."""
    check_name(out)
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        results = [result for case in CASES for result in measure(case, Path(folder), steps, repeats, console)]
    sheet = Sheet(f"Reading logs of {steps} steps and 10 metrics", _HEAD, tuple(map(_cells, results)))
    console.print(sheet.drawn())
    write(out, [sheet], results)


def measure(case: Case, folder: Path, steps: int, repeats: int, console: Console | None = None) -> list[Result]:
    """Generate the log of a case and time each of its readers on it, in turn, `repeats` times."""
    path = folder / case.file
    case.make(path, steps)
    size = sum(one.stat().st_size for one in (path.iterdir() if path.is_dir() else [path]))

    def read(reader: str) -> dict[str, float]:
        told: dict[str, float] = child("read", case.readers[reader], path, what=reader)
        return told

    timed = {reader: medians(turns) for reader, turns in in_turns(list(case.readers), repeats, read, console).items()}
    base = timed[list(case.readers)[-1]]["seconds"]
    return [
        Result(case.name, reader, size / 1e6, told["seconds"], told["seconds"] / base, told["peak"] / size, target)
        for (reader, told), target in zip(timed.items(), (case.target, ""), strict=False)
    ]


def _cells(result: Result) -> tuple[str, ...]:
    numbers = (
        size_of(round(1e6 * result.megabytes)),
        f"{result.seconds:.2f} s",
        f"{result.ratio:.2f}",
        f"{result.memory:.1f}",
    )
    return (result.case, result.reader, *numbers, result.target)
