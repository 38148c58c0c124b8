"""heldout's own format: prompt, entry point, and tests as arguments and values."""

from __future__ import annotations

import ast
import json
from typing import Any

from heldout.errors import TaskError
from heldout.sandbox.compare import COMPARISONS, Comparison
from heldout.sandbox.hidden import Test
from heldout.tasks.asserts import parsed, read_assertion
from heldout.tasks.formats.reading import SOLUTIONS, Reading, continues, entry_of, name_of, solution_of
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row
from heldout.text import sentence_list

KEYS = frozenset({"id", "prompt", "entry_point", "tests", "split", "stub", "compare", *SOLUTIONS})


def read(row: Row) -> Reading:
    """Read a row; ``split`` and ``stub`` may be missing::

        {"id": "double", "prompt": "Double a number.\\ndef double(x):\\n", "entry_point": "double",
         "tests": [{"args": [2], "expected": 4}, "double(-1) == -2"], "split": "train", "stub": "def double(x):\\n"}

    A test is an object, with ``kwargs`` if need be, or, for what JSON cannot write (tuples, sets, None as a key), what
    an assertion says of one call. Values are compared strictly, or as ``compare`` says, by a name of
    `heldout.sandbox.compare.COMPARISONS`. Without ``stub`` the prompt is the stub if it is Python that ends inside the
    entry point; otherwise the completion is the whole program. ``solution``, or a list ``solutions``, is known to be
    right.
    """
    name, prompt, entry_point = name_of(row, "id"), row.text("prompt"), entry_of(row)
    tests = _listed(row.data.get("tests"))
    if not isinstance(tests, list) or not tests:
        raise TaskError(f"{row.where}: 'tests' must be a list of at least one test.")
    stub = row.text("stub", prompt if continues(prompt, entry_point) else "")
    compare = _comparison(row)
    judged = [_test(f"{row.where}, test {number}", test, entry_point, compare) for number, test in enumerate(tests, 1)]
    return Reading(Problem(name, prompt, entry_point, tuple(judged), stub=stub, solution=solution_of(row)))


def _listed(tests: Any) -> Any:
    """Return the tests of a row; they may be JSON in a text, since a table has no column of values of many types."""
    try:
        return json.loads(tests) if isinstance(tests, str) else tests
    except ValueError:
        return tests


def _comparison(row: Row) -> Comparison:
    name = row.text("compare", "strict")
    if name not in COMPARISONS:
        allowed = sentence_list([repr(one) for one in COMPARISONS], "or")
        raise TaskError(f"{row.where}: 'compare' is {name!r}; it must be {allowed}.")
    return COMPARISONS[name]


def _test(where: str, test: Any, entry_point: str, compare: Comparison) -> Test:
    if isinstance(test, str):
        return _compared(where, test, entry_point, compare)
    known = isinstance(test, dict) and {"args", "expected"} <= test.keys() <= {"args", "expected", "kwargs"}
    if not known or not isinstance(test["args"], list) or not isinstance(test.get("kwargs", {}), dict):
        raise TaskError(
            f'{where}: a test must be {{"args": […], "expected": …}} or a text such as "{entry_point}(1) == 2".'
        )
    return Test(tuple(test["args"]), test["expected"], test.get("kwargs", {}), compare)


def _compared(where: str, text: str, entry_point: str, compare: Comparison) -> Test:
    try:
        tree = parsed(text if text.startswith("assert ") else f"assert {text}")
    except SyntaxError:
        tree = ast.Module([], [])
    match tree.body:
        case [ast.Assert(test=expression)]:
            test = read_assertion(expression, entry_point, compare)
            if test is not None:
                return test
    raise TaskError(f"{where}: {text!r} says nothing that can be read of one call of {entry_point}.")
