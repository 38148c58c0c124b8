"""AceCode: questions and assertions that a model wrote; the function's name stands in both."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from typing import Any

from heldout.tasks.asserts import parsed
from heldout.tasks.formats.programs import assert_tests
from heldout.tasks.formats.reading import Reading, name_of, texts
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

RULE = "AceCode: each assertion holds or not, as in Python; its tests were imagined by a model."


def read(row: Row) -> Reading:
    """Read ``id``, ``question``, ``test_cases``, and of ``inferences`` one that passed all of them, as the solution."""
    name, question = name_of(row, "id"), row.text("question")
    lines = texts(row, "test_cases", "assertions")
    broken = tuple(line for line in lines if not _parses(line))
    body = [statement for line in lines if line not in broken for statement in parsed(line).body]
    function = called(body)
    problem = Problem(name, question, function, (), solution=_passing(row.data.get("inferences")))
    if not function:
        return Reading(problem, broken, "its assertions call no function of the program")
    tests = assert_tests(body, function)
    problem = Problem(name, question, function, tests, solution=problem.solution)
    return Reading(problem, broken, "they are no Python" if broken else "")


def called(body: list[ast.stmt]) -> str:
    """Return the function that most statements call and Python does not have; empty where there is none.

    >>> called(parsed("assert sorted(inc(1)) == [2]\\nassert inc(helper(2)) == 3").body)
    'inc'
    """
    defined = {one.name for one in body if isinstance(one, ast.FunctionDef | ast.ClassDef)}
    imported = {
        alias.asname or alias.name
        for one in body
        if isinstance(one, ast.Import | ast.ImportFrom)
        for alias in one.names
    }
    times: Counter[str] = Counter()
    for statement in body:
        calls = [node.func for node in ast.walk(statement) if isinstance(node, ast.Call)]
        times.update({call.id: 1 for call in calls if isinstance(call, ast.Name)})
    own = [name for name, _ in times.most_common() if not hasattr(builtins, name) and name not in defined | imported]
    return own[0] if own else ""


def _parses(line: str) -> bool:
    try:
        parsed(line)
    except SyntaxError:
        return False
    return True


def _passing(inferences: Any) -> str:
    if not isinstance(inferences, list):
        return ""
    right = (one for one in inferences if isinstance(one, dict) and one.get("pass_rate") == 1)
    return next((one["completion"] for one in right if isinstance(one.get("completion"), str)), "")
