"""A task whose tests are compared in another way than its set does it."""

from __future__ import annotations

from dataclasses import replace

from heldout.errors import UsageError
from heldout.sandbox.compare import COMPARISONS, Comparison, same
from heldout.sandbox.hidden import HiddenTest, StdinTest, Test
from heldout.sandbox.printed import Tokens, apps_cascade, decimal_lines, lines
from heldout.tasks.plain import Holds
from heldout.tasks.problem import Task
from heldout.text import counted, sentence_list


def compared_as(task: Task, name: str) -> Task:
    """Return the task with its tests compared by a name among `COMPARISONS`; with an empty name, the task itself.

    Comparisons of printed text are for tests on stdin, those of values for calls, and "strict" for both; other tests
    stay as they are, and so do assertions of more than that a value is another. A note says how many have changed.

    Raises
    ------
    UsageError
        When there is no such comparison, or no test that it is for.
    """
    if not name:
        return task
    if name not in COMPARISONS:
        raise UsageError(f"{name!r} is no comparison; take {sentence_list(list(COMPARISONS), 'or')}.")
    comparison = COMPARISONS[name]
    fitting = [_fits(test, comparison) for problem in task.problems for test in problem.tests]
    if not any(fitting):
        where = "stdin" if _is_of_text(comparison) else "calls"
        raise UsageError(f"The comparison {name!r} is for tests by {where}, and {task.name} has none.")
    problems = tuple(
        replace(problem, tests=tuple(_compared(test, comparison) for test in problem.tests))
        for problem in task.problems
    )
    note = f"{counted(sum(fitting), 'test')} compared as {name!r}, whatever the set does."
    return replace(task, problems=problems, notes=(*task.notes, note))


def _is_of_text(comparison: Comparison) -> bool:
    return isinstance(comparison, Tokens) or comparison in (lines, decimal_lines, apps_cascade)


def _fits(test: HiddenTest, comparison: Comparison) -> bool:
    if isinstance(test, Test) and isinstance(test.compare, Holds):
        return False  # its assertion says what is compared, and how
    kind = StdinTest if _is_of_text(comparison) else Test
    return isinstance(test, kind) or (comparison is same and isinstance(test, StdinTest))


def _compared(test: HiddenTest, comparison: Comparison) -> HiddenTest:
    if isinstance(test, Test | StdinTest) and _fits(test, comparison):
        return replace(test, compare=comparison)
    return test
