"""Stand-in until the sandbox lands: it runs programs in this very process, which is not safe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heldout.sandbox.base import Answer, Program, Sandbox, Status


class _Monty:
    name = "monty"

    def __enter__(self) -> _Monty:
        return self

    def __exit__(self, *_: object) -> None: ...
    def close(self) -> None: ...
    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        return [[self._one(program, args) for args in program.inputs] for program in programs]

    def _one(self, program: Program, args: tuple[Any, ...]) -> Answer:
        space: dict[str, Any] = {}
        try:
            compile(program.source, "p", "exec")
        except SyntaxError as error:
            return Answer(Status.SYNTAX, error=str(error))
        try:
            exec(program.source, space)
            return Answer(Status.RETURNED, space[program.entry](*args))
        except BaseException as error:
            return Answer(Status.RAISED, error=repr(error))


def open_sandbox(name: str = "monty", **_: Any) -> Sandbox:
    return _Monty()
