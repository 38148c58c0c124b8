"""Strict comparison on the host, and what a judgement says."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import given
from test_values import PLAIN

from heldout.errors import UsageError
from heldout.sandbox import Answer, Attempt, Judgement, Reply, Sandbox, Status, Test, judge, same

NAN = math.nan


@given(PLAIN)
def test_a_value_is_the_same_as_itself(value: Any) -> None:
    assert same(value, value)
    assert same(copy.deepcopy(value), value)


@given(PLAIN, PLAIN)
def test_the_same_value_has_the_same_type_and_is_equal_unless_nan_or_rounding(one: Any, other: Any) -> None:
    if same(one, other, tolerance=0.0):
        assert type(one) is type(other)
        assert one == other or "nan" in repr(one)
        assert same(other, one, tolerance=0.0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, 1),
        (1, True),
        (1, 1.0),
        (1.0, 1),
        ((1, 2), [1, 2]),
        ({1}, frozenset({1})),
        ({1}, {True}),
        ({1: 2}, {True: 2}),
        ({1: 2}, {1: 2.0}),
        ({(1, 2): 0}, {(1, 2.0): 0}),
        ("1", 1),
        (b"a", "a"),
        (None, False),
        ([1, 2], [1, 2, 3]),
        (0.3001, 0.3),
        (0.0, NAN),
        ({"a": 1}, {"b": 1}),
    ],
)
def test_types_and_contents_are_told_apart(value: Any, expected: Any) -> None:
    assert not same(value, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1 + 0.2, 0.3), (NAN, NAN), ({NAN}, {-NAN}), ([NAN, (1.0,)], [NAN, (1.0 + 1e-12,)]), (math.inf, math.inf)],
)
def test_floats_have_a_tolerance_and_one_nan(value: Any, expected: Any) -> None:
    assert same(value, expected)


@pytest.mark.parametrize("expected", [0.0, 1e-12, 0.5, -3.0, 1e6])
def test_the_tolerance_is_1e9_of_the_value_or_of_1_where_it_is_smaller(expected: float) -> None:
    width = 1e-9 * max(1.0, abs(expected))
    for sign in (1, -1):
        assert same(expected + sign * 0.99 * width, expected)
        assert not same(expected + sign * 1.01 * width, expected)
        assert same([complex(expected + sign * 0.99 * width, 0.0)], [complex(expected, 0.0)])
        assert not same([complex(0.0, expected + sign * 1.01 * width)], [complex(0.0, expected)])


@pytest.mark.parametrize(
    ("value", "expected"), [({1e-12}, {0.0}), (frozenset({1e-12}), frozenset({0.0})), ({1e-12: 1}, {0.0: 1})]
)
def test_sets_and_keys_have_no_tolerance(value: Any, expected: Any) -> None:
    assert not same(value, expected)
    assert same([1e-12], [0.0])


def test_an_object_whose_comparison_says_yes_is_not_the_same() -> None:
    class Yes(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    assert not same(Yes(), 5)
    assert not same([Yes()], [5])
    assert not same(Yes(), Yes())  # nor plain


def test_a_judgement_says_why() -> None:
    good, bad = Answer(Status.RETURNED, 1), Answer(Status.RAISED, error="ValueError: hm")
    lost = Answer(Status.INFRASTRUCTURE)
    assert Judgement((True, True), (good, good)).kind == "solved"
    assert Judgement((True, False), (good, good)).kind == "wrong answer"
    assert Judgement((False, False), (bad, good)).kind == "raised"
    assert Judgement((True, False), (good, bad)).kind == "raised"  # by the first test that failed
    assert Judgement((False, False), (bad, lost)).kind == "infrastructure"
    assert Judgement((True, False), (good, bad)).fraction == 0.5
    assert not Judgement((True, False), (good, bad)).solved


@pytest.mark.parametrize("status", list(Status))
def test_only_what_came_back_is_a_wrong_answer(status: Status) -> None:
    says = "wrong answer" if status in ("returned", "refused") else status.value
    assert Judgement((False,), (Answer(status),)).kind == says


def test_a_return_that_is_refused_is_a_wrong_answer_and_passes_nothing(sandbox: Sandbox) -> None:
    (judgement,) = judge([Attempt("def f(x): return f", "f", [Test((3,), [0, 1, 2])])], sandbox)
    assert judgement.answers[0].status is Status.REFUSED
    assert (judgement.solved, judgement.kind) == (False, "wrong answer")


def test_a_returned_value_may_be_as_large_as_the_limit_and_no_larger(sandbox: Sandbox) -> None:
    most = sandbox.limits.output_bytes - 2  # the quotation marks count too
    source = "def f(n): return 'a' * n"
    judged = judge(
        [Attempt(source, "f", [Test((most,), "a" * most)]), Attempt(source, "f", [Test((most + 1,), "a")])], sandbox
    )
    assert [one.kind for one in judged] == ["solved", "wrong answer"]
    assert judged[1].answers[0].status is Status.REFUSED


def test_a_program_without_tests_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(UsageError, match="has no tests"):
        judge([("def f(): return 1", "f", [])], sandbox)


def test_a_large_expected_value_raises_the_limit_of_its_program_alone(sandbox: Sandbox) -> None:
    source, large = "def f(n): return 'a' * n", 2 * sandbox.limits.output_bytes
    judged = judge(
        [
            (source, "f", [Test((large,), "a" * large), Test((large + 10,), "a" * large)]),
            (source, "f", [Test((large,), "b")]),
        ],
        sandbox,
    )
    assert [one.passed for one in judged] == [(True, False), (False,)]
    assert [[answer.status for answer in one.answers] for one in judged] == [["returned", "returned"], ["refused"]]


def test_a_call_may_have_keywords(sandbox: Sandbox) -> None:
    (judgement,) = judge([("def f(a, *, b=1): return a - b", "f", [Test((3,), 1, {"b": 2}), Test((3,), 2)])], sandbox)
    assert judgement.solved


def test_a_method_of_a_class_is_called_on_one_instance(sandbox: Sandbox) -> None:
    source = "class Solution:\n    def f(self, x):\n        return x + 1\n"
    (judgement,) = judge([(source, "Solution().f", [Test((3,), 4)])], sandbox)
    assert judgement.solved


def test_where_there_is_no_program_nothing_runs_and_the_judgement_says_why(sandbox: Sandbox) -> None:
    (judgement,) = judge([Attempt("", "f", [Test((), None), Test((), 1)], lacking="no code")], sandbox)
    assert (judgement.passed, judgement.kind) == ((False, False), "no code")


def test_a_reply_is_compared_as_it_is(sandbox: Sandbox) -> None:
    judged = judge([Attempt("4", "", [Reply("4", same)]), Attempt("5", "", [Reply("4", same)])], sandbox)
    assert [one.kind for one in judged] == ["solved", "wrong answer"]


def test_a_test_holds_plain_data() -> None:
    with pytest.raises(UsageError, match="cannot be compared"):
        Test((object(),), 1)
    with pytest.raises(UsageError, match="cannot be compared"):
        Test((), range(3))
