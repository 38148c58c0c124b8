"""CRUXEval: which value does a function return? The answer is a literal, compared without running anything."""

from __future__ import annotations

import ast
import re
from typing import Any

from heldout.sandbox.hidden import Reply
from heldout.tasks.asserts import parsed
from heldout.tasks.formats.reading import Reading, name_of
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

RULE = (
    "CRUXEval, output prediction: the value in the last [ANSWER] tags, else on the last line, is compared as Python "
    "compares; an answer that repeats the call instead of its value is wrong."
)
_TAGGED = re.compile(r"\[ANSWER\](.*?)(?:\[/ANSWER\]|\Z)", re.S)
_LONGEST = 20_000  # characters of an answer


def read(row: Row) -> Reading:
    """Read ``id``, ``code`` (a function f), ``input`` and ``output``, texts of Python."""
    code, given, expected = row.text("code"), row.text("input", ""), row.text("output")
    problem = Problem(
        name_of(row, "id"),
        f"{code.rstrip()}\n\nWhat does f({given}) return? Give the value as a Python literal in [ANSWER] tags, like "
        "[ANSWER]'abc'[/ANSWER].\n",
        "",
        (Reply(expected, literal),),
        solution=f"[ANSWER]{expected}[/ANSWER]",
    )
    if _value(expected) is None:
        return Reading(Problem(problem.id, problem.prompt, "", ()), why="its output is no literal")
    return Reading(problem)


def literal(value: Any, expected: Any) -> bool:
    """Is the final value of an answer equal to an expected one, both as literals of Python?

    >>> literal("So f(1) is\\n[ANSWER]f(1) == [1, 2][/ANSWER]", "[1, 2]"), literal("2.0", "2"), literal("two", "2")
    (True, True, False)
    """
    if not isinstance(value, str) or not isinstance(expected, str):
        return False
    tagged = _TAGGED.findall(value)
    lines = [line for line in value.split("\n") if line.strip()]
    answer = tagged[-1] if tagged else lines[-1] if lines else ""
    found, wanted = _value(answer), _value(expected)
    return found is not None and wanted is not None and bool(found[0] == wanted[0])


def _value(text: str) -> tuple[Any] | None:
    """The value of a literal, also of what a call is said to be equal to; None where there is none."""
    try:
        body = parsed(text.strip().removeprefix("assert ")[:_LONGEST]).body
        match body:
            case [ast.Expr(value=ast.Compare(left=ast.Call(), ops=[ast.Eq()], comparators=[value]))]:
                return (ast.literal_eval(value),)
            case [ast.Expr(value=value)]:
                return (ast.literal_eval(value),)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        pass
    return None
