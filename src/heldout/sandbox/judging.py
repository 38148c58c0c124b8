"""Right or wrong, decided on the host: what a program gave against what it should have.

The expected values never enter the sandbox that runs the program, so it cannot read them, and the comparison runs on
plain data that the host built itself, so the program cannot bend it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from heldout.errors import UsageError
from heldout.sandbox.base import Answer, Checks, Limits, Program, Remote, Sandbox, Status
from heldout.sandbox.checkers import checking
from heldout.sandbox.hidden import CheckedTest, HiddenTest

_WRONG = (Status.RETURNED, Status.REFUSED)
_LARGER = 2  # a wrong value may be so many times as large as the one expected, and is still told from a flood


class Attempt(NamedTuple):
    """A program that is to be judged, or the text of an answer where nothing is run."""

    source: str
    entry: str  # what is called: f, a class, or Solution().f
    tests: Sequence[HiddenTest]
    limits: Limits | None = None  # None for those of the sandbox
    lacking: str = ""  # why there is no program, such as "no code"; it is then not run


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known about one program: which tests passed, and every answer."""

    passed: tuple[bool, ...]
    answers: tuple[Answer, ...]
    lacking: str = ""  # why there was no program

    @property
    def solved(self) -> bool:
        """Whether every test passed."""
        return all(self.passed)

    @property
    def fraction(self) -> float:
        """The share of tests that passed, from 0 to 1."""
        return sum(self.passed) / len(self.passed)

    @property
    def kind(self) -> str:
        """Why it failed, by its first failing test: "wrong answer", or the name of a status; else "solved".

        "infrastructure" comes before all others: where the sandbox failed, nothing is known about the program.
        """
        if self.lacking:
            return self.lacking
        if self.solved:
            return "solved"
        if any(answer.status is Status.INFRASTRUCTURE for answer in self.answers):
            return Status.INFRASTRUCTURE.value
        status = self._first_failing.status
        return "wrong answer" if status in _WRONG else status.value

    @property
    def lost(self) -> str:
        """Why the sandbox failed, where it did."""
        return next(
            (one.error or "for no known reason" for one in self.answers if one.status is Status.INFRASTRUCTURE), ""
        )

    @property
    def package(self) -> str:
        """The package that it needs and the sandbox does not have; empty where it failed in another way, or not."""
        return self._first_failing.error if self.kind == Status.PACKAGE else ""

    @property
    def _first_failing(self) -> Answer:
        return self.answers[self.passed.index(False)]


def judge(
    items: Sequence[Attempt] | Sequence[tuple[str, str, Sequence[HiddenTest]]], sandbox: Sandbox, *, values: bool = True
) -> list[Judgement]:
    """Which tests does each program pass?

    Parameters
    ----------
    items
        An `Attempt` for each program, or a plain tuple of source, name of the entry point and tests.
    sandbox
        Where they run.
    values
        Whether the answers are wanted with what the programs returned. Without, a sandbox on other machines does not
        send it; all else is the same.

    Returns
    -------
    list of Judgement
        One per program, in order. A test that is a program itself has one entry for each of its items.

    Raises
    ------
    UsageError
        When a program has no tests: it would count as solved.
    """
    attempts = [Attempt(*item) for item in items]
    for attempt in attempts:
        if not attempt.tests:
            raise UsageError(f"The program for {attempt.entry or 'stdin'} has no tests; it would count as solved.")
    if isinstance(sandbox, Remote):
        return sandbox.judged(attempts, values)
    asked = [list(_programs(attempt, sandbox.limits)) for attempt in attempts]
    answered = iter(sandbox.run([program for programs in asked for program, _ in programs]))
    pairs = [
        _pairs(attempt, [(next(answered), places) for _, places in programs])
        for attempt, programs in zip(attempts, asked, strict=True)
    ]
    checked = _checked(pairs, sandbox)
    return [_judged(attempt, one, checked) for attempt, one in zip(attempts, pairs, strict=True)]


def _programs(attempt: Attempt, limits: Limits) -> Iterator[tuple[Program, list[int]]]:
    """One program for each kind of test, with the places of its tests."""
    kinds: dict[type, list[int]] = {}
    for place, test in enumerate(attempt.tests if not attempt.lacking else ()):
        if test.asked is not None:
            kinds.setdefault(type(test), []).append(place)
    limits = attempt.limits or limits
    largest = _LARGER * max(test.size for test in attempt.tests)
    if largest > limits.output_bytes:
        limits = replace(limits, output_bytes=largest)
    for places in kinds.values():
        inputs = tuple(asked for place in places if (asked := attempt.tests[place].asked) is not None)
        yield Program(attempt.source, attempt.entry, inputs, limits), places


def _pairs(attempt: Attempt, answered: Sequence[tuple[list[Answer], list[int]]]) -> list[tuple[HiddenTest, Answer]]:
    """Every test, a program of tests once for each of its items, and what came back."""
    text = Answer(Status.RETURNED, attempt.source) if not attempt.lacking else Answer(Status.REFUSED)
    found: dict[int, list[Answer]] = {}
    for answers, places in answered:
        left = iter(answers)
        for place in places:
            asked = attempt.tests[place].asked
            count = len(asked.items) if isinstance(asked, Checks) else 1
            found[place] = [next(left) for _ in range(count)]
    return [(test, answer) for place, test in enumerate(attempt.tests) for answer in found.get(place, [text])]


def _checked(pairs: Sequence[Sequence[tuple[HiddenTest, Answer]]], sandbox: Sandbox) -> Iterator[Answer]:
    """What checkers say of what was printed, in order."""
    runs = [
        checking(test.checker, test.text, test.expected, answer.value)
        for one in pairs
        for test, answer in one
        if isinstance(test, CheckedTest) and answer.status is Status.RETURNED
    ]
    return iter([answer for (answer,) in sandbox.run(runs)] if runs else [])


def _judged(attempt: Attempt, pairs: Sequence[tuple[HiddenTest, Answer]], checked: Iterator[Answer]) -> Judgement:
    passed, answers = [], []
    for test, answer in pairs:
        said = next(checked) if isinstance(test, CheckedTest) and answer.status is Status.RETURNED else answer
        passed.append(not attempt.lacking and test.passes(said))
        answers.append(said if said.status is Status.INFRASTRUCTURE else answer)
    return Judgement(tuple(passed), tuple(answers), attempt.lacking)
