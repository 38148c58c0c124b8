"""``heldout bench policies``: how many right programs does each sandbox judge right, and how many a second?

The right programs are those of `benchmarks.honest`, in the manner of the usual sets. A program that a sandbox cannot
run counts as a failure in training, so the share is what matters; the rate says what it costs.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.harness import Sheet, check_name, in_turns, write
from benchmarks.honest import Honest, programs
from benchmarks.judge import sample
from heldout.sandbox import Attempt, Judgement, Sandbox, judge, open_sandbox

POLICIES = ("monty", "bubblewrap", "auto")
_UNKNOWN = ("unsupported", "needs a package", "infrastructure")  # the sandbox says that it cannot tell


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: a policy, its verdicts on right programs, and its rates as medians over the turns."""

    policy: str
    programs: int
    right: int
    cannot_run: int
    false: int
    honest_per_second: float
    small_per_second: float  # of the small functions of `benchmarks.judge`, three in four of them right
    ratio: float  # of the latter to bubblewrap's, in the same turn


def main(small: int, repeats: int, workers: int, out: Path | None) -> None:
    """Measure all policies, print the table, and write it where asked."""
    check_name(out)
    console = Console()
    results = measure(small, repeats, workers, console)
    title = f"Right programs judged right, {workers} worker{'s' * (workers > 1)}, median of {repeats}"
    sheet = Sheet(title, _HEAD, tuple(map(_cells, results)))
    console.print(sheet.drawn())
    write(out, [sheet], results)


def measure(small: int, repeats: int, workers: int, console: Console | None = None) -> list[Result]:
    """Judge the right programs, and `small` small ones, by each policy in turns."""
    honest = programs()
    attempts = [Attempt(*item) for item in sample(small)[0]]
    with ExitStack() as stack:
        opened = {name: stack.enter_context(open_sandbox(name, workers=workers)) for name in POLICIES}
        for sandbox in opened.values():
            judge([one.attempt for one in honest], sandbox)  # the workers start
        seen = in_turns(list(POLICIES), repeats, lambda name: _turn(opened[name], honest, attempts), console)
    base = [rate for _, _, rate in seen["bubblewrap"]]
    return [_result(name, turns, base) for name, turns in seen.items()]


_Turn = tuple[list[Judgement], float, float]


def _turn(sandbox: Sandbox, honest: Sequence[Honest], small: Sequence[Attempt]) -> _Turn:
    start = time.perf_counter()
    judged = judge([one.attempt for one in honest], sandbox)
    middle = time.perf_counter()
    judge(small, sandbox)
    return judged, len(honest) / (middle - start), len(small) / (time.perf_counter() - middle)


def _result(name: str, turns: Sequence[_Turn], base: Sequence[float]) -> Result:
    kinds = Counter(one.kind for one in turns[0][0])
    unknown = sum(kinds[kind] for kind in _UNKNOWN)
    return Result(
        policy=name,
        programs=kinds.total(),
        right=kinds["solved"],
        cannot_run=unknown,
        false=kinds.total() - kinds["solved"] - unknown,
        honest_per_second=statistics.median(rate for _, rate, _ in turns),
        small_per_second=statistics.median(rate for _, _, rate in turns),
        ratio=statistics.median(turn[2] / one for turn, one in zip(turns, base, strict=True)),
    )


_HEAD = ("sandbox", "judged right", "cannot run", "false", "right programs/s", "small functions/s", "ratio")


def _cells(result: Result) -> tuple[str, ...]:
    return (
        result.policy,
        f"{result.right} of {result.programs}",
        str(result.cannot_run),
        str(result.false),
        f"{result.honest_per_second:.0f}",
        f"{result.small_per_second:.0f}",
        f"{result.ratio:.1f}",
    )
