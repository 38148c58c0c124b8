"""``heldout bench read``: how quickly, and in how much memory, are logs read and described?

Every measurement is a fresh process, so that one reader's memory is not another's. Imports are not counted. Memory is
the peak above what the process held before reading, over the size of the file (read from /proc, so Linux only).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from heldout.bench import logs
from heldout.bench.sheet import Sheet, check_name, write
from heldout.errors import UsageError

_CHILD = """
import json, sys, time
path = sys.argv[1]
{setup}
def memory(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))
before = memory("VmRSS")
start = time.perf_counter()
{work}
seconds = time.perf_counter() - start
print(json.dumps({{"seconds": seconds, "peak": max(0, memory("VmHWM") - before)}}))
"""
_OURS = ("from heldout import read\nimport polars, numpy", "read(path)")


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to read a log: its name, what it imports, and what is timed."""

    name: str
    setup: str
    work: str


@dataclass(frozen=True, slots=True)
class Case:
    """A generated log and those who read it; the first is heldout, the second what it is measured against."""

    name: str
    file: str
    write: Callable[[Path, int], None]
    contenders: tuple[Contender, ...]
    target: str


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    case: str
    contender: str
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
        (
            Contender("heldout", *_OURS),
            Contender(
                "tensorboard EventAccumulator",
                "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator",
                "a = EventAccumulator(path, size_guidance={'scalars': 0}); a.Reload()\n"
                "for tag in a.Tags()['scalars']: a.Scalars(tag)",
            ),
        ),
        "at least 8 times quicker, memory below 6 times the file",
    ),
    Case(
        "trainer_state.json",
        "trainer_state.json",
        logs.write_trainer_state,
        (
            Contender("heldout", *_OURS),
            Contender("orjson.loads", "import orjson", "orjson.loads(open(path, 'rb').read())"),
        ),
        "within 3 times, memory below 6 times the file",
    ),
    Case(
        "JSON lines",
        "metrics.jsonl",
        logs.write_jsonl,
        (Contender("heldout", *_OURS), Contender("polars.read_ndjson", "import polars", "polars.read_ndjson(path)")),
        "within 3 times, memory below 6 times the file",
    ),
    Case(
        "description of the run",
        "metrics.jsonl",
        logs.write_jsonl,
        (
            Contender(
                "heldout.describe",
                "import heldout; run = heldout.read(path); heldout.describe",
                "heldout.describe(run)",
            ),
        ),
        "below 2 s",
    ),
)


def main(steps: int, repeats: int, out: Path | None) -> None:
    """Measure all cases, print the table, and write it where asked."""
    check_name(out)
    console = Console()
    results = measure(steps, repeats, console)
    sheet = Sheet(f"Reading logs of {steps} steps and 10 metrics", _HEAD, tuple(map(_cells, results)))
    console.print(sheet.drawn())
    write(out, sheet, results)


def measure(steps: int, repeats: int, console: Console) -> list[Result]:
    """Generate each log and time each contender on it, in turn, `repeats` times."""
    results: list[Result] = []
    total = sum(1 + repeats * len(case.contenders) for case in CASES)
    with tempfile.TemporaryDirectory() as folder, Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        for case in CASES:
            progress.update(task, description=f"{case.name}: writing")
            path = Path(folder) / case.file
            case.write(path, steps)
            progress.advance(task)
            timed: dict[str, list[dict[str, float]]] = {contender.name: [] for contender in case.contenders}
            for _ in range(repeats):
                for contender in case.contenders:
                    progress.update(task, description=f"{case.name}: {contender.name}")
                    timed[contender.name].append(_run(contender, path))
                    progress.advance(task)
            results += _results(case, timed, path.stat().st_size)
    return results


def _run(contender: Contender, path: Path) -> dict[str, float]:
    code = _CHILD.format(setup=contender.setup, work=contender.work)
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise UsageError(
            f"{contender.name} could not be measured ({reason[0]}); install heldout[dev] for the alternatives."
        )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _results(case: Case, timed: dict[str, list[dict[str, float]]], size: int) -> list[Result]:
    seconds = {name: statistics.median(run["seconds"] for run in runs) for name, runs in timed.items()}
    memory = {name: statistics.median(run["peak"] for run in runs) / size for name, runs in timed.items()}
    base = seconds[case.contenders[-1].name]
    return [
        Result(
            case.name,
            name,
            size / 1e6,
            seconds[name],
            seconds[name] / base,
            memory[name],
            case.target if name == case.contenders[0].name else "",
        )
        for name in seconds
    ]


def _cells(result: Result) -> tuple[str, ...]:
    return (
        result.case,
        result.contender,
        f"{result.megabytes:.0f} MB",
        f"{result.seconds:.2f} s",
        f"{result.ratio:.2f}",
        f"{result.memory:.1f}",
        result.target,
    )


_HEAD = ("log", "reader", "size", "time", "ratio to the last", "memory / file", "target")
