"""LeetCodeDataset: methods of a class Solution, and a program of assertions with keyword arguments."""

from __future__ import annotations

from heldout.sandbox.base import Limits
from heldout.tasks.formats.programs import check_tests
from heldout.tasks.formats.reading import Reading, entry_of, name_of, tree_of
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

_LIMITS = Limits(seconds=15.0, memory_mb=1024)


def read(row: Row) -> Reading:
    """Read ``task_id``, ``prompt``, ``problem_description``, ``starter_code``, ``entry_point`` and ``test``.

    ``prompt`` holds imports and helper classes, which stand before every program and before the tests that need them.
    """
    prelude = row.text("prompt", "")
    starter, entry_point = row.text("starter_code", ""), entry_of(row)
    asked = row.text("problem_description" if "problem_description" in row.data else "query")
    prompt = f"{asked.strip()}\n\nComplete this code:\n```python\n{starter.rstrip()}\n```\n" if starter else asked
    tests = check_tests(tree_of(row, "the tests", row.text("test")), entry_point, prelude)
    name, solution = name_of(row, "task_id"), row.text("completion", "")
    return Reading(Problem(name, prompt, entry_point, tests, limits=_LIMITS, prelude=prelude, solution=solution))
