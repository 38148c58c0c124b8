"""What is optimised: named rewards, the user's own, and weighted sums of them.

A reward looks at problems and completions and gives one number each, or None where it cannot say. The held-out
evaluation never passes through here: it has a judge of its own, so that a reward is never its own judge.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from heldout.errors import UsageError
from heldout.evaluation.stops import cut_at
from heldout.sandbox.base import Sandbox
from heldout.sandbox.exit_status import ExitStatusJudge
from heldout.sandbox.judging import Attempt, Judgement, judge
from heldout.tasks.problem import Problem
from heldout.text import sentence_list
from heldout.user_code import module_of

Score = Callable[[Sequence[Problem], Sequence[str]], Sequence[float | None]]

NAMED = ("tests", "fraction", "exit-status", "reward-model")
_OWN = re.compile(r"(?P<where>.+):(?P<function>[A-Za-z_]\w*)$")


@dataclass(frozen=True, slots=True)
class Part:
    """One term of a weighted sum: the name of a reward and its weight."""

    name: str
    weight: float = 1.0


def parts_of(formula: str) -> tuple[Part, ...]:
    """Return the terms of a formula; one that is no reward nor module:function, or has no number, is a UsageError.

    >>> parts_of("tests + exit-status*0.5")
    (Part(name='tests', weight=1.0), Part(name='exit-status', weight=0.5))
    """
    parts = tuple(_part(term.strip()) for term in re.split(r"\+(?=\s*[A-Za-z_./~])", formula))
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise UsageError(f"The reward {formula!r} has a part twice; give each once, with its weight.")
    return parts


def _part(term: str) -> Part:
    name, _, weight = term.partition("*")
    name = name.strip()
    if name not in NAMED and not _OWN.match(name):
        raise UsageError(
            f"{term!r} is no reward; take {sentence_list(list(NAMED))}, module:function or file.py:function, each with "
            "a weight if you like, such as tests*1.0+exit-status*0.5."
        )
    try:
        return Part(name, float(weight) if weight else 1.0)
    except ValueError:
        raise UsageError(f"The weight of {term!r} is no number; write it as in tests*0.5.") from None


class Solved:
    """1 where every hidden test passes, 0 where not; None where the sandbox itself failed."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def __call__(self, problems: Sequence[Problem], completions: Sequence[str]) -> list[float | None]:
        return [self.worth(one) for one in judge(_attempts(problems, completions), self.sandbox)]

    def worth(self, judgement: Judgement) -> float | None:
        return None if judgement.kind == "infrastructure" else float(judgement.solved)


class Fraction(Solved):
    """The share of hidden tests that pass."""

    def worth(self, judgement: Judgement) -> float | None:
        return None if judgement.kind == "infrastructure" else judgement.fraction


class ExitStatus:
    """1 where program and assertions end with exit status 0: a judge that ``exit()`` fools, kept as a demonstration."""

    def __init__(self, judge: ExitStatusJudge) -> None:
        self.judge = judge

    def __call__(self, problems: Sequence[Problem], completions: Sequence[str]) -> list[float | None]:
        plain = [replace(problem, extract="strict") for problem in problems]  # an exit at the top is what fools it
        return [float(passed) for passed in self.judge.run(_attempts(plain, completions))]


class Own:
    """A function of the user's, called as TRL calls its reward functions, with the problems as well.

    It gets the keywords ``prompts``, ``completions`` and ``problems`` (a list of `Problem` each with its id, entry
    point and hidden tests) and returns one number for each completion, or None where it cannot say.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.function = _load(name)

    def __call__(self, problems: Sequence[Problem], completions: Sequence[str]) -> list[float | None]:
        prompts = [problem.prompt for problem in problems]
        given = self.function(prompts=prompts, completions=list(completions), problems=list(problems))
        try:
            worth = [None if one is None or math.isnan(one) else float(one) for one in given]
        except TypeError:
            raise UsageError(
                f"{self.name} gave {given!r:.80}; give a list of one number, or None, a completion."
            ) from None
        if any(one is not None and math.isinf(one) for one in worth):
            raise UsageError(f"{self.name} gave a reward that is infinite; give finite numbers, or None where unknown.")
        if len(worth) != len(completions):
            raise UsageError(
                f"{self.name} gave {len(worth)} rewards for {len(completions)} completions; give one each."
            )
        return worth


def _attempts(problems: Sequence[Problem], completions: Sequence[str]) -> list[Attempt]:
    return [problem.attempt(completion) for problem, completion in zip(problems, completions, strict=True)]


def _load(name: str) -> Callable[..., Sequence[float | None]]:
    """Import the user's function, from a file or a module."""
    matched = _OWN.match(name)
    assert matched
    where, function = matched["where"], matched["function"]
    try:
        module = module_of(where)
    except (ImportError, OSError, SyntaxError) as error:
        raise UsageError(f"The reward {name} cannot be loaded: {error}.") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise UsageError(f"{where} has no function {function!r}; a reward is given as module:function.")
    return found  # type: ignore[no-any-return]


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
