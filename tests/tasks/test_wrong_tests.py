"""Wrong tests: as many as were asked for, and such that no program can pass that passes the right ones."""

from __future__ import annotations

import pytest

from heldout.errors import UsageError
from heldout.sandbox.judging import Test
from heldout.tasks import Problem
from heldout.tasks.embedded import embedded
from heldout.tasks.wrong_tests import with_wrong_tests


def test_a_share_of_the_problems_expects_something_wrong_of_two_inputs() -> None:
    right = embedded(train=40, validation=0, test=0).problems
    spoilt = with_wrong_tests(right, 0.25, seed=3)
    changed = [(one, other) for one, other in zip(right, spoilt, strict=True) if one != other]
    assert len(changed) == 10
    for one, other in changed:
        assert (one.id, one.prompt, one.split) == (other.id, other.prompt, other.split)
        assert [test.args for test in one.tests] == [test.args for test in other.tests]
        assert sorted(test.expected for test in one.tests) == sorted(test.expected for test in other.tests)
        wrong = [a.expected != b.expected for a, b in zip(one.tests, other.tests, strict=True)]
        assert wrong.count(True) == 2
    assert with_wrong_tests(right, 0.25, seed=3) == spoilt != with_wrong_tests(right, 0.25, seed=4)
    assert with_wrong_tests(right, 0.0) == right


def test_a_problem_that_expects_one_value_stays_right_also_where_only_its_type_differs() -> None:
    constant = Problem("one", "", "f", (Test((1,), 1), Test((2,), 1)))
    assert with_wrong_tests([constant], 1.0) == (constant,)
    typed = Problem("typed", "", "f", (Test((1,), 1), Test((2,), True)))
    (spoilt,) = with_wrong_tests([typed], 1.0)
    assert [test.expected is True for test in spoilt.tests] == [True, False]


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"is 1\.5; it must be between 0 and 1"):
        with_wrong_tests([], 1.5)
