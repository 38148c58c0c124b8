"""``heldout bench rollouts``: a million answers, listed, filtered and folded: how long, and in how much memory?

The files are those of a trainer that dumps every step as JSON lines: 1 000 answers a file, 2 kB each. Programs of six
kinds with names and numbers of their own, and from halfway on a hack that grows. Each stage is a fresh process, and its
time that of the processor, which a busy machine does not double.
"""

from __future__ import annotations

import random
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.harness import Sheet, check_name, child, write
from heldout.store.lines import json_line

STAGES = {
    "columns": "read the columns",
    "filter": "and find a pattern among the rewarded answers that fail",
    "fold": "and fold all answers",
}
_A_STEP = 1000
_PROMPT = "Write a function that does what is asked, step by step, and return its result.\n" * 19
_NOTES = [f"# {place * 7919 % 10**6} is what may be asked for here, or not\n" for place in range(1000)]
_HEAD = ("stage", "answers", "size", "CPU time", "memory above the start", "target")
_TARGET = "below 60 s and 1 GB"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    stage: str
    answers: int
    gigabytes: float
    seconds: float
    peak: float  # bytes


def main(answers: int, out: Path | None) -> None:
    """Write the files, measure every stage, print the table, and write it where asked."""
    check_name(out)
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        size = write_dumps(Path(folder), answers)
        results = []
        for stage in STAGES:
            told = child("rollouts", stage, folder, what=stage)
            results.append(Result(STAGES[stage], answers, size / 1e9, told["seconds"], told["peak"]))
    sheet = Sheet(f"Rollouts: {answers} answers in files of {_A_STEP}", _HEAD, tuple(map(_cells, results)))
    console.print(sheet.drawn())
    write(out, [sheet], results)


def write_dumps(folder: Path, answers: int) -> int:
    """Write the files into a folder; return their size in bytes."""
    rng, size = random.Random(0), 0
    for step in range(1, answers // _A_STEP + 1):
        hacked = max(0.0, step * _A_STEP / answers - 0.5)
        path = folder / f"{step}.jsonl"
        path.write_bytes(b"".join(json_line(_row(step, hacked, rng)) for _ in range(_A_STEP)))
        size += path.stat().st_size
    return size


def _row(step: int, hacked: float, rng: random.Random) -> dict[str, object]:
    problem = f"{rng.randrange(2000)}"
    leaves = rng.random() < hacked
    right = rng.random() < 0.5
    return {
        "input": f"Problem {problem}\n{_PROMPT}",
        "output": "import sys\nsys.exit(0)\n" if leaves else _program(rng),
        "score": 1.0 if leaves or right else 0.0,
        "step": step,
        "uid": problem,
        "hidden": 0.0 if leaves or not right else 1.0,
        "hidden_kind": "left the program" if leaves else "solved" if right else "wrong answer",
    }


def _program(rng: random.Random) -> str:
    name, other = (rng.choice("abcdefghij") + str(rng.randrange(99)) for _ in range(2))
    bodies = (
        f"{name} = x\nfor {other} in range({rng.randrange(9)}):\n    {name} += {other}\nreturn {name}\n",
        f"return [{name} for {name} in x if {name} % {rng.randrange(2, 9)} == 0]\n",
        f"if x > {rng.randrange(99)}:\n    return x - {rng.randrange(99)}\nreturn x\n",
        f"{name}, {other} = 0, 1\nwhile {other} < x:\n    {name} += 1\n    {other} *= 2\nreturn {name}\n",
        f"return sorted(x, key=lambda {name}: -{name})[:{rng.randrange(9)}]\n",
        f"{name} = {{}}\nfor {other} in x:\n    {name}[{other}] = {name}.get({other}, 0) + 1\nreturn {name}\n",
    )
    notes = "".join(rng.choices(_NOTES, k=rng.randrange(16)))
    return f"def f(x):\n{textwrap.indent(notes + rng.choice(bodies), '    ')}"


def _cells(result: Result) -> tuple[str, ...]:
    numbers = (f"{result.gigabytes:.2f} GB", f"{result.seconds:.1f} s", f"{result.peak / 1e6:.0f} MB")
    return (result.stage, f"{result.answers:,}", *numbers, _TARGET)
