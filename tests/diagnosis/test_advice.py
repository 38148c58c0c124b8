"""What is advised beside a verdict, just below and just above what decides it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scores_told import rated, told

from heldout.detectors import falls_among
from heldout.detectors.grouping import pooled
from heldout.detectors.overoptimisation import OverOptimisation
from heldout.diagnosis.advice import advice_on
from heldout.findings import Estimate
from heldout.run import Evaluation, Outcomes

KEPT = Estimate(0, 0.5, 0.41, 0.59)


def advised(falls: OverOptimisation, visible: float | None = None) -> list[str]:
    return list(advice_on(falls, visible, KEPT))


@pytest.mark.parametrize(("visible", "said"), [(None, 0), (0.05, 0), (0.051, 1)])
def test_more_problems_are_advised_where_only_falls_above_five_points_show(visible: float | None, said: int) -> None:
    text = "Give the number of problems (--problems N): without it no fall of less than 5.1 points can be seen."
    assert advised(told(rated([0.5] * 20, None)), visible) == [text] * said
    text = (
        "With these evaluations no fall of less than 5.1 points can be seen. Spend on problems first: four times "
        "as many halve that."
    )
    assert advised(told(rated([0.5] * 20)), visible) == [text] * said


@pytest.mark.parametrize(("problems", "few"), [(199, True), (200, False), (None, False)])
def test_fewer_than_200_problems_are_few(problems: int | None, few: bool) -> None:
    text = (
        "199 problems are few; use 200 or more, the same ones at every evaluation; where there are no more, up to 7 "
        "samples of each help."
    )
    assert advised(told(rated([0.5] * 20, problems))) == ([text] if few else [])


@pytest.mark.parametrize(("problems", "samples", "lines"), [(199, 1.0, 1), (199, 1.5, 2), (200, 1.5, 0)])
def test_samples_of_few_problems_are_no_problems(problems: int, samples: float, lines: int) -> None:
    said = advised(told(rated([0.5] * 20, problems, samples)))
    assert len(said) == lines
    if lines == 2:
        assert said[1] == (
            "199 problems with 1.5 samples each: samples make the score of these problems precise, not the score of "
            "problems like them (41 to 59 %)."
        )


@pytest.mark.parametrize(("count", "few"), [(19, True), (20, False)])
def test_fewer_than_twenty_evaluations_are_few(count: int, few: bool) -> None:
    assert advised(told(rated([0.5] * count))) == (["19 evaluations are few; 20 to 40, evenly spaced, see most."] * few)


def test_rates_that_scatter_too_much_are_told_by_how_much() -> None:
    rates = np.tile([0.4, 0.6], 10)
    falls = told(rated(rates))
    scatter = falls.evidence.excess_scatter()
    assert scatter is not None
    (text,) = advised(falls)
    assert text == (
        f"The rates scatter {math.sqrt(scatter):.1f} times as much as 1000 problems can: are they the same problems at "
        "every evaluation, and is their number right?"
    )


def outcomes(step: int, first: int = 0, missing: int = 0, seed: int | None = None) -> Evaluation:
    """An evaluation of 60 problems from number `first` on, of which the last ones may be missing."""
    solved = np.random.default_rng(step if seed is None else seed).integers(0, 2, 60 - missing)
    names = tuple(f"p{first + place}" for place in range(60 - missing))
    return Evaluation.of(step, Outcomes(names, solved.astype(float), np.ones(60 - missing, dtype=np.int64)))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], []),
        (
            [outcomes(step, first=1000) for step in range(5, 10)],
            ["The problems changed 1 time so much that evaluations before and after cannot be compared; keep the same "
             "ones."],
        ),
        (
            [outcomes(5, missing=2)],
            ["2 outcomes were missing and stand in by their expectation; record failures as 0."],
        ),
        (
            [outcomes(5, seed=4)],
            ["1 evaluation repeated the one before problem by problem and were passed over: see that evaluations are "
             "not cached and load the current checkpoint."],
        ),
    ],
)  # fmt: skip
def test_what_is_odd_about_single_outcomes_is_told_with_its_count(more: list[Evaluation], said: list[str]) -> None:
    lines = advised(told([*(outcomes(step) for step in range(5)), *more]))
    assert [line for line in lines if "are few" not in line] == said


def test_evaluations_in_groups_are_told() -> None:
    assert advised(told(rated([0.5] * 40), group=2)) == [
        "Evaluations were averaged in groups of 2 for the verdict; fewer and larger ones cost less."
    ]
    assert falls_among(40).group == 1
    assert pooled(rated([0.2, 0.4])).rate == pytest.approx(0.3)
