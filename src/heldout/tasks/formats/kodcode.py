"""KodCode: questions, solutions and files of pytest that a model wrote."""

from __future__ import annotations

import ast
from typing import Any

from heldout.errors import TaskError
from heldout.tasks.asserts import parsed
from heldout.tasks.formats.programs import pytest_tests
from heldout.tasks.formats.reading import Reading, name_of, tree_of
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

RULE = "KodCode: tests are functions of pytest; those that patch the program or share files with it are not judged."


def read(row: Row) -> Reading:
    """Read ``question_id``, ``question``, ``solution``, ``test`` (``test_code``) and, if there, ``test_info``."""
    question, solution = row.text("question"), row.text("solution")
    tree = tree_of(row, "the tests", row.text("test" if row.data.get("test") else "test_code"))
    declared = _declared(row.data.get("test_info"))
    name = declared.get("function_name") or _imported(tree)
    if not isinstance(name, str) or not name.isidentifier():
        raise TaskError(f"{row.where}: neither 'test_info' nor an import from solution says what is tested.")
    tests, unjudged = pytest_tests(tree, name, _is_class(solution, name))
    said = declared.get("function_declaration")
    prompt = f"{question.rstrip()}\n\nIt is called like this: {said.strip()}\n" if isinstance(said, str) else question
    return Reading(
        Problem(name_of(row, "question_id", "conversation_id", "id"), prompt, name, tests, solution=solution),
        tuple(unjudged),
        "they patch or look into the program, or share files with it" if unjudged else "",
    )


def _declared(info: Any) -> dict[str, Any]:
    first = info[0] if isinstance(info, list) and info else info
    return first if isinstance(first, dict) else {}


def _imported(tree: ast.Module) -> str:
    """Return the first name that the tests take from the program."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "solution" and node.names[0].name != "*":
            return node.names[0].name
    return ""


def _is_class(solution: str, name: str) -> bool:
    try:
        body = parsed(solution).body
    except SyntaxError:
        return False
    return any(isinstance(one, ast.ClassDef) and one.name == name for one in body)
