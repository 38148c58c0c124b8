"""Evaluations that repeat to the last digit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from heldout.detectors.base import Block, Points
from heldout.detectors.denominator import explains
from heldout.detectors.repeated import RepeatedEvaluation
from heldout.findings import Finding
from heldout.run import Evaluation


def found(values: Sequence[float]) -> list[Finding]:
    points = Points(10 * np.arange(len(values)), np.array(values, dtype=float))
    return RepeatedEvaluation().update(Block({"held_out": points}))


def test_three_equal_scores_of_many_problems_are_found() -> None:
    (finding,) = found([0.41243971, 0.39981273, 0.43745261561789, 0.43745261561789, 0.43745261561789, 0.44])
    assert (finding.steps, finding.step) == ((20, 40), 40)
    assert "3 evaluations in a row" in finding.seen


def test_two_equal_scores_are_quiet() -> None:
    assert found([0.412412412, 0.43745261561789, 0.43745261561789, 0.44]) == []


def test_few_problems_tie_by_chance() -> None:
    assert found([0.45, 0.5, 0.5, 0.5, 0.55]) == []
    assert found([k / 128 for k in (40, 41, 44, 44, 44, 43)]) == []


def test_many_ties_of_few_problems_are_found() -> None:
    assert len(found([k / 128 for k in (40, 41, *[44] * 12, 43)])) == 1


def test_scores_at_a_bound_are_left_alone() -> None:
    assert found([0.0] * 20) == found([1.0] * 20) == found([500.0] * 20) == []


@pytest.mark.parametrize(
    ("problems", "before", "variance"),
    [
        (1999, 0, 0.4 * 1999 * 1000 * 999 / 1999**2),  # paired: 0.4 of the binomial variance
        (1999, 60, 0.4 * 1999 * 1000 * 999 / 1999**2),
        (2001, 0, 1e4),  # more than 2000 problems are not looked for
    ],
)
def test_streaks_by_chance_are_those_of_normal_differences_on_the_grid_of_problems(
    problems: int, before: int, variance: float
) -> None:
    values = [1 / problems, *(k / problems for k in range(900, 900 + before)), *[1000 / problems] * 3]
    points = Points(np.arange(len(values)), np.array(values))
    (finding,) = RepeatedEvaluation(alpha=0.05).update(Block({"held_out": points}))
    # the density of two normal differences of that variance, both zero, times the evaluations, of which 40 are expected
    density = 1.0 / (2.0 * math.pi * variance * math.sqrt(3.0))
    assert finding.evidence["expected_by_chance"] == pytest.approx(max(40, len(values)) * density)


@pytest.mark.parametrize(
    ("problems", "value", "explained"),
    [
        (30, 11 / 30, True),
        (30, float(np.float32(11 / 30)), True),
        (30, 11 / 30 + 2.9e-8, True),  # single precision
        (30, 11 / 30 + 3.2e-8, False),
        (30, 0.367, True),  # rounded to three digits
        (30, 0.366, False),
        (30, 36.67, True),
        (30, 36.6, False),
        (30, 0.36667, True),
        (30, 100.0, True),
        (3, 1.0, True),
        (7, 0.5, False),
    ],
)
def test_a_score_is_explained_within_its_rounding(problems: int, value: float, explained: bool) -> None:
    assert explains(problems, value) is explained


@pytest.mark.parametrize(
    ("value", "quiet"),
    [(0.43745261561789, False), (43.745261561789, False), (437.5, False), (437.0, True), (100.0, True)],
)
def test_a_percentage_and_an_odd_score_repeat_and_whole_ones_rest(value: float, quiet: bool) -> None:
    assert (found([0.412412412, *[value] * 4]) == []) is quiet


def test_a_streak_is_told_once_and_the_next_one_again() -> None:
    one, two = 0.43745261561789, 0.41243971561789
    found_twice = found([0.39981273, 0.41199127, *[one] * 5, two, two, *[one] * 3])
    assert [finding.steps for finding in found_twice] == [(20, 40), (90, 110)]


def scored(values: Sequence[float]) -> list[Finding]:
    """What is found in a plain score, such as a return."""
    points = Points(10 * np.arange(len(values)), np.array(values, dtype=float))
    evaluations = [Evaluation(10 * place, float(value), share=False) for place, value in enumerate(values)]
    return RepeatedEvaluation().update(Block({"held_out": points}, {}, evaluations))


def test_a_plain_score_is_no_share_of_so_many_answers() -> None:
    spread = [31.5, 42.25, 28.75, 36.5, 44.25, 30.75]
    assert found([*spread, 37.25, 37.25, 37.25]) == []  # of 400 answers in percent two such ties happen
    (finding,) = scored([*spread, 37.25, 37.25, 37.25])
    assert finding.seen == "3 evaluations in a row, at steps 60 to 80, gave exactly 37.25."
    assert scored([*[value - 900 for value in spread], -862.75, -862.75, -862.75])[0].steps == (60, 80)


def test_a_plain_score_that_scatters_by_its_last_digit_ties_by_chance() -> None:
    near = [0.52, 0.53, 0.51, 0.52, 0.51, 0.53, 0.52]
    assert scored([*near, 0.51, 0.51, 0.51, 0.52]) == []
    assert len(scored([*near, *[0.51] * 30])) == 1


def test_the_noise_of_a_plain_score_of_few_digits_is_not_known_from_few_of_them() -> None:
    assert scored([31.5, 42.5, 37.5, 37.5, 37.5]) == []
    assert len(scored([31.5172931, 42.5172932, 37.5172933, 37.5172933, 37.5172933])) == 1


@pytest.mark.parametrize("value", [0.0, 1.0, 200.0, -21.0])
def test_whole_plain_scores_may_rest_at_a_bound(value: float) -> None:
    assert scored([31.53, 42.25, 28.75, 36.5, 44.25, 30.75, *[value] * 9]) == []
