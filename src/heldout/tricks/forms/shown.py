"""Which tests does a prompt show? Its examples are read, never executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from heldout.sandbox.hidden import CheckedTest, StdinTest
from heldout.tasks.problem import Problem

_MOST = 20  # of one prompt
_LONGEST = 2_000  # characters of one example
_RESULT = re.compile(
    r"\s*`?\s*(?:#\s*)?(?:==|=>|->|=|→|➞|➔|is|returns?|should (?:return|be|equal)|gives?|\n(?:>>>)?)\s*`?", re.I
)
_END = re.compile(r"[,;.]\s|[,;.]$|`|\s\(|\s#")  # of a value, where words follow


@dataclass(frozen=True, slots=True)
class Shown:
    """What goes in, arguments or a text, and what comes out."""

    given: Any
    expected: Any


def shown(problem: Problem) -> tuple[Shown, ...]:
    """Return the tests that a problem's prompt shows: examples of calls with values, or hidden texts that stand in it.

    >>> shown(Problem("", "Double.\\n>>> f(2)\\n4\\nf([1]) == [1, 1]", "f", ()))
    (Shown(given=(2,), expected=4), Shown(given=([1],), expected=[1, 1]))
    """
    if problem.entry_point:
        found = _calls(problem.prompt, problem.entry_point.rpartition(".")[2])
        return tuple({repr(one.given): one for one in found}.values())[:_MOST]
    runs = (one for one in problem.tests if isinstance(one, StdinTest | CheckedTest))
    prompt = _spaced(problem.prompt)
    return tuple(
        Shown(one.text, one.expected)
        for one in runs
        if max(len(one.text), len(one.expected)) < _LONGEST
        and (_spaced(one.text) or "\n") in prompt
        and (_spaced(one.expected) or "\n") in prompt
    )[:_MOST]


def _calls(prompt: str, name: str) -> Iterator[Shown]:
    for found in list(re.finditer(rf"\b{re.escape(name)}\s*\(", prompt))[: 4 * _MOST]:
        rest = prompt[found.end() : found.end() + _LONGEST]
        end = _closing(rest)
        joint = _RESULT.match(rest, end + 1) if end is not None else None
        if joint is None:
            continue
        try:
            given = ast.literal_eval(f"({rest[:end]},)" if rest[:end].strip() else "()")
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        line = rest[joint.end() :].partition("\n")[0]
        for text in (_END.split(line)[0], line.partition("#")[0], line.rstrip(" .,;`'\"")):
            try:
                yield Shown(given, ast.literal_eval(text.strip()))
                break
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue


def _closing(text: str) -> int | None:
    """Where the bracket is closed that was opened before the text."""
    depth, quote, escaped = 1, "", False
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote and not escaped else quote
            escaped = sign == "\\" and not escaped
        elif sign in "'\"":
            quote, escaped = sign, False
        else:
            depth += (sign in "([{") - (sign in ")]}")
            if not depth:
                return place
    return None


def _spaced(text: str) -> str:
    return " ".join(text.split())
