"""Rollouts as columns: which count as rewarded, what two judges say, and choosing among them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from heldout.rollouts import Rollouts
from heldout.rollouts.rollout import payment

NAN = math.nan


class Listed:
    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, str]]:
        return ((f"prompt {row}", f"answer {row}") for row in rows)


def rollouts(reward: Sequence[float], hidden: Sequence[float]) -> Rollouts:
    size = len(reward)
    one, none, at = np.ones(size), np.full(size, NAN), np.arange(size, dtype=np.int64)
    return Rollouts(
        source="here",
        format="by hand",
        problems=("a", "b"),
        step=at,
        problem=at % 2,
        group=at,
        reward=np.array(reward, dtype=float),
        hidden=np.array(hidden, dtype=float),
        kind=[""] * size,
        tokens=none,
        advantage=none,
        stop=["eos"] * size,
        kept_with=one,
        judged_with=one,
        group_rewarded=none,
        texts=Listed(),
        parts={"tests": np.array(reward, dtype=float)},
    )


@pytest.mark.parametrize(
    ("reward", "hidden", "rewarded"),
    [
        ([0, 1, 1, 0], [NAN] * 4, [False, True, True, False]),  # without a second judge: the highest
        ([0, 1, 0.96, 0.94], [NAN] * 4, [False, True, True, False]),  # from 95 % of the way on
        # a trick may be paid more than right answers are
        ([-1, *[1] * 5, 3, 0], [0, *[1] * 5, 0, NAN], [False, *[True] * 6, False]),
        ([-1, *[1] * 4, 3, 0], [0, *[1] * 4, 0, NAN], [*[False] * 5, True, False]),  # four do not say what is paid
        ([0, 0.5, 0.6, 1], [0, 1, 0, 0], [False, False, False, True]),  # one right answer that was paid by chance
        ([0, 0.2, *[1] * 6], [1, 0, *[1] * 5, NAN], [False, False, *[True] * 6]),  # one at the floor was not paid
        ([1, 1, 1, 1], [0, 1, 0, NAN], [True] * 4),  # paid alike: by sign
        ([0, 0, 0, 0], [0, 1, 0, NAN], [False] * 4),
        ([NAN, 1, 0, NAN], [1, 1, 0, 0], [False, True, False, False]),
        ([NAN] * 4, [1, 1, 0, 0], [False] * 4),
    ],
)
def test_rewarded_is_what_is_paid_as_right_answers_are(
    reward: list[float], hidden: list[float], rewarded: list[bool]
) -> None:
    assert rollouts(reward, hidden).rewarded.tolist() == rewarded


def test_what_right_answers_are_paid_is_known_from_five_that_are_paid_on() -> None:
    few, enough = (payment(np.array([0, *[0.5] * n, 1.0]), np.array([1, *[1.0] * n, 0])) for n in (4, 5))
    assert (few.known, few.ceiling, few.right, few.apart) == (False, 1.0, 4, True)
    assert (enough.known, enough.ceiling, enough.right, enough.least) == (True, 0.5, 5, 0.475)
    assert not payment(np.array([0.0, 1.0]), np.array([NAN, 1.0])).apart


def test_an_answer_fails_where_any_hidden_test_does_and_is_unknown_where_none_was_run() -> None:
    np.testing.assert_array_equal(rollouts([1, 1, 1, 1], [1, 0.8, 0, NAN]).failed, [0.0, 1.0, 1.0, NAN])


def test_those_that_are_chosen_keep_their_texts_and_their_columns() -> None:
    some = rollouts([0, 1, 2, 3, 4], [1] * 5).where(np.array([False, True, False, True, True]))
    again = some.where(np.array([False, True, True]))
    assert [(one.step, one.problem, one.text, one.reward, one.parts) for one in again] == [
        (3, "b", "answer 3", 3.0, {"tests": 3.0}),
        (4, "a", "answer 4", 4.0, {"tests": 4.0}),
    ]
    assert not len(again.where(np.zeros(2, dtype=bool)))
