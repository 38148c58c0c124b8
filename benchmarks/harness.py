"""What the benchmarks share: turns, fresh processes, estimates with their errors, and tables.

Who is compared takes turns, so that a busy minute of the machine hits all alike; what must not see another's memory or
imports runs in a process of its own, whose program is a file in `benchmarks/children`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from heldout.errors import UsageError
from heldout.stats.arrays import FloatArray

ROOT = Path(__file__).parents[1]

Job = TypeVar("Job")
Name = TypeVar("Name")
Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over simulated runs, and its standard error."""

    value: float
    se: float

    @classmethod
    def of(cls, values: FloatArray) -> Estimate:
        """The mean of independent values, shape (R,), at least two."""
        return cls(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def in_turns(
    names: Sequence[Name], repeats: int, measure: Callable[[Name], Seen], console: Console | None = None
) -> dict[Name, list[Seen]]:
    """Measure each in turn, `repeats` times round; return what was seen of each, in order, with progress shown."""
    seen: dict[Name, list[Seen]] = {name: [] for name in names}
    with Progress(console=console, transient=True, disable=console is None) as progress:
        task = progress.add_task("", total=repeats * len(names))
        for _ in range(repeats):
            for name in names:
                progress.update(task, description=str(name))
                seen[name].append(measure(name))
                progress.advance(task)
    return seen


@contextmanager
def in_processes(workers: int, work: Callable[[Job], Seen]) -> Iterator[Callable[[Sequence[Job]], Iterator[Seen]]]:
    """What does jobs, in whatever order they end: this process, or fresh ones with one thread each.

    `workers` are 0 for as many as there are cores; `work` must be a function of a module, for they import it.
    """
    workers = workers or os.cpu_count() or 1
    if workers < 2:
        yield lambda jobs: map(work, jobs)
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # read when numpy is loaded there; small matrices gain nothing from more
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield lambda jobs: (future.result() for future in as_completed([pool.submit(work, job) for job in jobs]))


def child(
    program: str,
    *words: object,
    what: str,
    given: object = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """Run a program of `benchmarks/children` in a fresh process and return what its last line says, as JSON.

    Parameters
    ----------
    program
        Name of its file, without the ending.
    words
        Its arguments.
    what
        What is measured, for the message when it fails.
    given
        Plain data for its standard input, as JSON.
    folder, environment
        Where and with which environment it runs; those of this process if not given.

    Raises
    ------
    UsageError
        When it fails; the message ends with the last line that it wrote.
    """
    environment = dict(os.environ if environment is None else environment)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), environment.get("PYTHONPATH", ""))))
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.children.{program}", *map(str, words)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=False,
    )
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise UsageError(f"{what} could not be measured ({why[0]}).")
    return json.loads(done.stdout.splitlines()[-1])


def medians(runs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The median of each measurement over the turns."""
    turns = list(runs)
    return {name: statistics.median(run[name] for run in turns) for name in turns[0]}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as text: on a terminal, or in Markdown."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def drawn(self, bold: Container[str] = ()) -> Table:
        """For the terminal; rows whose first cell is named stand out."""
        table = Table(title=self.title, title_justify="left")
        for head in self.head:
            table.add_column(escape(head))
        for row in self.rows:
            table.add_row(*map(escape, row), style="bold" if row[0] in bold else None)
        return table

    def markdown(self) -> str:
        """For a page."""
        lines = [f"**{self.title}**", "", "| " + " | ".join(self.head) + " |", "|" + "---|" * len(self.head)]
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.rows)]) + "\n"


def check_name(out: Path | None) -> None:
    """Refuse a file that `write` would not know how to write, before anything is measured.

    Raises
    ------
    UsageError
        When it is neither Markdown nor JSON by its name, or its folder is not there.
    """
    if out is not None and out.suffix not in (".md", ".json"):
        raise UsageError(f"-o {out}: tables are written as .md or .json.")
    if out is not None and not out.absolute().parent.is_dir():
        raise UsageError(f"-o {out}: there is no folder {out.parent}; make it first.")


def write(out: Path | None, sheets: Sequence[Sheet], results: Sequence[Any]) -> None:
    """Write the tables as Markdown, or the results (dataclasses) as JSON, as the file's name says."""
    if out is not None:
        markdown = "\n".join(sheet.markdown() for sheet in sheets)
        out.write_text(markdown if out.suffix == ".md" else json.dumps([asdict(one) for one in results], indent=2))
