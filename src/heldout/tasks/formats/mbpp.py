"""MBPP: a text that says what to program, and assertions that say how the function is called."""

from __future__ import annotations

import ast

from heldout.errors import TaskError
from heldout.tasks.asserts import parsed
from heldout.tasks.formats.programs import assert_tests
from heldout.tasks.formats.reading import Reading, name_of, texts, tree_of
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row


def read(row: Row) -> Reading:
    """Read ``task_id``, ``text`` or ``prompt``, ``code`` and ``test_list``; the program is the completion alone.

    The function's name and arguments, which the text does not tell, are taken from ``code`` and added to the prompt;
    the assertions are not, for they are what is hidden. What the assertions need (``test_imports``,
    ``test_setup_code``) stands before them.
    """
    lines = texts(row, "test_list", "assertions")
    setup = [*texts(row, "test_imports"), row.text("test_setup_code", "")]
    code = row.text("code")
    function = tested(row, code, lines)
    tests = assert_tests(tree_of(row, "the tests", "\n".join([*setup, *lines])).body, function.name)
    prompt = prompt_of(row, function)
    return Reading(Problem(name_of(row, "task_id"), prompt, function.name, tests, solution=code))


def prompt_of(row: Row, function: ast.FunctionDef) -> str:
    """Return the text of a row, with what the tests need to know."""
    text = row.text("text" if "text" in row.data else "prompt")
    return f"{text.rstrip()}\nThe function is {function.name}({ast.unparse(function.args)}).\n"


def tested(row: Row, code: str, lines: list[str]) -> ast.FunctionDef:
    """Find the function of the reference solution that the assertions call."""
    try:
        defined = {node.name: node for node in parsed(code).body if isinstance(node, ast.FunctionDef)}
        calls = [node.func for node in ast.walk(parsed("\n".join(lines))) if isinstance(node, ast.Call)]
    except SyntaxError as error:
        raise TaskError(f"{row.where}: 'code' or 'test_list' is no Python ({error.msg}).") from None
    for called in calls:
        if isinstance(called, ast.Name) and called.id in defined:
            return defined[called.id]
    raise TaskError(f"{row.where}: no assertion calls a function that 'code' defines.")
