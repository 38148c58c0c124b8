"""The settings of a run as a report shows them: flat, short, and without anything that is a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heldout.text import shared_beginning, visible

# A setting of this name is not shown: configurations of trainers hold keys of trackers and hubs.
_SECRET = re.compile(r"(?:api|access|private)[-_]?key|token$|secret|passw|credential|authorization", re.IGNORECASE)
_OF_TEXT = re.compile(r"(?:^|[-_./])(?:per|pad|eos|bos|unk)[-_]token$", re.IGNORECASE)  # a token that opens nothing
_NOT_SETTINGS = frozenset({"figure", "versions", "created"})
_MOST, _LONGEST = 60, 120
# What tells two trainings apart without making them different recipes (see `_is_circumstance`).
_ABOVE = frozenset({"seed", "seeds", "versions", "git", "wandb", "_wandb"})  # of these nothing counts
_OF_A_RUN = frozenset({"run", "exp", "experiment", "trial", "job", "project", "group", "wandb"})
_ABOUT = frozenset(
    {"run", "meta", "metadata", "info", "system", "job", "trainer", "args", "config"}
)  # of the run itself
_READ = frozenset({"model", "actor", "critic", "policy", "ref", "reward_model", "data", "dataset", "tokenizer"})
_CALLED = frozenset({"name", "names", "id", "tag", "tags", "notes", "uuid", "experiment"})
_MACHINE = frozenset({"host", "hostname", "node_ip", "username", "pid", "cwd", "created", "timestamp", "git"})
_WHERE = _MACHINE | {
    "node",
    "user",
    "date",
    "time",
    "started",
    "ended",
    "commit",
    "versions",
}  # of the run; elsewhere they may be settings
_WHEN = frozenset({"start", "started", "end", "ended", "created", "git"})  # before a time, or a commit
_PLACE = frozenset({"dir", "directory", "path", "folder", "root", "file"})
_WRITTEN = frozenset(
    {"out", "output", "log", "logs", "logging", "save", "work", "working", "run", "runs", "cache", "tensorboard"}
)
_OUTPUT = frozenset({"default_local_dir", "local_dir"})  # where trainers write checkpoints; a local path is read from
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_EXACT = 2**53  # beyond it a float does not tell two whole numbers apart
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
    found = sorted(all_settings(config).items(), key=lambda one: _rank(one[0]))
    return {key: _short(text) for key, text in found[:_MOST]}


def all_settings(config: Mapping[str, Any]) -> dict[str, str]:
    """Return every setting by name, whole; what is named like a secret is left out.

    >>> all_settings({"seed": 7, "model": {"name": "tiny"}, "hub_token": "x"})
    {'seed': '7', 'model/name': 'tiny'}
    """
    return {key: text for key, text in _texts(config) if not _SECRET.search(_OF_TEXT.sub("", key))}


def recipe_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that make the recipe, by name, whole: what two seeds of it have in common.

    Left out are secrets, and what tells two runs of one recipe apart: the seed, names of the run, places to write to,
    times, hosts, versions and commits. Of a number its value counts, however it is written; all else counts whole, a
    path as well: two checkpoints may have the same file name.

    >>> recipe_of({"seed": 7, "lr": "1e-6", "output_dir": "/a/b", "steps": 100.0, "data": "/x/gsm8k/train.jsonl"})
    {'lr': '1e-06', 'steps': '100', 'data': '/x/gsm8k/train.jsonl'}
    """
    return {key: as_compared(text) for key, text in all_settings(config).items() if not _is_circumstance(key)}


def differing(configs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str | None, ...]]:
    """Return the settings in which runs differ, each with its value in every run, None where it is not set.

    Seeds, names, places, times, hosts and versions are no settings of a recipe (see `recipe_of`). What makes a run
    what it is stands first; each value is cut at 120 characters, so that what differs can be seen.

    >>> differing([{"seed": 1, "lr": 1e-6}, {"seed": 2, "lr": 2e-6, "kl": 0.1}])
    {'lr': ('1e-06', '2e-06'), 'kl': (None, '0.1')}
    """
    recipes = [recipe_of(config) for config in configs]
    keys = dict.fromkeys(key for recipe in recipes for key in recipe)
    values = {key: [recipe.get(key) for recipe in recipes] for key in sorted(keys, key=_rank)}
    written = [all_settings(config) for config in configs]
    return {
        key: _cut(_as_written(each, [one.get(key) for one in written]))
        for key, each in values.items()
        if len(set(each)) > 1
    }


def _as_written(values: Sequence[str | None], written: Sequence[str | None]) -> list[str | None]:
    """Each value as it was first written, so that equal ones are still seen to be equal."""
    first = dict(reversed(list(zip(values, written, strict=True))))
    return [first[value] for value in values]


def _cut(texts: Sequence[str | None]) -> tuple[str | None, ...]:
    """Cut long values; where all begin alike for as long, each begins where they part."""
    begin = len(shared_beginning([text for text in texts if text is not None]))
    skip = begin if begin >= _LONGEST and None not in texts else 0
    return tuple(None if text is None else _short("…" * bool(skip) + text[skip:]) for text in texts)


def _is_circumstance(key: str) -> bool:
    """Whether a setting is the seed, a name of the run, a place to write to, a time, a host, a version or a commit."""
    *above, last = key.lower().split("/")
    words = re.split(r"[._-]+", last)
    end, before = words[-1], set(words[:-1])
    of_the_run = not set(above) - _ABOUT
    return (
        end in ("seed", "seeds")
        or not _ABOVE.isdisjoint(above)
        or (not above and last in _CALLED)
        or last in (_WHERE if of_the_run else _MACHINE)
        or bool(before & _OF_A_RUN and end in _CALLED)
        or (of_the_run and bool(before & _WHEN and end in {*_WHERE, "at", "commit"}))
        or (end in _PLACE and bool(before & _WRITTEN))
        or (last in _OUTPUT and _READ.isdisjoint(above))
    )


def as_compared(text: str) -> str:
    """Return a value as it is compared: a number by its value, all else whole.

    >>> as_compared("1e-6") == as_compared("0.000001"), as_compared("100.0"), as_compared("007")
    (True, '100', '007')
    """
    if not _NUMBER.fullmatch(text):
        return text
    value = float(text)
    whole = value.is_integer() and abs(value) < _EXACT
    return str(int(value)) if whole else text if text.lstrip("+-").isdigit() else str(value)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _rank(key: str) -> int:
    return next((rank for rank, words in enumerate(_FIRST) if words.search(key)), len(_FIRST))


def _texts(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in config.items():
        if not prefix and key in _NOT_SETTINGS:
            continue
        if isinstance(value, Mapping):
            yield from _texts(value, f"{prefix}{key}/")
        elif value is not None and value != "" and value != []:
            yield visible(f"{prefix}{key}"), " ".join(visible(str(value)).split())
