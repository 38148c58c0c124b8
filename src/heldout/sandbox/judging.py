"""Stand-in until the sandbox lands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from heldout.sandbox.base import Answer, Program, Sandbox, Status


@dataclass(frozen=True, slots=True)
class Test:
    """Arguments and the value that is expected."""

    __test__: ClassVar[bool] = False

    args: tuple[Any, ...]
    expected: Any


@dataclass(frozen=True, slots=True)
class Judgement:
    passed: tuple[bool, ...]
    answers: tuple[Answer, ...]

    @property
    def solved(self) -> bool:
        return all(self.passed)

    @property
    def kind(self) -> str:
        if self.solved:
            return "solved"
        bad = [a.status for a in self.answers if a.status is not Status.RETURNED]
        return str(bad[0]) if bad else "wrong answer"


def judge(items: Sequence[tuple[str, str, Sequence[Test]]], sandbox: Sandbox) -> list[Judgement]:
    answers = sandbox.run([Program(source, entry, tuple(t.args for t in tests)) for source, entry, tests in items])
    return [
        Judgement(
            tuple(a.status is Status.RETURNED and same(a.value, t.expected) for a, t in zip(each, tests, strict=True)),
            tuple(each),
        )
        for each, (_, _, tests) in zip(answers, items, strict=True)
    ]


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)
