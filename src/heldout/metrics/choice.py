"""Which column of a run plays which part, from names and from what the columns hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from dataclasses import dataclass

from heldout.metrics.meanings import choose_roles, meaning_of


@dataclass(frozen=True, slots=True)
class Choice:
    """What a column was taken for."""

    role: str  # the name of a meaning; empty where the column is not known
    reason: str  # why, in words


@dataclass(frozen=True, slots=True)
class Choices:
    """What the columns of one run were taken for."""

    roles: Mapping[str, str]  # meaning → the column that plays that part
    held_out: tuple[str, ...]  # every held-out score, the preferred one first, copies of one measurement once
    columns: Mapping[str, Choice]  # every column


def choose(columns: Mapping[str, Sized]) -> Choices:
    """Choose which column plays which part."""
    roles = choose_roles({key: len(column) for key, column in columns.items()})
    matches = {key: meaning_of(key) for key in columns}
    held = [key for key, match in matches.items() if match and match.meaning.name == "held_out"]
    held.sort(key=lambda key: key != roles.get("held_out"))
    why = {key: Choice(m.meaning.name, "by its name") if m else Choice("", "not known") for key, m in matches.items()}
    return Choices(roles, tuple(held), why)


def is_reward_elsewhere(key: str) -> bool:
    """Whether a key names the optimised reward on other prompts than those of the training, not another judge's score.

    >>> is_reward_elsewhere("eval_reward"), is_reward_elsewhere("gold_reward"), is_reward_elsewhere("eval/accuracy")
    (True, False, False)
    """
    match = meaning_of(key)
    if match is None or match.meaning.name != "held_out":
        return False
    return bool(re.search(r"reward|return", key, re.IGNORECASE)) and not re.search(
        r"gold|true|oracle|val-core|val-aux|acc|pass", key, re.IGNORECASE
    )
