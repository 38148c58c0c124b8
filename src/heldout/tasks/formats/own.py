"""heldout's own format: prompt, entry point, and tests as arguments and values."""

from __future__ import annotations

import ast
from typing import Any

from heldout.errors import TaskError
from heldout.sandbox.hidden import Test
from heldout.tasks.asserts import parsed, test_of
from heldout.tasks.formats.reading import Reading
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

KEYS = frozenset({"id", "prompt", "entry_point", "tests", "split", "stub"})


def read(row: Row) -> Reading:
    """Read a row; ``split`` and ``stub`` may be missing::

        {"id": "double", "prompt": "Double a number.\\ndef double(x):\\n", "entry_point": "double",
         "tests": [{"args": [2], "expected": 4}, "double(-1) == -2"], "split": "train", "stub": "def double(x):\\n"}

    A test is an object or, for what JSON cannot write (tuples, sets, None as a key), a Python comparison of literals.
    Without ``stub`` the prompt is the stub if it is Python that ends inside the entry point; otherwise the completion
    is the whole program.
    """
    name, prompt, entry_point = row.text("id"), row.text("prompt"), row.text("entry_point")
    if not entry_point.isidentifier():
        raise TaskError(f"{row.where}: 'entry_point' is {entry_point!r}; it must be the name of a function.")
    tests = row.data.get("tests")
    if not isinstance(tests, list) or not tests:
        raise TaskError(f"{row.where}: 'tests' must be a list of at least one test.")
    stub = row.text("stub", prompt if continues(prompt, entry_point) else "")
    judged = tuple(_test(f"{row.where}, test {number}", test, entry_point) for number, test in enumerate(tests, 1))
    return Reading(Problem(name, prompt, entry_point, judged, stub=stub))


def continues(prompt: str, entry_point: str) -> bool:
    """Say whether a prompt is Python that ends inside the entry point, so that a completion goes on from there.

    >>> continues("# twice\\ndef f(x):\\n", "f"), continues("Write f(x), which doubles x.", "f")
    (True, False)
    """
    lines = prompt.rstrip().split("\n")
    last = lines[-1]
    indent = last[: len(last) - len(last.lstrip())] + (" " if last.endswith(":") else "")
    try:
        body = parsed("\n".join([*lines, f"{indent}pass\n"])).body
    except SyntaxError:
        return False
    final = body[-1]
    return isinstance(final, ast.FunctionDef | ast.AsyncFunctionDef) and final.name == entry_point


def _test(where: str, test: Any, entry_point: str) -> Test:
    if isinstance(test, str):
        return _compared(where, test, entry_point)
    if not isinstance(test, dict) or test.keys() != {"args", "expected"} or not isinstance(test["args"], list):
        raise TaskError(
            f'{where}: a test must be {{"args": […], "expected": …}} or a text such as "{entry_point}(1) == 2".'
        )
    return Test(tuple(test["args"]), test["expected"])


def _compared(where: str, text: str, entry_point: str) -> Test:
    try:
        tree = parsed(f"assert {text}")
    except SyntaxError:
        tree = ast.Module([], [])
    match tree.body:
        case [ast.Assert(test=expression)]:
            test = test_of(expression, entry_point)
            if test is not None:
                return test
    raise TaskError(f"{where}: {text!r} is no comparison of a call of {entry_point} with literals with a literal.")
