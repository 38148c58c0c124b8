"""Reward functions that are listened to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heldout.callbacks.rollouts import Rollouts


def length(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
    return [float(len(one)) for one in completions]


async def vowels(prompts: list[str], completions: list[str], **_: Any) -> list[float | None]:
    return [None if one == "x" else float(sum(letter in "aeiou" for letter in one)) for one in completions]


def test_two_rewards_over_two_batches_make_one_row_a_completion() -> None:
    rollouts = Rollouts()
    first, second = (rollouts.listening(one, lambda: True) for one in (length, vowels))
    assert (first.__name__, second.__name__) == ("length", "vowels")  # TRL names its metrics after them
    assert asyncio.iscoroutinefunction(second)
    for texts in (["abc", "x"], ["io"]):
        prompts = ["p"] * len(texts)
        assert first(prompts=prompts, completions=texts) == length(prompts, texts)
        asyncio.run(second(prompts=prompts, completions=texts))
    assert rollouts.take() == [
        {"prompt": "p", "text": "abc", "reward/length": 3.0, "reward/vowels": 1.0},
        {"prompt": "p", "text": "x", "reward/length": 1.0, "reward/vowels": None},
        {"prompt": "p", "text": "io", "reward/length": 2.0, "reward/vowels": 2.0},
    ]
    assert rollouts.take() == []


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.lists(st.none() | st.floats() | st.integers(-(2**60), 2**60), min_size=1, max_size=5), max_size=4))
def test_the_trainer_gets_the_very_scores_of_the_reward_in_its_order(batches: list[list[float | None]]) -> None:
    """Of several batches and parts; scores may be None, NaN or whole numbers, functions asynchronous."""
    given_back = iter([scores for scores in batches for _ in range(2)])

    def part(prompts: list[str], completions: list[str]) -> list[float | None]:
        return next(given_back)

    async def later(prompts: list[str], completions: list[str]) -> list[float | None]:
        return next(given_back)

    rollouts = Rollouts()
    now, awaited = (rollouts.listening(one, lambda: True) for one in (part, later))
    for scores in batches:
        texts, before = [f"{index}" for index in range(len(scores))], repr(scores)
        assert now(prompts=texts, completions=texts) is scores
        assert asyncio.run(awaited(prompts=texts, completions=texts)) is scores
        assert repr(scores) == before
    every = [score if score is None else float(score) for scores in batches for score in scores]
    rows = [(row["reward/part"], row["reward/later"]) for row in rollouts.take()]
    assert repr(rows) == repr(list(zip(every, every, strict=True)))  # NaN as well


def test_what_is_not_wanted_is_not_kept_and_a_conversation_becomes_text() -> None:
    rollouts, wanted = Rollouts(), [False]
    reward = rollouts.listening(length, lambda: wanted[0])
    reward(["p"], ["abc"])
    assert rollouts.take() == []
    wanted[0] = True
    reward([[{"role": "user", "content": "p"}]], [[{"role": "assistant", "content": "abc"}]])
    assert rollouts.take() == [{"prompt": "p", "text": "abc", "reward/length": 1.0}]


def test_an_error_of_the_reward_is_the_rewards_own() -> None:
    def broken(prompts: list[str], completions: list[str]) -> list[float]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Rollouts().listening(broken, lambda: True)(["p"], ["c"])
