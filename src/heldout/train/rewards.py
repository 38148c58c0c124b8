"""The reward as TRL wants it, and what its parts said of the newest completions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heldout.evaluation.stops import cut_at
from heldout.rewards import Part, Score
from heldout.tasks.problem import Problem


class Ledger:
    """What the rewards said of the newest completions, until somebody records it."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def note(
        self,
        problems: Sequence[Problem],
        completions: Sequence[str],
        tokens: Sequence[int],
        worth: Mapping[str, Sequence[float | None]],
        rewards: Sequence[float | None],
    ) -> None:
        """Begin a new page: what every part said of each completion, and the reward that came of it."""
        self.rows = [
            {"problem": problem.id, "prompt": problem.prompt, "text": text, "tokens": count, "reward": reward}
            | {f"reward/{name}": said[place] for name, said in worth.items()}
            for place, (problem, text, count, reward) in enumerate(
                zip(problems, completions, tokens, rewards, strict=True)
            )
        ]


def for_trl(
    parts: Mapping[Part, Score], problems: Mapping[str, Problem], ledger: Ledger, stops: Sequence[str] = ()
) -> list[Callable[..., list[float | None]]]:
    """Return the parts of a reward as TRL wants them: functions of the columns of a batch, under the names it logs.

    Where one part cannot say, none does: TRL adds up those that do, so a completion that could not be judged would be
    trained on as one that failed. The first function asks all of them for the batch, the others hand on their share.
    Completions are cut at the `stops` before they are judged, and recorded as they were written.
    """
    said: dict[str, list[float | None]] = {}

    def ask(completions: list[Any], completion_ids: list[list[int]], problem: list[str]) -> None:
        asked = [problems[one] for one in problem]
        texts = [one if isinstance(one, str) else one[-1]["content"] for one in completions]  # a chat is messages
        for part, score in parts.items():
            said[part.name] = list(score(asked, [cut_at(text, stops) for text in texts]))
        known = [None not in row for row in zip(*said.values(), strict=True)]
        rewards = [
            sum(part.weight * (said[part.name][place] or 0.0) for part in parts) if there else None
            for place, there in enumerate(known)
        ]
        ledger.note(asked, texts, [len(ids) for ids in completion_ids], dict(said), rewards)
        for name, worth in said.items():
            said[name] = [one if there else None for one, there in zip(worth, known, strict=True)]

    def named(name: str, first: bool) -> Callable[..., list[float | None]]:
        def reward(
            completions: list[Any], completion_ids: list[list[int]], problem: list[str], **columns: Any
        ) -> list[float | None]:
            del columns
            if first:
                ask(completions, completion_ids, problem)
            return said[name]

        reward.__name__ = name
        return reward

    return [named(part.name, place == 0) for place, part in enumerate(parts)]
