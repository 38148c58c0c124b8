"""MultiPL-E in Python: the beginning of a program, and a script with ``check(candidate)`` that calls itself."""

from __future__ import annotations

import ast

from heldout.errors import TaskError
from heldout.tasks.formats.programs import check_tests
from heldout.tasks.formats.reading import Reading, name_of, texts, tree_of
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row


def read(row: Row) -> Reading:
    """Read ``name``, ``language``, ``prompt``, ``tests``, ``stop_tokens``; the program is prompt and completion."""
    language, prompt = row.text("language"), row.text("prompt")
    if language not in ("py", "python"):
        raise TaskError(f"{row.where}: 'language' is {language!r}; only programs in py can be judged.")
    tree = tree_of(row, "the tests", row.text("tests"))
    function = _checked(tree)
    if not function:
        raise TaskError(f"{row.where}: the tests do not say which function is checked: check(…) is not called.")
    tests = check_tests(tree, function, prompt)
    stops = tuple(one for one in texts(row, "stop_tokens") if one)
    return Reading(Problem(name_of(row, "name"), prompt, function, tests, stub=prompt, stops=stops))


def _checked(tree: ast.Module) -> str:
    """Return the name that ``check`` is called with."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="check"), args=[ast.Name(id=name)]):
                return name
    return ""
