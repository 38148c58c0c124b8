"""Evaluations that repeat to the last digit."""

import numpy as np

from heldout.detectors.base import Block, Points
from heldout.detectors.repeated import RepeatedEvaluation


def found(values):
    points = Points(10 * np.arange(len(values)), np.array(values, dtype=float))
    return RepeatedEvaluation().update(Block({"held_out": points}))


def test_three_equal_scores_of_many_problems_are_found():
    (finding,) = found([0.41243971, 0.39981273, 0.43745261561789, 0.43745261561789, 0.43745261561789, 0.44])
    assert (finding.steps, finding.step) == ((20, 40), 40)
    assert "3 evaluations in a row" in finding.seen


def test_two_equal_scores_are_quiet():
    assert found([0.412412412, 0.43745261561789, 0.43745261561789, 0.44]) == []


def test_few_problems_tie_by_chance():
    assert found([0.45, 0.5, 0.5, 0.5, 0.55]) == []
    assert found([k / 128 for k in (40, 41, 44, 44, 44, 43)]) == []


def test_many_ties_of_few_problems_are_found():
    assert len(found([k / 128 for k in (40, 41, *[44] * 12, 43)])) == 1


def test_scores_at_a_bound_are_left_alone():
    assert found([0.0] * 20) == found([1.0] * 20) == found([500.0] * 20) == []
