"""heldout's own format of a task: one JSON object a line with prompt, entry point and tests."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from typing import Any

from heldout.errors import TaskError
from heldout.sandbox.judging import Test
from heldout.tasks.asserts import parsed, test_of
from heldout.tasks.problem import Problem, Task
from heldout.tasks.rows import Row
from heldout.text import counted, sentence_list

_KEYS = {"id", "prompt", "entry_point", "tests", "split", "stub"}
_TRAIN, _VALIDATION = 0.8, 0.9  # where a hash in [0, 1) passes from one split to the next


def read(name: str, rows: Iterable[Row], split: str | None = None) -> Task:
    """Turn rows into a task.

    A row looks like this; ``split`` and ``stub`` may be missing::

        {"id": "double", "prompt": "Double a number.\\ndef double(x):\\n", "entry_point": "double",
         "tests": [{"args": [2], "expected": 4}, "double(-1) == -2"], "split": "train", "stub": "def double(x):\\n"}

    A test is an object or, for what JSON cannot write (tuples, sets, None as a key), a Python comparison of literals.
    Without ``stub`` the prompt is the stub if it is Python that ends inside the entry point; otherwise the completion
    is the whole program. Without ``split`` a hash of the prompt decides, 80 : 10 : 10, and a note says so.

    Parameters
    ----------
    name
        What the task is called.
    rows
        Objects with where they stand.
    split
        Puts every problem into this split, whatever the rows say.

    Raises
    ------
    TaskError
        When a row is not of this form, or an id occurs twice; the message names the file and the line.
    """
    problems: dict[str, Problem] = {}
    unknown: dict[str, int] = {}
    drawn = 0
    for row in rows:
        problem = _problem(row, split)
        if problem.id in problems:
            raise TaskError(f"{row.where}: the id {problem.id!r} occurs a second time; every problem needs its own.")
        problems[problem.id] = problem
        drawn += split is None and row.data.get("split") is None
        for key in row.data.keys() - _KEYS:
            unknown[key] = unknown.get(key, 0) + 1
    notes = []
    if drawn:
        notes.append(f"{counted(drawn, 'problem')} named no split; a hash of the prompt chose it, 80 : 10 : 10.")
    if unknown:
        notes.append(f"Not used: {sentence_list([f'{key!r} ({times} times)' for key, times in unknown.items()])}.")
    return Task(name, tuple(problems.values()), tuple(notes))


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
    return isinstance(final, ast.FunctionDef | ast.AsyncFunctionDef) and final.name == entry_point and bool(indent)


def _problem(row: Row, split: str | None) -> Problem:
    name, prompt, entry_point = row.text("id"), row.text("prompt"), row.text("entry_point")
    if not entry_point.isidentifier():
        raise TaskError(f"{row.where}: 'entry_point' is {entry_point!r}; it must be the name of a function.")
    tests = row.data.get("tests")
    if not isinstance(tests, list) or not tests:
        raise TaskError(f"{row.where}: 'tests' must be a list of at least one test.")
    stub = row.text("stub", prompt if continues(prompt, entry_point) else "")
    judged = tuple(_test(f"{row.where}, test {number}", test, entry_point) for number, test in enumerate(tests, 1))
    return Problem(name, prompt, entry_point, judged, split or row.split() or _hashed(prompt), stub)


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


def _hashed(prompt: str) -> str:
    digest = hashlib.sha256(prompt.encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    return "train" if place < _TRAIN else "validation" if place < _VALIDATION else "test"
