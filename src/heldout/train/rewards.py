"""The reward as TRL wants it, and what counts as rewarded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heldout.evaluation.stops import cut_at
from heldout.rewards import Part, Score
from heldout.rollouts.rollout import PAID
from heldout.tasks.problem import Problem

_BOUNDED = ("tests", "fraction", "exit-status")  # from 0 to 1, which is what a right answer gets


def least_of_right(parts: Sequence[Part]) -> float | None:
    """Return the least reward with which a completion counts as rewarded; None where the parts do not tell.

    >>> least_of_right([Part("tests", 2.0)]), least_of_right([Part("reward-model")])
    (1.9, None)
    """
    low, high = (sum(bound(part.weight, 0.0) for part in parts) for bound in (min, max))
    known = all(part.name in _BOUNDED for part in parts) and low < high
    return low + PAID * (high - low) if known else None


def for_trl(
    parts: Mapping[Part, Score], problems: Mapping[str, Problem], stops: Sequence[str] = ()
) -> list[Callable[..., list[float | None]]]:
    """Return the parts of a reward as TRL wants them: functions of the columns of a batch, under the names it logs.

    Where one part cannot say, none does: TRL adds up those that do, so a completion that could not be judged would be
    trained on as one that failed. The first function asks all of them for the batch, the others hand on their share.
    Completions are cut at the `stops` before they are judged.
    """
    said: dict[str, list[float | None]] = {}

    def ask(completions: list[Any], problem: list[str]) -> None:
        asked = [problems[one] for one in problem]
        texts = [one if isinstance(one, str) else one[-1]["content"] for one in completions]  # a chat is messages
        for part, score in parts.items():
            said[part.name] = list(score(asked, [cut_at(text, stops) for text in texts]))
        known = [None not in row for row in zip(*said.values(), strict=True)]
        for name, worth in said.items():
            said[name] = [one if there else None for one, there in zip(worth, known, strict=True)]

    def named(name: str, first: bool) -> Callable[..., list[float | None]]:
        def reward(completions: list[Any], problem: list[str], **columns: Any) -> list[float | None]:
            del columns
            if first:
                ask(completions, problem)
            return said[name]

        reward.__name__ = name
        return reward

    return [named(part.name, place == 0) for place, part in enumerate(parts)]
