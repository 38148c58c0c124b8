"""The settings of a run as a report shows them: flat, short, and without anything that is a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from heldout.text import visible

# A setting of this name is not shown: configurations of trainers hold keys of trackers and hubs.
_SECRET = re.compile(r"(?:api|access|private)[-_]?key|token$|secret|passw|credential|authorization", re.IGNORECASE)
_NOT_SETTINGS = frozenset({"figure", "versions", "created"})
_MOST, _LONGEST = 60, 120
# What makes a run what it is, in this order.
_FIRST = tuple(
    re.compile(words, re.IGNORECASE)
    for words in ("reward", "model", r"(?:^|[/_.])seed$", r"(?:^|[/_.])(?:task|dataset)", r"(?:^|[/_.])(?:git|commit)")
)


def settings_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Return settings by name, nested ones with joined names; what makes the run what it is stands first.

    That is the reward, the model, the seed, the task or data, and the commit.

    At most 60, each cut at 120 characters; what is named like a secret is left out.

    >>> settings_of({"seed": 7, "model": {"name": "tiny"}, "hub_token": "x", "reward": "exit-status"})
    {'reward': 'exit-status', 'model/name': 'tiny', 'seed': '7'}
    """
    found = [(key, text) for key, text in _flat(config) if not _SECRET.search(key)]
    found.sort(key=lambda one: _rank(one[0]))
    return dict(found[:_MOST])


def _rank(key: str) -> int:
    return next((rank for rank, words in enumerate(_FIRST) if words.search(key)), len(_FIRST))


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in config.items():
        if not prefix and key in _NOT_SETTINGS:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}/")
        elif value is not None and value != "" and value != []:
            text = " ".join(visible(str(value)).split())
            yield visible(f"{prefix}{key}"), text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
