"""What sets of contest problems have in common: tests on stdin or by calls in JSON, prompts, limits, given imports."""

from __future__ import annotations

import ast
import json
import math
import re
from dataclasses import dataclass, field, replace
from typing import Any

from heldout.errors import UsageError
from heldout.sandbox.base import ENTRY, Limits
from heldout.sandbox.compare import Comparison
from heldout.sandbox.hidden import CheckedTest, HiddenTest, StdinTest, Test
from heldout.tasks.formats.reading import Reading
from heldout.tasks.problem import Problem

LIMITS = Limits(seconds=6.0, memory_mb=1024)  # time as LiveCodeBench, the most generous of the harnesses in use
_SECONDS, _MEMORY_MB = 60.0, 4096  # what no row may ask for more than
MOST = 50_000_000  # characters of input and output that the tests of one problem may have

# What LiveCodeBench puts before every program, in its order (of two names that are the same the later one counts).
_STARRED = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics"),
    *("itertools", "functools", "operator", "io", "sys", "json", "builtins", "typing"),
)
PRELUDE = "".join(
    [
        *(f"from {name} import *\n" for name in _STARRED),
        f"import {', '.join(name for name in _STARRED if name not in ('builtins', 'typing'))}\n",
        "sys.setrecursionlimit(50000)\n",
    ]
)


@dataclass
class Cases:
    """The tests of one problem as they are read, and those that cannot be judged."""

    printed: Comparison  # of texts on stdout
    returned: Comparison  # of values
    checker: str = ""  # the source of a program that decides instead of `printed`
    tests: list[HiddenTest] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)
    why: str = ""
    _size: int = 0

    def stdin(self, text: Any, expected: Any) -> None:
        """Add a test on stdin; lists of lines are joined."""
        given, wanted = map(_joined, (text, expected))
        if given is None or wanted is None:
            self.refuse("their input or output is no text")
        elif self._fits(len(given) + len(wanted)):
            checked = CheckedTest(given, wanted, self.checker) if self.checker else None
            self.tests.append(checked or StdinTest(given, wanted, self.printed))

    def call(self, args: Any, expected: Any) -> None:
        """Add a test by a call; a dictionary alone whose keys are whole numbers in text gets them back as numbers."""
        if not isinstance(args, list):
            self.refuse("their arguments are no list")
            return
        try:
            test = Test((_numbered(args[0]),) if len(args) == 1 else tuple(args), expected, compare=self.returned)
        except UsageError:
            self.refuse("they hold values that are nested too deeply")
            return
        if self._fits(test.size):
            self.tests.append(test)

    def lines(self, text: Any, expected: Any) -> None:
        """Add a test by a call whose arguments are lines of JSON, or of Python where they are no JSON."""
        try:
            self.call([value_of(line) for line in text.split("\n") if line], value_of(expected))
        except (ValueError, TypeError, AttributeError):
            self.refuse("they are neither JSON nor Python literals")

    def refuse(self, why: str) -> None:
        """Leave out the test that comes next."""
        self.unjudged.append(f"test {len(self.tests) + len(self.unjudged) + 1}")
        self.why = why

    def reading(self, problem: Problem, *remarks: str) -> Reading:
        """Return the problem with these tests."""
        if problem.entry_point and not ENTRY.fullmatch(problem.entry_point):
            return nothing(problem, f"{problem.entry_point!r} is not the name of a function")
        return Reading(replace(problem, tests=tuple(self.tests)), tuple(self.unjudged), self.why, remarks)

    def _fits(self, size: int) -> bool:
        if self._size + size > MOST:
            self.refuse(f"the tests of a problem may have {MOST // 10**6} MB")
            return False
        self._size += size
        return True


def nothing(problem: Problem, why: str) -> Reading:
    """Return a problem that cannot be judged."""
    return Reading(problem, why=why)


def posed(problem: Problem, function: str, starter: str = "") -> Problem:
    """Let a problem be judged by calls of a function, or on stdin where that is empty; the prompt, a question, says so.

    Where the starter code has a class Solution, the function is its method.

    >>> one = posed(Problem("a", "Add one.", "", ()), "inc", "class Solution:\\n    def inc(self, x):\\n        ")
    >>> one.entry_point, posed(Problem("a", "Add one.", "", ()), "inc").prompt
    ('Solution().inc', 'Add one.\\n\\nThe function is called inc.\\n')
    """
    asked = "The program reads from standard input and writes to standard output."
    if function:
        asked = f"The function is called {function}."
    if starter.strip():
        asked = f"Complete this code:\n```python\n{starter.rstrip()}\n```"
    method = function and re.search(r"^class Solution\b", starter, re.M)
    entry = f"Solution().{function}" if method else function
    return replace(problem, prompt=f"{problem.prompt.strip()}\n\n{asked}\n", entry_point=entry)


def limits(seconds: Any, memory_mb: Any = None) -> Limits:
    """Return a row's own limits; what is no number above 0 is that of `LIMITS`."""
    return Limits(
        min(_amount(seconds, LIMITS.seconds), _SECONDS),
        math.ceil(min(_amount(memory_mb, LIMITS.memory_mb), _MEMORY_MB)),
    )


def first_solution(value: Any) -> str:
    """Return the first of the solutions that a set gives: a list, which may be written as a text, or one alone."""
    try:
        found = value_of(value) if isinstance(value, str) and value.startswith("[") else value
    except ValueError:
        return ""
    first = found[0] if isinstance(found, list) and found else found
    return first if isinstance(first, str) else ""


def value_of(text: str) -> Any:
    """Read JSON, or a Python literal where it is none; a ValueError where it is neither.

    >>> value_of("[1, null]"), value_of("{1: (2, None)}")
    ([1, None], {1: (2, None)})
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"it is neither JSON nor a Python literal ({error})") from None


def pairs(value: Any) -> list[tuple[Any, Any]] | None:
    """Return inputs and outputs of ``[{"input", "output"}]`` or ``{"input": […], "output": […]}``; None of all else.

    >>> pairs([{"input": 1, "output": 2}]), pairs({"inputs": [1], "outputs": [2]}), pairs({"input": [1], "output": []})
    ([(1, 2)], [(1, 2)], None)
    """
    if isinstance(value, dict):
        given, expected = (value.get(key, value.get(f"{key}s")) for key in ("input", "output"))
        if isinstance(given, list) and isinstance(expected, list) and len(given) == len(expected):
            return list(zip(given, expected, strict=True))
        return None
    if isinstance(value, list) and all(isinstance(one, dict) and {"input", "output"} <= one.keys() for one in value):
        return [(one["input"], one["output"]) for one in value]
    return None


def _amount(value: Any, default: float) -> float:
    return value if isinstance(value, int | float) and value > 0 else default


def _joined(value: Any) -> str | None:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    return value if isinstance(value, str) else None


def _numbered(value: Any) -> Any:
    if isinstance(value, dict) and value and all(re.fullmatch(r"-?[0-9]{1,18}", str(key)) for key in value):
        return {int(key): item for key, item in value.items()}
    return value
