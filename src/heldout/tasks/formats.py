"""Rows as problems: heldout's own format, and those of HumanEval and MBPP, whose tests are assertions.

Assertions are parsed, never executed. `read` looks at the first row to tell whose format it is.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from heldout.errors import TaskError
from heldout.sandbox.hidden import Test
from heldout.tasks.asserts import Assertions, parsed, read_assertions, test_of
from heldout.tasks.problem import Problem, Task
from heldout.tasks.rows import Row
from heldout.text import counted, sentence_list

_KEYS = {"id", "prompt", "entry_point", "tests", "split", "stub"}  # of heldout's own format
_TRAIN, _VALIDATION = 0.8, 0.9  # where a hash in [0, 1) passes from one split to the next
_SHOWN = 3  # assertions that a note quotes


class _Read(NamedTuple):
    problem: Problem
    left_out: Sequence[str] = ()  # assertions that could not be read


def read(name: str, rows: Sequence[Row], split: str | None = None) -> Task:
    """Turn rows into a task.

    * heldout's own format; ``split`` and ``stub`` may be missing::

        {"id": "double", "prompt": "Double a number.\\ndef double(x):\\n", "entry_point": "double",
         "tests": [{"args": [2], "expected": 4}, "double(-1) == -2"], "split": "train", "stub": "def double(x):\\n"}

      A test is an object or, for what JSON cannot write (tuples, sets, None as a key), a Python comparison of literals.
      Without ``stub`` the prompt is the stub if it is Python that ends inside the entry point; otherwise the completion
      is the whole program. Without ``split`` a hash of the prompt decides, 80 : 10 : 10, and a note says so.
    * HumanEval: ``task_id``, ``prompt``, ``entry_point``, ``test`` (a program that asserts about ``candidate``). The
      program to judge is the prompt and the completion.
    * MBPP: ``task_id``, ``text`` or ``prompt``, ``code``, ``test_list`` (assertions). The program is the completion
      alone. The function's name and arguments, which the text does not tell, are taken from ``code`` and added to the
      prompt; the assertions are not, for they are what is hidden.

    Of the two benchmarks, assertions that `heldout.tasks.asserts` cannot read are left out and said in a note, a
    problem without any test left is dropped and named, and problems without a split are for testing.

    There must be a row at least; `split` puts every problem into this split, whatever the rows say.

    Raises
    ------
    TaskError
        When a row is not of this form, or an id occurs twice; the message names the file and the line.
    """
    own = "tests" in rows[0].data
    if not own and rows[0].data.keys().isdisjoint(("test", "test_list")):
        raise TaskError(
            f"{rows[0].where}: there are no tests; the row has {sentence_list(sorted(rows[0].data))}, and needs "
            "'tests', or 'test' or 'test_list' as in HumanEval and MBPP (columns of other names can be mapped)."
        )
    found: dict[str, _Read] = {}
    for row in rows:
        one = _own(row, split) if own else _human_eval(row, split) if "test" in row.data else _mbpp(row, split)
        if one.problem.id in found:
            raise TaskError(
                f"{row.where}: the id {one.problem.id!r} occurs a second time; every problem needs its own."
            )
        found[one.problem.id] = one
    problems = tuple(one.problem for one in found.values() if one.problem.tests)
    notes = [*_left_out(found), *_dropped(found)]
    unnamed = 0 if split else sum(row.data.get("split") is None for row in rows)
    if unnamed:
        chosen = "a hash of the prompt chose it, 80 : 10 : 10" if own else "as a benchmark they are all for testing"
        notes.append(f"{counted(unnamed, 'problem')} named no split; {chosen}.")
    if own and (unknown := Counter(key for row in rows for key in row.data.keys() - _KEYS)):
        times = [f"{key!r} ({counted(count, 'time')})" for key, count in sorted(unknown.items())]
        notes.append(f"Not used: {sentence_list(times)}.")
    return Task(name, problems, tuple(notes), order=tuple(found))


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


def _own(row: Row, split: str | None) -> _Read:
    name, prompt, entry_point = row.text("id"), row.text("prompt"), row.text("entry_point")
    if not entry_point.isidentifier():
        raise TaskError(f"{row.where}: 'entry_point' is {entry_point!r}; it must be the name of a function.")
    tests = row.data.get("tests")
    if not isinstance(tests, list) or not tests:
        raise TaskError(f"{row.where}: 'tests' must be a list of at least one test.")
    stub = row.text("stub", prompt if continues(prompt, entry_point) else "")
    judged = tuple(_test(f"{row.where}, test {number}", test, entry_point) for number, test in enumerate(tests, 1))
    return _Read(Problem(name, prompt, entry_point, judged, split or row.split() or _hashed(prompt), stub))


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


def _human_eval(row: Row, split: str | None) -> _Read:
    prompt = row.text("prompt")
    found = _assertions(row, row.text("test"), "candidate")
    return _Read(_problem(row, prompt, row.text("entry_point"), found, split, stub=prompt), found.left_out)


def _mbpp(row: Row, split: str | None) -> _Read:
    lines = row.data.get("test_list")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise TaskError(f"{row.where}: 'test_list' must be a list of assertions.")
    text = row.text("text" if "text" in row.data else "prompt")
    tests = "\n".join(lines)
    function = _tested(row, tests)
    found = _assertions(row, tests, function.name)
    prompt = f"{text.rstrip()}\nThe function is {function.name}({ast.unparse(function.args)}).\n"
    return _Read(_problem(row, prompt, function.name, found, split, stub=""), found.left_out)


def _problem(row: Row, prompt: str, entry_point: str, found: Assertions, split: str | None, stub: str) -> Problem:
    name = row.data.get("task_id")
    if not isinstance(name, str | int):
        raise TaskError(f"{row.where}: 'task_id' is missing; every problem needs its own.")
    where = split or row.split() or "test"
    return Problem(str(name), prompt, entry_point, tuple(found.tests), where, stub)


def _assertions(row: Row, source: str, entry_point: str) -> Assertions:
    try:
        return read_assertions(source, entry_point)
    except SyntaxError as error:
        raise TaskError(f"{row.where}: the tests are no Python ({error.msg}, line {error.lineno} of them).") from None


def _tested(row: Row, tests: str) -> ast.FunctionDef:
    """Find the function of the reference solution that the assertions call."""
    try:
        defined = {node.name: node for node in parsed(row.text("code")).body if isinstance(node, ast.FunctionDef)}
        calls = [node.func for node in ast.walk(parsed(tests)) if isinstance(node, ast.Call)]
    except SyntaxError as error:
        raise TaskError(f"{row.where}: 'code' or 'test_list' is no Python ({error.msg}).") from None
    for called in calls:
        if isinstance(called, ast.Name) and called.id in defined:
            return defined[called.id]
    raise TaskError(f"{row.where}: no assertion calls a function that 'code' defines.")


def _left_out(found: dict[str, _Read]) -> Iterator[str]:
    lines = [(name, line) for name, one in found.items() for line in one.left_out]
    if lines:
        names = sentence_list(list(dict.fromkeys(name for name, _ in lines)))
        quoted = sentence_list([f"`{line[:80]}{'…' * (len(line) > 80)}`" for _, line in lines[:_SHOWN]])
        yield (
            f"{counted(len(lines), 'assertion')} of a form that cannot be read as arguments and a value were left out, "
            f"such as {quoted}; of {names}."
        )


def _dropped(found: dict[str, _Read]) -> Iterator[str]:
    names = [name for name, one in found.items() if not one.problem.tests]
    if names:
        yield f"{counted(len(names), 'problem')} without any test that could be read dropped: {sentence_list(names)}."
