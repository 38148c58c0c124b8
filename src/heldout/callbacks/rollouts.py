"""Reward functions that are listened to: every completion with every part of its reward."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Container, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, cast

from heldout.callbacks.hidden import ID_COLUMNS
from heldout.errors import UsageError
from heldout.evaluation.stops import cut_at

_PART, _IDS = "reward/", "completion_ids"


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a trainer's settings say of its answers."""

    ends: Container[int] = ()  # tokens that end an answer
    longest: int = 0  # tokens at which an answer is cut; 0 where that is not known
    stops: Sequence[str] = ()  # texts behind which nothing is judged
    weights: Sequence[float] | None = None  # of the parts of the reward; None for 1 each

    def row(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return an answer with its number of tokens, why it ended, and the reward that its parts make."""
        parts = {name: value for name, value in answer.items() if name.startswith(_PART)}
        row = {name: value for name, value in answer.items() if name not in parts and name != _IDS}
        if _IDS in answer:
            row |= {"tokens": len(answer[_IDS]), "stop": self._stop(answer["text"], answer[_IDS])}
        return row | {"reward": self._reward(list(parts.values()))} | parts

    def _stop(self, text: str, ids: Sequence[int]) -> str:
        if cut_at(text, self.stops) != text:
            return "stop"
        if ids and ids[-1] in self.ends:
            return "eos"
        return "length" if self.longest and len(ids) >= self.longest else ""

    def _reward(self, parts: Sequence[float | None]) -> float | None:
        """The weighted sum of the parts that are neither None nor NaN, as TRL has it; None where all are."""
        weights = self.weights or [1.0] * len(parts)
        told = [(weight, part) for weight, part in zip(weights, parts, strict=True) if part is not None]
        known = [weight * part for weight, part in told if not math.isnan(part)]
        return sum(known) if known else None


class Rollouts:
    """Keeps what the reward functions of a step were given and returned."""

    def __init__(self) -> None:
        self.parts = 0  # functions that are listened to
        self._names: dict[str, Callable[..., Any]] = {}
        self._columns: dict[str, list[Any]] = {}

    def listening(self, reward: Callable[..., Any], wanted: Callable[[], bool]) -> Callable[..., Any]:
        """Return a reward function, also an asynchronous one, that does the same and keeps a copy while it is `wanted`.

        A UsageError where it is no function: the scores of a reward model never pass through Python.
        """
        if not callable(reward) or hasattr(reward, "forward"):
            raise UsageError(f"record_rewards takes a function, not a {type(reward).__name__}; pass that one as it is.")
        name = self._name_of(reward)
        self.parts += 1

        def keep(given: Mapping[str, Any], scores: Any) -> None:
            if wanted() and isinstance(scores, Sized):  # what is none, the trainer refuses
                self._keep(name, given, cast(Sequence[Any], scores))

        if inspect.iscoroutinefunction(reward) or inspect.iscoroutinefunction(type(reward).__call__):

            @functools.wraps(reward)
            async def later(*given: Any, **named: Any) -> Any:
                scores = _again(await reward(*given, **named))
                keep(_named(given, named), scores)
                return scores

            return later

        @functools.wraps(reward)
        def now(*given: Any, **named: Any) -> Any:
            scores = _again(reward(*given, **named))
            keep(_named(given, named), scores)
            return scores

        return now

    def take(self) -> list[dict[str, Any]]:
        """Return the completions of the step, one mapping each, and forget them."""
        columns, self._columns = self._columns, {}
        most = max(map(len, columns.values()), default=0)
        whole = {name: values for name, values in columns.items() if len(values) == most}
        return [{name: values[row] for name, values in whole.items()} for row in range(most)]

    def _keep(self, name: str, given: Mapping[str, Any], scores: Sequence[Any]) -> None:
        part = self._columns.setdefault(f"{_PART}{name}", [])
        if len(part) == self._rows():  # the first function that is asked about these completions
            self._columns.setdefault("prompt", []).extend(map(_text, given.get("prompts", ())))
            self._columns.setdefault("text", []).extend(map(_text, given.get("completions", ())))
            for column in (*ID_COLUMNS, _IDS):
                if column in given:
                    self._columns.setdefault(column, []).extend(given[column])
        part += map(_number, scores)

    def _name_of(self, reward: Callable[..., Any]) -> str:
        """Return a name that no other function has: two lambdas are two parts."""
        own = name = str(getattr(reward, "__name__", type(reward).__name__))
        number = 1
        while self._names.setdefault(name, reward) is not reward:
            number += 1
            name = f"{own}-{number}"
        return name

    def _rows(self) -> int:
        return len(self._columns.get("text", ()))


def _again(scores: Any) -> Any:
    """Return what a reward function gave, as a list where it can be gone through only once."""
    return list(scores) if isinstance(scores, Iterator) else scores


def _number(score: Any) -> float | None:
    """A score, None where it is unknown; what is no number the trainer refuses, not we."""
    try:
        return float(score)
    except (TypeError, ValueError, RuntimeError):
        return None


def _named(given: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Give the first two arguments their names: TRL passes them by name, people by place."""
    return {**dict(zip(("prompts", "completions"), given, strict=False)), **named}


def _text(one: Any) -> str:
    """A prompt or completion as text; of a conversation what was said."""
    if isinstance(one, str):
        return one
    if isinstance(one, Sequence):
        return "\n".join(str(turn.get("content", "")) if isinstance(turn, Mapping) else str(turn) for turn in one)
    return str(one)
