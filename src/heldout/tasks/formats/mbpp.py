"""MBPP: a text that says what to program, and assertions that say how the function is called."""

from __future__ import annotations

import ast

from heldout.errors import TaskError
from heldout.tasks.asserts import parsed, read_assertions
from heldout.tasks.formats.reading import Reading, name_of, texts
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row


def read(row: Row) -> Reading:
    """Read ``task_id``, ``text`` or ``prompt``, ``code`` and ``test_list``; the program is the completion alone.

    The function's name and arguments, which the text does not tell, are taken from ``code`` and added to the prompt;
    the assertions are not, for they are what is hidden.
    """
    lines = texts(row, "test_list", "assertions")
    text = row.text("text" if "text" in row.data else "prompt")
    tests = "\n".join(lines)
    function = _tested(row, tests)
    found = read_assertions(tests, function.name)
    prompt = f"{text.rstrip()}\nThe function is {function.name}({ast.unparse(function.args)}).\n"
    return Reading(Problem(name_of(row, "task_id"), prompt, function.name, tuple(found.tests)), tuple(found.left_out))


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
