"""Asks a reward about texts, each text once, and the hidden tests about their truth.

All parts of an audit ask here. The reward is in processes of its own (`heldout.rewards.worker`), so that whatever a
text does to it is an outcome; the hidden tests run in the sandbox.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeVar

from heldout.rewards.worker import Grader, Outcome, Session
from heldout.sandbox.base import Sandbox
from heldout.sandbox.judging import judge
from heldout.tasks.problem import Problem

Answer = tuple[Problem, str]
Counted = TypeVar("Counted")
_FEWEST = 2  # problems that a part takes however short time is
_AT_ONCE = 256  # programs that are judged between two looks at the progress


class OutOfTime(Exception):
    """The time that an audit was given is over."""


class Asker:
    """A reward and the hidden tests, asked about answers.

    Parameters
    ----------
    grader
        The reward.
    sandbox
        Where the hidden tests run.
    every
        Whether parts take all problems where they would take some.
    seed
        Of whatever a part draws.
    budget
        Seconds from now, after which whatever asks gets an `OutOfTime`.
    progress
        Told how many answers more are done.
    """

    def __init__(
        self,
        grader: Grader,
        sandbox: Sandbox,
        *,
        every: bool = False,
        seed: int = 0,
        budget: float = math.inf,
        progress: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.grader = grader
        self.sandbox = sandbox
        self.every = every
        self.seed = seed
        self.budget = budget
        self.calls = 0  # answers that the reward was asked about
        self._end = time.monotonic() + budget
        self._share = 1.0  # of the problems that parts take otherwise
        self._progress = progress
        self._said: dict[tuple[str, str], Outcome] = {}
        self._shares: dict[tuple[str, str], float | None] = {}

    @property
    def pace(self) -> float:
        """Seconds that a call took which gave a score, the median; nan where none did."""
        return median([one.seconds for one in list(self._said.values()) if one.kind == "scored"] or [math.nan])

    def some(self, problems: Sequence[Counted], count: int) -> Sequence[Counted]:
        """Return the first so many problems, or all where every problem is wanted; fewer where time is short."""
        wanted = len(problems) if self.every else min(count, len(problems))
        return problems[: max(min(wanted, _FEWEST), int(wanted * self._share))]

    def fit(self, answers: Sequence[Answer], calls: int) -> None:
        """Find out how long these answers take, and let parts take fewer problems where so many calls are too long."""
        if self.budget < math.inf and answers:
            started = time.monotonic()
            self.ask(answers)
            each = (time.monotonic() - started) / len(answers)
            self._share = min(1.0, (self._end - time.monotonic()) / max(each * calls, 1e-9))

    def ask(self, answers: Sequence[Answer]) -> list[Outcome]:
        """Return what the reward gives for each answer by itself, in order; it is asked about equal ones once."""
        new = {_key(answer): answer for answer in answers if _key(answer) not in self._said}
        keys = list(new)

        def done(place: int, found: list[list[Outcome]]) -> None:
            self._said[keys[place]] = found[0][0]
            self._done(1)

        self._look_at_the_clock()
        self.grader.run([[[new[key]]] for key in keys], done)
        return [self._said[_key(answer)] for answer in answers]

    def run(self, sessions: Sequence[Session]) -> list[list[list[Outcome]]]:
        """Make these calls as they are, also of texts that were asked about before: for what may not stay the same."""
        self._look_at_the_clock()
        return self.grader.run(sessions, lambda place, found: self._done(sum(map(len, found))))

    def _done(self, answers: int) -> None:
        self.calls += answers
        self._progress(answers)
        self._look_at_the_clock()

    def _look_at_the_clock(self) -> None:
        if time.monotonic() > self._end:
            raise OutOfTime

    def right(self, answers: Sequence[Answer]) -> list[bool | None]:
        """Whether each answer passes its hidden tests, in order; None where the sandbox itself failed."""
        return [None if share is None else share == 1.0 for share in self.shares(answers)]

    def shares(self, answers: Sequence[Answer]) -> list[float | None]:
        """Which share of its hidden tests each answer passes, in order; None where the sandbox itself failed."""
        new = {_key(answer): answer for answer in answers if _key(answer) not in self._shares}
        keys = list(new)
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            attempts = [problem.attempt(text) for problem, text in map(new.__getitem__, some)]
            judged = judge(attempts, self.sandbox, values=False)
            shares = [None if one.kind == "infrastructure" else one.fraction for one in judged]
            self._shares |= dict(zip(some, shares, strict=True))
            self._progress(0)
        return [self._shares[_key(answer)] for answer in answers]


def _key(answer: Answer) -> tuple[str, str]:
    return answer[0].id, answer[1]
