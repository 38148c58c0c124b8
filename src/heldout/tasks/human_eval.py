"""Tasks in the formats of HumanEval and MBPP, whose tests are assertions; they are parsed, never executed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from heldout.errors import TaskError
from heldout.tasks.asserts import Assertions, parsed, read_assertions
from heldout.tasks.problem import Problem, Task
from heldout.tasks.rows import Row
from heldout.text import counted, sentence_list

_SHOWN = 3  # assertions that a note quotes


class _Read(NamedTuple):
    problem: Problem
    left_out: list[str]


def read(name: str, rows: Iterable[Row], split: str | None = None) -> Task:
    """Turn rows in the format of HumanEval or MBPP into a task.

    * HumanEval: ``task_id``, ``prompt``, ``entry_point``, ``test`` (a program that asserts about ``candidate``). The
      program to judge is the prompt and the completion.
    * MBPP: ``task_id``, ``text`` or ``prompt``, ``code``, ``test_list`` (assertions). The program is the completion
      alone. The function's name and arguments, which the text does not tell, are taken from ``code`` and added to the
      prompt; the assertions are not, for they are what is hidden.

    What `heldout.tasks.asserts` cannot read is left out and said in a note; a problem without any test left is
    dropped and named. These are benchmarks, so problems without a split are for testing.

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
    kept: dict[str, _Read] = {}
    dropped: list[str] = []
    unnamed = 0
    for row in rows:
        one = _human_eval(row, split) if "test" in row.data else _mbpp(row, split)
        if one.problem.id in kept:
            raise TaskError(f"{row.where}: {one.problem.id!r} occurs a second time; every problem needs its own id.")
        unnamed += split is None and row.data.get("split") is None
        kept[one.problem.id] = one
        if not one.problem.tests:
            dropped.append(one.problem.id)
    problems = tuple(one.problem for one in kept.values() if one.problem.tests)
    notes = [*_left_out(kept), *_dropped(dropped)]
    if unnamed:
        notes.append(f"{counted(unnamed, 'problem')} named no split; as a benchmark they are all for testing.")
    return Task(name, problems, tuple(notes))


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


def _left_out(kept: dict[str, _Read]) -> Iterator[str]:
    lines = [(name, line) for name, one in kept.items() for line in one.left_out]
    if lines:
        names = sentence_list(list(dict.fromkeys(name for name, _ in lines)))
        quoted = sentence_list([f"`{line[:80]}{'…' * (len(line) > 80)}`" for _, line in lines[:_SHOWN]])
        yield (
            f"{counted(len(lines), 'assertion')} of a form that cannot be read as arguments and a value were left out, "
            f"such as {quoted}; of {names}."
        )


def _dropped(names: list[str]) -> Iterator[str]:
    if names:
        yield f"{counted(len(names), 'problem')} without any test that could be read dropped: {sentence_list(names)}."
