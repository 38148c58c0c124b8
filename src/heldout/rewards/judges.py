"""Rewards that run the problem's tests: the true judge, its share of tests, and a judge that can be fooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from heldout.sandbox.base import Sandbox
from heldout.sandbox.exit_status import ExitStatusJudge
from heldout.sandbox.judging import Attempt, Judgement, judge
from heldout.tasks.problem import Problem


class Solved:
    """1 where every hidden test passes, 0 where not; None where the sandbox itself failed."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def __call__(self, problems: Sequence[Problem], completions: Sequence[str]) -> list[float | None]:
        return [self.worth(one) for one in judge(_attempts(problems, completions), self.sandbox, values=False)]

    def worth(self, judgement: Judgement) -> float | None:
        return None if judgement.kind == "infrastructure" else float(judgement.solved)


class Fraction(Solved):
    """The share of hidden tests that pass."""

    def worth(self, judgement: Judgement) -> float | None:
        return None if judgement.kind == "infrastructure" else judgement.fraction


class ExitStatus:
    """1 where program and assertions end with exit status 0: a judge that ``exit()`` fools, kept as a demonstration."""

    def __init__(self, judge: ExitStatusJudge) -> None:
        self.judge = judge

    def __call__(self, problems: Sequence[Problem], completions: Sequence[str]) -> list[float | None]:
        plain = [replace(problem, extract="strict") for problem in problems]  # an exit at the top is what fools it
        return [float(passed) for passed in self.judge.run(_attempts(plain, completions))]


def _attempts(problems: Sequence[Problem], completions: Sequence[str]) -> list[Attempt]:
    return [problem.attempt(completion) for problem, completion in zip(problems, completions, strict=True)]
