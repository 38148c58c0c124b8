"""``heldout bench neighbours``: does a busy neighbour make a right program late?

Programs that need half of the time that they are allowed are judged alone and beside processes that keep the cores
busy. Each says how long it took by the clock, so the same run tells how many a limit on the clock would have failed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.harness import Sheet, check_name, write
from heldout.sandbox import Call, Limits, Program, Sandbox, Status, open_sandbox

_SOURCE = (
    "import time\n\ndef f(n):\n    start = time.perf_counter()\n    total = 0\n    for i in range(n):\n"
    "        total += i\n    return time.perf_counter() - start\n"
)
_TRIES = 20  # to find out how quick the machine is, of which the quickest counts
_LOOPS = 100_000


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    sandbox: str
    neighbours: int
    programs: int
    late: int  # failed, whatever for
    late_by_clock: int  # what a limit of the clock would have failed
    median_seconds: float  # by the clock


def main(programs: int, neighbours: int, seconds: float, workers: int, out: Path | None) -> None:
    """Measure both sandboxes, alone and beside neighbours, print the table, and write it where asked."""
    check_name(out)
    console = Console()
    results = [
        one
        for name in ("monty", "bubblewrap")
        for count in (0, neighbours)
        for one in [measure(name, programs if count else max(1, programs // 10), count, seconds, workers)]
    ]
    title = f"Right programs at half of a limit of {seconds} s, {workers} worker{'s' * (workers > 1)}"
    sheet = Sheet(title, _HEAD, tuple(map(_cells, results)))
    console.print(sheet.drawn())
    write(out, [sheet], results)


def measure(name: str, programs: int, neighbours: int, seconds: float, workers: int) -> Result:
    """How many of `programs` right programs fail in a sandbox, beside so many busy neighbours?"""
    with open_sandbox(name, workers=workers, limits=Limits(seconds=seconds)) as sandbox:
        loops = round(_LOOPS * seconds / 2 / _quickest(sandbox))
        with _busy(neighbours):
            answers = [one for (one,) in sandbox.run([Program(_SOURCE, "f", (Call((loops,)),))] * programs)]
    took = [one.value for one in answers if one.status is Status.RETURNED]
    return Result(
        name,
        neighbours,
        programs,
        programs - len(took),
        sum(one > seconds for one in took) + programs - len(took),
        statistics.median(took) if took else float("nan"),
    )


def _quickest(sandbox: Sandbox) -> float:
    ample = Limits(seconds=60)
    tries = sandbox.run([Program(_SOURCE, "f", (Call((_LOOPS,)),), ample)] * _TRIES)
    return min(float(one.value) for (one,) in tries)


@contextmanager
def _busy(count: int) -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()


_HEAD = ("sandbox", "busy neighbours", "right programs", "failed", "a clock would have failed", "median s by the clock")


def _cells(result: Result) -> tuple[str, ...]:
    return (
        result.sandbox,
        str(result.neighbours),
        str(result.programs),
        str(result.late),
        str(result.late_by_clock),
        f"{result.median_seconds:.3f}",
    )
