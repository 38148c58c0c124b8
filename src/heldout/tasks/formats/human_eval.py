"""HumanEval: a prompt that is the beginning of the program, and a program of assertions about ``candidate``."""

from __future__ import annotations

from heldout.tasks.asserts import read_assertions
from heldout.tasks.formats.reading import Reading, name_of, tree_of
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row


def read(row: Row) -> Reading:
    """Read ``task_id``, ``prompt``, ``entry_point`` and ``test``; the program is the prompt and the completion."""
    prompt, test = row.text("prompt"), row.text("test")
    tree_of(row, "the tests", test)
    found = read_assertions(test, "candidate")
    problem = Problem(name_of(row, "task_id"), prompt, row.text("entry_point"), tuple(found.tests), stub=prompt)
    return Reading(problem, tuple(found.left_out))
