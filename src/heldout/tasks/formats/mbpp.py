"""MBPP: a text that says what to program, and assertions that say how the function is called."""

from __future__ import annotations

import ast
from dataclasses import replace

from heldout.errors import TaskError
from heldout.tasks.asserts import parsed
from heldout.tasks.formats.programs import assert_tests
from heldout.tasks.formats.reading import Reading, name_of, texts, tree_of
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

PUBLISHED = (
    "The prompts are those that MBPP was published with, without examples before them: they show the assertions, so a "
    "program can pass by answering these alone."
)


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


def published(row: Row) -> Reading:
    """Read a row with the prompt of MBPP's authors, which shows the assertions of ``test_list``."""
    reading = read(row)
    return replace(reading, problem=replace(reading.problem, prompt=with_tests(row)))


def with_tests(row: Row) -> str:
    """Return the prompt that MBPP was published with, without examples before it. Source: arXiv 2108.07732."""
    shown = "\n".join(texts(row, "test_list", "assertions"))
    return (
        f"You are an expert Python programmer, and here is your task: {_text_of(row)} Your code should pass these "
        f"tests:\n\n{shown}\n[BEGIN]\n"
    )


def prompt_of(row: Row, function: ast.FunctionDef) -> str:
    """Return the text of a row, with what the tests need to know."""
    return f"{_text_of(row)}\nThe function is {function.name}({ast.unparse(function.args)}).\n"


def _text_of(row: Row) -> str:
    return row.text("text" if "text" in row.data else "prompt").rstrip()


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
