"""A reward function of the user's."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

from heldout.errors import UsageError
from heldout.rewards.formula import OWN
from heldout.tasks.problem import Problem
from heldout.text import sentence_list
from heldout.user_code import module_of


class Own:
    """A function of the user's, called as TRL calls its reward functions, with the problems as well.

    It gets the keywords ``prompts``, ``completions`` and ``problems`` (a list of `Problem` each with its id, entry
    point and hidden tests) and returns one number for each completion, or None where it cannot say.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.function = loaded(name)
        if not callable(self.function):
            raise UsageError(f"{name} is a {type(self.function).__name__}, which cannot be called; name a function.")
        _refuse_what_cannot_be_called(name, self.function)

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


_GIVEN = ("prompts", "completions", "problems")


def _refuse_what_cannot_be_called(name: str, function: Any) -> None:
    """Refuse a function that does not take what it will be given, before the first step does."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # it does not say
        return
    try:
        signature.bind(**dict.fromkeys(_GIVEN))
    except TypeError as error:
        raise UsageError(
            f"{name}{signature} cannot be called with {sentence_list(list(_GIVEN))} ({error}); let it take "
            "**kwargs, as in def reward(completions, **kwargs)."
        ) from None


def loaded(name: str, source: bytes | None = None) -> Any:
    """Load what ``module:function`` or ``file.py:function`` names; a class is made, an environment loaded.

    `source` is the text of the file, where that was read before.

    Raises UsageError where there is no such thing, or loading it fails in whatever way.
    """
    matched = OWN.match(name)
    if not matched:
        raise UsageError(f"{name!r} names no reward; give it as module:function or file.py:function.")
    where, function = matched["where"], matched["function"]
    try:
        module = module_of(where, source)
        if not hasattr(module, function):
            there = vars(module).items()
            defined = [one for one, it in there if getattr(it, "__module__", "") == module.__name__ and one[0] != "_"]
            has = f"it has {sentence_list(defined)}" if defined else "a reward is given as module:function"
            raise UsageError(f"{where} has no function {function!r}; {has}.")
        found = getattr(module, function)
        return found() if inspect.isclass(found) or function == "load_environment" else found
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(f"The reward {name} cannot be loaded ({type(error).__name__}: {error!s:.300}).") from error
