"""Reward functions that are listened to: every completion with every part of its reward."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heldout.errors import UsageError


class Rollouts:
    """Keeps what the reward functions of a step were given and returned."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {}

    def listening(self, reward: Callable[..., Any], wanted: Callable[[], bool]) -> Callable[..., Any]:
        """Return a reward function, also an asynchronous one, that does the same and keeps a copy while it is `wanted`.

        A UsageError where it is no function: the scores of a reward model never pass through Python.
        """
        if not callable(reward) or hasattr(reward, "forward"):
            raise UsageError(f"record_rewards takes a function, not a {type(reward).__name__}; pass that one as it is.")
        name = getattr(reward, "__name__", type(reward).__name__)

        def keep(given: Mapping[str, Any], scores: Sequence[Any]) -> None:
            if wanted():
                self._keep(name, given, scores)

        if inspect.iscoroutinefunction(reward):

            @functools.wraps(reward)
            async def later(*given: Any, **named: Any) -> Any:
                scores = await reward(*given, **named)
                keep(_named(given, named), scores)
                return scores

            return later

        @functools.wraps(reward)
        def now(*given: Any, **named: Any) -> Any:
            scores = reward(*given, **named)
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
        part = self._columns.setdefault(f"reward/{name}", [])
        if len(part) == self._rows():  # the first function that is asked about these completions
            self._columns.setdefault("prompt", []).extend(map(_text, given.get("prompts", ())))
            self._columns.setdefault("text", []).extend(map(_text, given.get("completions", ())))
        part += [None if score is None else float(score) for score in scores]

    def _rows(self) -> int:
        return len(self._columns.get("text", ()))


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
