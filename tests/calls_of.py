"""The tests of a problem whose tests are all calls."""

from __future__ import annotations

from heldout.sandbox.hidden import Test
from heldout.tasks import Problem


def calls_of(problem: Problem) -> list[Test]:
    calls = [test for test in problem.tests if isinstance(test, Test)]
    assert len(calls) == len(problem.tests)
    return calls
