"""What is optimised, as people write it: names of rewards and a weighted sum of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heldout.errors import UsageError
from heldout.tasks.problem import Problem
from heldout.text import sentence_list

Score = Callable[[Sequence[Problem], Sequence[str]], Sequence[float | None]]

NAMED = ("tests", "fraction", "exit-status", "reward-model")
OWN = re.compile(r"(?P<where>.+):(?P<function>[A-Za-z_]\w*)$")  # module:function, file.py:function


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
    if name not in NAMED and not OWN.match(name):
        raise UsageError(
            f"{term!r} is no reward; take {sentence_list(list(NAMED))}, module:function or file.py:function, each with "
            "a weight if you like, such as tests*1.0+exit-status*0.5."
        )
    try:
        return Part(name, float(weight) if weight else 1.0)
    except ValueError:
        raise UsageError(f"The weight of {term!r} is no number; write it as in tests*0.5.") from None
