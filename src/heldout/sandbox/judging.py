"""Right or wrong, decided on the host: what a program returned against what it should have.

The expected values never enter the sandbox, so a program cannot read them, and the comparison runs on plain data that
the host built itself, so a program cannot bend it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from heldout.errors import UsageError
from heldout.sandbox.base import Answer, Program, Sandbox, Status
from heldout.sandbox.values import NotPlain, encode

TOLERANCE = 1e-9  # of a float, relative and absolute

_WRONG = (Status.RETURNED, Status.REFUSED)


@dataclass(frozen=True, slots=True)
class Test:
    """One hidden test: the arguments that go in, and the value that should come back.

    Raises
    ------
    UsageError
        When either is not plain data (None, bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset).
    """

    __test__ = False  # pytest is not meant

    args: tuple[Any, ...]
    expected: Any
    size: int = field(init=False, repr=False, compare=False)  # of the expected value as tagged JSON, in bytes

    def __post_init__(self) -> None:
        try:
            encode(list(self.args))
            object.__setattr__(self, "size", len(encode(self.expected)))
        except NotPlain as error:
            raise UsageError(f"A test holds something that cannot be compared: {error}") from None


class Attempt(NamedTuple):
    """A program that is to be judged."""

    source: str
    entry: str  # the name of the function that is called
    tests: Sequence[Test]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known about one program: which tests passed, and every answer."""

    passed: tuple[bool, ...]
    answers: tuple[Answer, ...]

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
        if self.solved:
            return "solved"
        if any(answer.status is Status.INFRASTRUCTURE for answer in self.answers):
            return Status.INFRASTRUCTURE.value
        status = self.answers[self.passed.index(False)].status
        return "wrong answer" if status in _WRONG else status.value


def judge(items: Sequence[tuple[str, str, Sequence[Test]]], sandbox: Sandbox) -> list[Judgement]:
    """Which tests does each program pass?

    Parameters
    ----------
    items
        An `Attempt` for each program, or a plain tuple of source, name of the entry point and tests.
    sandbox
        Where they run.

    Returns
    -------
    list of Judgement
        One per program, in order.

    Raises
    ------
    UsageError
        When a program has no tests (it would count as solved), or an expected value is larger than the sandbox lets
        through (nothing would pass).
    """
    largest = sandbox.limits.output_bytes
    for _, entry, tests in items:
        if not tests:
            raise UsageError(f"The program for {entry} has no tests; it would count as solved.")
        if (size := max(test.size for test in tests)) > largest:
            raise UsageError(
                f"A test of {entry} expects a value of {size} bytes, and the sandbox returns at most {largest}; "
                f"open it with Limits(output_bytes={size})."
            )
    programs = [Program(source, entry, tuple(test.args for test in tests)) for source, entry, tests in items]
    return [
        Judgement(tuple(_passes(answer, test) for answer, test in zip(answers, tests, strict=True)), tuple(answers))
        for answers, (_, _, tests) in zip(sandbox.run(programs), items, strict=True)
    ]


def same(value: Any, expected: Any, *, tolerance: float = TOLERANCE) -> bool:
    """Is a returned value the expected one, in type and in content?

    Strict: True is not 1, 1 is not 1.0, a tuple is not a list, at any depth. Where a float is expected, a float within
    the tolerance will do, except in sets and among the keys of dictionaries. NaN equals NaN.

    Examples
    --------
    >>> same(0.1 + 0.2, 0.3), same([1, 2], (1, 2)), same({True}, {1})
    (True, False, False)
    """
    kind = type(expected)
    if type(value) is not kind:
        return False
    if kind is float:
        return _near(value, expected, tolerance)
    if kind is complex:
        return _near(value.real, expected.real, tolerance) and _near(value.imag, expected.imag, tolerance)
    if kind in (list, tuple):
        return len(value) == len(expected) and all(
            same(one, other, tolerance=tolerance) for one, other in zip(value, expected, strict=True)
        )
    if kind in (set, frozenset):
        return {_typed(item) for item in value} == {_typed(item) for item in expected}
    if kind is dict:
        theirs, ours = ({_typed(key): item for key, item in each.items()} for each in (value, expected))
        return theirs.keys() == ours.keys() and all(
            same(theirs[key], item, tolerance=tolerance) for key, item in ours.items()
        )
    return kind in (type(None), bool, int, str, bytes) and bool(value == expected)


def _passes(answer: Answer, test: Test) -> bool:
    return answer.status is Status.RETURNED and same(answer.value, test.expected)


def _near(value: float, expected: float, tolerance: float) -> bool:
    if math.isnan(expected):
        return math.isnan(value)
    return math.isclose(value, expected, rel_tol=tolerance, abs_tol=tolerance)


def _typed(item: Any) -> tuple[Any, ...]:
    """A key that tells 1 from True and 1.0, and has one NaN."""
    kind = type(item)
    if kind is tuple:
        return kind, tuple(map(_typed, item))
    if kind is frozenset:
        return kind, frozenset(map(_typed, item))
    return kind, "nan" if item != item else item
