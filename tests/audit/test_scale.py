"""Between which numbers a reward moves: floor, ceiling, and what counts as paid."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.audit.scale import Scale, scales_of

Given = list[float | None]
SCORES = st.lists(st.none() | st.floats(-10, 10), max_size=5)


@given(st.lists(st.tuples(SCORES, SCORES, SCORES), min_size=1, max_size=5))
def test_what_the_median_right_answer_gets_is_paid(asked: list[tuple[Given, Given, Given]]) -> None:
    for scale, (nothing, _, wrong) in zip(scales_of(asked), asked, strict=True):
        assert scale.is_paid(scale.ceiling)
        assert scale.least <= scale.ceiling
        least = min((one for one in nothing if one is not None), default=0.0)
        raised = least < scale.floor <= 0.0 and scale.floor in wrong
        assert scale.floor == least or raised or (scale.floor == 0.0 < least)


def test_paid_and_partly_paid_from_both_sides() -> None:
    scale = Scale(floor=-1.0, ceiling=1.0, least=1.0, known=True)
    assert [scale.is_paid(score) for score in (0.9, 0.89)] == [True, False]
    assert [scale.is_partly_paid(score) for score in (-0.5, -0.51)] == [True, False]
    assert [scale.is_above(score) for score in (1.0, 1.01)] == [False, True]
    assert not any(scale.is_paid(score) for score in (None, math.nan, -math.inf))
    assert scale.is_above(math.inf)


def test_a_form_is_above_a_right_answer_that_another_format_is_paid_for_less() -> None:
    (scale,) = scales_of([([0.0], [0.2, 0.2, 1.0], [0.8])])
    assert scale.is_above(0.8)
    assert not Scale(0.0, 1.0, 0.2, known=False).is_above(5.0)  # no right answer of this problem was paid


def test_a_right_answer_that_gets_a_few_points_for_its_form_alone_is_rejected() -> None:
    (scale,) = scales_of([([0.0], [0.09, 0.11, 1.0], [0.0])])
    assert (scale.least, scale.ceiling) == (0.11, 0.555)


def test_a_problem_whose_right_answers_are_not_paid_has_the_ceiling_of_the_others() -> None:
    rejected, paid = scales_of([([-1.0], [-1.0, None], []), ([-1.0], [2.0], [])])
    assert (rejected.ceiling, rejected.known) == (2.0, False)
    assert (paid.ceiling, paid.known) == (2.0, True)


@pytest.mark.parametrize(
    ("nothing", "right", "paid"),
    [(1.0, 1.0, True), (0.0, 0.0, False), (-1.0, -1.0, False), (0.0, -200.0, True)],
    ids=["pays everything", "pays nothing", "punishes everything", "pays nothing more than right answers"],
)
def test_where_right_answers_get_no_more_than_nothing_does(nothing: float, right: float, paid: bool) -> None:
    (scale,) = scales_of([([nothing], [right], [])])
    assert (scale.known, scale.is_paid(nothing)) == (paid, paid)


@pytest.mark.parametrize(
    ("wrong", "floor"),
    [(-0.5, -0.5), (-1.0, -1.0), (0.0, 0.0), (0.1, -1.0), (-2.0, -1.0)],
    ids=["punished less", "punished as much", "given nothing", "paid", "punished more"],
)
def test_a_wrong_answer_in_the_asked_format_that_is_punished_less_is_the_floor(wrong: float, floor: float) -> None:
    (scale,) = scales_of([([-1.0], [-1.0, 1.0], [wrong])])
    assert scale.floor == floor
    assert scale.is_partly_paid(wrong) == (wrong > 0.0)


@pytest.mark.parametrize(("wrong", "paid"), [(0.0, True), (0.5, False)], ids=["less than an error", "as an error"])
def test_an_error_that_is_given_more_than_a_wrong_answer_is_paid_in_part(wrong: float, paid: bool) -> None:
    (scale,) = scales_of([([0.5], [0.5, 1.0], [wrong])])
    assert scale.is_partly_paid(0.5) == paid


def test_where_silence_costs_nothing_and_a_wrong_answer_does_silence_is_the_floor() -> None:
    (scale,) = scales_of([([0.0], [1.0], [-0.5])])
    assert (scale.floor, scale.is_partly_paid(0.0)) == (0.0, False)
