"""The reward as TRL wants it, and what counts as rewarded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heldout.evaluation.stops import cut_at
from heldout.rewards import Part, Score
from heldout.rollouts.rollout import PAID
from heldout.tasks.problem import Problem

_BOUNDED = ("tests", "fraction", "exit-status")  # from 0 to 1, which is what a right answer gets
Reward = Callable[..., list[float | None]]


def least_of_right(parts: Sequence[Part]) -> float | None:
    """Return the least reward with which a completion counts as rewarded; None where the parts do not tell.

    >>> least_of_right([Part("tests", 2.0)]), least_of_right([Part("reward-model")])
    (1.9, None)
    """
    low, high = (sum(bound(part.weight, 0.0) for part in parts) for bound in (min, max))
    known = all(part.name in _BOUNDED for part in parts if part.weight) and low < high
    return low + PAID * (high - low) if known else None


class RewardFunctions:
    """The parts of a reward as TRL wants them: functions of the columns of a batch, under the names it logs.

    Where one part cannot say, none does: TRL adds up those that do, so a completion that could not be judged would be
    trained on as one that failed. The first function asks all of them for the batch, the others hand on their share.
    Completions are cut at the `stops` before they are judged.

    Attributes
    ----------
    low, high
        Bounds that each part is kept within.
    functions
        The parts, in their order.
    """

    def __init__(self, parts: Mapping[Part, Score], problems: Mapping[str, Problem], stops: Sequence[str] = ()) -> None:
        self.low, self.high = -math.inf, math.inf
        self._parts, self._problems, self._stops = dict(parts), problems, stops
        self._said: dict[str, list[float | None]] = {}
        self.functions = [self._named(part.name, place == 0) for place, part in enumerate(parts)]

    def added(self, part: Part, score: Score) -> Reward:
        """Return one more part, which is asked from the next batch on."""
        self._parts[part] = score
        return self._named(part.name, first=False)

    def _ask(self, completions: list[Any], problem: list[str]) -> None:
        asked = [self._problems[one] for one in problem]
        texts = [one if isinstance(one, str) else one[-1]["content"] for one in completions]  # a chat is messages
        cut = [cut_at(text, self._stops) for text in texts]
        said = {part.name: [self._clipped(one) for one in score(asked, cut)] for part, score in self._parts.items()}
        known = [None not in row for row in zip(*said.values(), strict=True)]
        for name, worth in said.items():
            self._said[name] = [one if there else None for one, there in zip(worth, known, strict=True)]

    def _clipped(self, worth: float | None) -> float | None:
        return None if worth is None else min(max(worth, self.low), self.high)

    def _named(self, name: str, first: bool) -> Reward:
        def reward(completions: list[Any], problem: list[str], **columns: Any) -> list[float | None]:
            del columns
            if first:
                self._ask(completions, problem)
            return self._said[name]

        reward.__name__ = name
        return reward
