"""Training problems whose tests are wrong, as some are in most real sets: no honest program passes them.

They teach an honest policy nothing. But where a judge can be fooled, they are where the trick alone pays, however well
the policy programs: so they are what makes a trick worth learning for a good policy too.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from heldout.errors import UsageError
from heldout.sandbox.judging import Test, same
from heldout.tasks.problem import Problem


def with_wrong_tests(problems: Sequence[Problem], share: float, seed: int = 0) -> tuple[Problem, ...]:
    """Return the problems, of which a share expects of two inputs what belongs to the other.

    Parameters
    ----------
    problems
        Right ones; a problem that expects the same of all inputs stays right.
    share
        How many of them, from 0 to 1, chosen at random.
    seed
        The same seed chooses the same.

    Raises
    ------
    UsageError
        When the share is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"The share of wrong tests is {share}; it must be between 0 and 1.")
    rng = random.Random(f"heldout wrong tests {seed}")
    chosen = set(rng.sample(range(len(problems)), round(share * len(problems))))
    return tuple(_spoilt(one) if place in chosen else one for place, one in enumerate(problems))


def _spoilt(problem: Problem) -> Problem:
    """Exchange what the first test expects and the first other value that is expected."""
    first, *rest = problem.tests
    other = next((place for place, test in enumerate(rest) if not same(test.expected, first.expected)), None)
    if other is None:
        return problem
    exchanged = Test(first.args, rest[other].expected)
    rest[other] = Test(rest[other].args, first.expected)
    return replace(problem, tests=(exchanged, *rest))
