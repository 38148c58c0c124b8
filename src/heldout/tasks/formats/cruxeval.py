"""CRUXEval: which value does a function return, or for which arguments does it return a value?

A value is a literal, compared without running anything. Arguments are literals too, and the function is run on them.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import Any

from heldout.sandbox.compare import equal
from heldout.sandbox.hidden import Reply, Test
from heldout.tasks.answers import Extracted, read_reply
from heldout.tasks.answers.reading import NO_ANSWER, SYNTAX
from heldout.tasks.asserts import parsed
from heldout.tasks.formats.reading import Reading, name_of
from heldout.tasks.plain import evaluate
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

RULE = (
    "CRUXEval, output prediction: the value in the last [ANSWER] tags, else on the last line, is compared as Python "
    "compares; an answer that repeats the call instead of its value is wrong."
)
INPUT_RULE = (
    "CRUXEval, input prediction: the function is called with the arguments in the last [ANSWER] tags, else on the last "
    "line, which must be plain data; what it returns is compared as Python compares."
)
_ASKED = "answer"  # the function that is called, without arguments
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


def read_input(row: Row) -> Reading:
    """Read a row as a question for arguments that give its ``output``."""
    code, given, expected = row.text("code"), row.text("input", ""), row.text("output")
    name, arguments, wanted = name_of(row, "id"), Arguments(code), _value(expected)
    why = "its output is no literal" if wanted is None else ""
    why = why or ("" if arguments(given).source else "its input is no plain data")
    if wanted is None or why:
        return Reading(Problem(name, "", "", ()), why=why)
    prompt = (
        f"{code.rstrip()}\n\nWith which arguments does f return {expected}? Several may be right; give one call of f "
        "in [ANSWER] tags, like [ANSWER]f('abc', 1)[/ANSWER].\n"
    )
    tests = (Test((), wanted[0], compare=equal),)
    return Reading(Problem(name, prompt, _ASKED, tests, solution=f"[ANSWER]f({given})[/ANSWER]", reader=arguments))


@dataclass(frozen=True, slots=True)
class Arguments:
    """Makes a program out of an answer that gives arguments: the function ``f`` of `code`, called with them.

    The answer is what stands in the last [ANSWER] tags, else its last line: a call of f, also with what it should
    return, or the arguments alone. They are plain data, so that nothing of the answer is run but the data.

    >>> Arguments("def f(x, y):\\n    return x + y\\n")("[ANSWER]f(1, y=-1) == 0[/ANSWER]").source.splitlines()[-1]
    '    return f(1, y=-1)'
    """

    code: str

    def __call__(self, text: str) -> Extracted:
        reply = read_reply(text)
        answer = _final(reply.source)
        call = _call(answer) or _call(f"f({answer})")
        if reply.problem or not answer:
            return replace(reply, source="", problem=reply.problem or NO_ANSWER)
        if call is None:
            return Extracted("", problem=SYNTAX)
        source = f"{self.code.rstrip()}\n\n\ndef {_ASKED}():\n    return {call}\n"
        return Extracted(source, "arguments", reply.dropped, entry=_ASKED)


def literal(value: Any, expected: Any) -> bool:
    """Is the final value of an answer equal to an expected one, both as literals of Python?

    >>> literal("So f(1) is\\n[ANSWER]f(1) == [1, 2][/ANSWER]", "[1, 2]"), literal("2.0", "2"), literal("two", "2")
    (True, True, False)
    """
    if not isinstance(value, str) or not isinstance(expected, str):
        return False
    found, wanted = _value(_final(value)), _value(expected)
    return found is not None and wanted is not None and bool(found[0] == wanted[0])


def _final(text: str) -> str:
    """What stands in the last tags, else on the last line."""
    tagged = _TAGGED.findall(text)
    lines = [line for line in text.split("\n") if line.strip()]
    return (tagged[-1] if tagged else lines[-1] if lines else "").strip().removeprefix("assert ")[:_LONGEST]


def _call(text: str) -> str | None:
    """A call of f with plain data, or None where the text is none; what is computed is written as the value."""
    try:
        match parsed(text).body:
            case [ast.Expr(value=ast.Compare(left=ast.Call() as call, ops=[ast.Eq()]))]:
                pass
            case [ast.Expr(value=ast.Call() as call)]:
                pass
            case _:
                return None
        if not isinstance(call.func, ast.Name) or call.func.id != "f" or any(one.arg is None for one in call.keywords):
            return None
        given = [_written(one) for one in call.args] + [f"{one.arg}={_written(one.value)}" for one in call.keywords]
    except Exception:  # whatever Python raises on other people's expressions
        return None
    return f"f({', '.join(given)})"


def _written(expression: ast.expr) -> str:
    value = evaluate(expression)
    text = repr(value)
    if ast.literal_eval(text) != value:
        raise ValueError(f"{text} cannot be written as a literal.")
    return text


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
