"""BigCodeBench: a function that uses libraries, and a file of unittest."""

from __future__ import annotations

from heldout.sandbox.base import Limits
from heldout.tasks.formats.programs import unittest_tests
from heldout.tasks.formats.reading import Reading, entry_of, name_of, tree_of
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

RULE = (
    "BigCodeBench: test cases of unittest run in another process than the program; those that patch it, look into it "
    "or share files with it are not judged."
)
_LIMITS = Limits(seconds=30.0, memory_mb=2048)


def read(row: Row) -> Reading:
    """Read ``task_id``, ``complete_prompt`` (``code_prompt``), ``entry_point``, ``test``, ``canonical_solution``."""
    stub = row.text("complete_prompt" if row.data.get("complete_prompt") else "code_prompt")
    tests, unjudged = unittest_tests(tree_of(row, "the tests", row.text("test")))
    problem = Problem(
        name_of(row, "task_id"),
        stub,
        entry_of(row),
        tests,
        stub=stub,
        limits=_LIMITS,
        solution=row.text("canonical_solution", ""),
    )
    return Reading(problem, tuple(unjudged), "they patch or look into the program, or share files with it")
