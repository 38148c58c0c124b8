"""HumanEval: a prompt that is the beginning of the program, and a program of assertions about ``candidate``."""

from __future__ import annotations

from heldout.tasks.formats.programs import check_tests
from heldout.tasks.formats.reading import Reading, entry_of, name_of, tree_of
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row


def read(row: Row) -> Reading:
    """Read ``task_id``, ``prompt``, ``entry_point``, ``test`` and, where it is there, ``canonical_solution``.

    The program is the prompt and the completion. HumanEval+ as the hub has it is of this form, too.
    """
    prompt, entry_point = row.text("prompt"), entry_of(row)
    tests = check_tests(tree_of(row, "the tests", row.text("test")), entry_point, prompt)
    solution = row.text("canonical_solution", "")
    return Reading(Problem(name_of(row, "task_id"), prompt, entry_point, tests, stub=prompt, solution=solution))
