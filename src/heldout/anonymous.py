"""A run without what says who trained it, where and when: for reviewers who must not know.

Names become letters. Paths, hosts, users, commits and dates are taken out; of the settings stay numbers, and short
words for what was trained. Metrics' names, problems and answers stay as they are: `found_in` says where any of what was
taken out still stands in files that were written.
"""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heldout.run import Note, Run, Series
from heldout.settings import all_settings, recipe_of
from heldout.text import counted, visible, word_set

_FEWEST = 4  # characters of a name that is looked for in texts: shorter ones are parts of other words
_EPOCH = (1e8, 1e18)  # between 1973 and year 33 658, in seconds down to nanoseconds: more than a training takes
_DATE = re.compile(r"\b(?:19|20)\d\d[-_/.]?[01]\d[-_/.]?[0-3]\d")
_NUMBERS = re.compile(r"(?:true|false|none|[-+\d.eE_,\s()\[\]]+)", re.IGNORECASE)
_WORDS = re.compile(
    r"model|reward|data|task|algo|optim|loss|schedul|type|precision|advantage|kl|method|trick|judge", re.I
)
_PLAIN = re.compile(r"[\w.+*%:;,()<>= -]{1,60}")
_SEED = re.compile(r"(?:^|[/_.-])seeds?$", re.IGNORECASE)
_PATH = re.compile(
    r"(?:[\w.+-]+:/)?[~\w.@:+-]*[/\\][\w./\\@:+%~-]*|[\w+-][\w.+-]*\.(?:csv|jsonl?|log|txt|parquet|wandb|gz|zst|xz|zip|db|out|md|tfevents)\b[\w.+-]*"
)
# What paths, machines and logs are called everywhere, so that it tells nothing.
_COMMON = word_set(
    "home root user users work data runs logs models tmp localhost checkpoints output outputs metrics progress result "
    "results trainer_state history summary evaluations events example none true false "
    "test train default base baseline debug main run sweep local"
)
_WHOSE = re.compile(r"user|owner|entity|org|team|author|mail|account|host|tenant|hub|repo|branch", re.IGNORECASE)


class Anonymous(NamedTuple):
    """A run under a letter, and what was taken out of it."""

    run: Run
    removed: tuple[str, ...]  # texts that no file may hold
    settings: tuple[str, ...]  # names of settings that were left out


class Letters:
    """Runs under letters, in the order in which they come, and what was taken out of all of them."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}  # letter → the run's own name, and where it lies
        self.removed: dict[str, None] = dict.fromkeys(of_this_machine())
        self.settings: dict[str, None] = {}

    def of(self, run: Run) -> Run:
        """Return the next run under its letter."""
        name = letter(len(self.names))
        self.names[name] = f"{run.name} ({run.source})"
        bare, removed, settings = anonymous(run, name)
        self.removed |= dict.fromkeys(removed)
        self.settings |= dict.fromkeys(settings)
        return bare

    def told(self, files: Iterable[Path]) -> Iterator[str]:
        """Say what the letters stand for, what was taken out, and where any of it still is in the files written."""
        yield from (f"{name} is {visible(own)}" for name, own in self.names.items())
        listed = f": {', '.join(map(visible, self.settings))}" if self.settings else ""
        yield (
            "Taken out: names, places, hosts, users, commits and dates of the clock, and "
            f"{counted(len(self.settings), 'setting')}{listed}."
        )
        yield "Left as they are: the names of metrics, problems and answers, and the numbers."
        still: dict[str, list[str]] = {}
        for path, secret in found_in(files, self.removed):
            still.setdefault(secret, []).append(visible(str(path)))
        for secret, where in still.items():
            more = f" and {counted(len(where) - 1, 'more file')}" if len(where) > 1 else ""
            yield f"Look at {where[0]}{more}: {visible(secret)!r} still stands there."


def letter(number: int) -> str:
    """Return the name of a run by its number from 0: A to Z, then AA.

    >>> letter(0), letter(25), letter(26), letter(701), letter(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    above, last = divmod(number, 26)
    return (letter(above - 1) if above else "") + chr(ord("A") + last)


def anonymous(run: Run, name: str) -> Anonymous:
    """Return a run under another name, without what says who trained it, where and when.

    Times of the clock become times since the beginning, and the log's notes lose every path.
    """
    kept = dict(_settings(run.config))
    left_out = {key: text for key, text in all_settings(run.config).items() if key not in kept}
    removed = tuple(dict.fromkeys(_secrets(run, left_out)))
    figure = {"figure": run.config["figure"]} if isinstance(run.config.get("figure"), Mapping) else {}
    bare = replace(
        run,
        name=name,
        source=name,
        config={key: text for key, text in kept.items() if not _holds(text, removed)} | figure,
        notes=tuple(replace(note, text=_without_paths(note, run, removed)) for note in run.notes),
        checkpoints={step: f"checkpoint-{step}" for step in run.checkpoints},
        metrics={key: _since_start(series) for key, series in run.metrics.items()},
    )
    return Anonymous(bare, removed, tuple(left_out))


def masked(text: str, removed: Iterable[str]) -> str:
    """Return a text with what was taken out, and every path, as an ellipsis."""
    return _PATH.sub("…", _blotted(text, removed))


def _blotted(text: str, removed: Iterable[str]) -> str:
    """Return a text without what was taken out, where that stands for itself and is no part of another word."""
    for secret in sorted(removed, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "…", text, flags=re.IGNORECASE)
    return text


def found_in(files: Iterable[Path], removed: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Yield the files that still hold something of what was taken out, and what."""
    secrets = list(dict.fromkeys(removed))
    for path in files:
        content = path.read_bytes().lower()
        yield from ((path, secret) for secret in secrets if secret.lower().encode() in content)


def of_this_machine() -> tuple[str, ...]:
    """Return what names this machine and its user."""
    home = Path.home()
    found = {socket.gethostname(), home.name, *([str(home)] if len(home.parts) > 2 else [])}
    with suppress(OSError, KeyError):
        found.add(getpass.getuser())
    return tuple(sorted(filter(_tells, found)))


def _secrets(run: Run, left_out: Mapping[str, str]) -> Iterator[str]:
    """Yield what tells of a run: its name, its places and their names, and those among the settings left out."""
    places = [part for part in run.source.split(" + ") if part]
    found = [run.name, *places, *(str(Path(place).expanduser().absolute()) for place in places)]
    found += [part for place in places for part in (Path(place).name, Path(place).stem)]
    found += [*map(str, run.checkpoints.values()), *of_this_machine()]
    recipe = recipe_of(run.config)
    found += [text for key, text in left_out.items() if key not in recipe or _WHOSE.search(key) or _PATH.search(text)]
    yield from filter(_tells, found)


def _tells(text: str) -> bool:
    word = text.lower()
    common = word in _COMMON or word.partition(".")[0] in _COMMON
    return len(text) >= _FEWEST and not common and not _NUMBERS.fullmatch(text)


def _settings(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the settings that tell what was trained: numbers, and short words under names that speak of it."""
    everything = all_settings(config)
    recipe = recipe_of(config) | {key: text for key, text in everything.items() if _SEED.search(key)}
    for key in everything:
        text = recipe.get(key, "")
        if _NUMBERS.fullmatch(text) and not _is_clock(text):
            yield key, text
        elif _WORDS.search(name := key.rpartition("/")[2]) and not _WHOSE.search(name):
            bare = re.split(r"[\\/]", text)[-1]  # of "owner/model" the model
            if _PLAIN.fullmatch(bare) and not _DATE.search(bare):
                yield key, bare


def _is_clock(text: str) -> bool:
    if _DATE.search(text):
        return True
    try:
        return _EPOCH[0] <= float(text) <= _EPOCH[1]
    except ValueError:
        return False


def _holds(text: str, removed: Iterable[str]) -> bool:
    return any(secret.lower() in text.lower() for secret in removed)


def _without_paths(note: Note, run: Run, removed: Iterable[str]) -> str:
    """Return what a note says; keys of metrics and settings may look like paths and stay."""
    known = {*run.metrics, *all_settings(run.config)}
    return _PATH.sub(lambda found: found[0] if found[0].rstrip(":.") in known else "…", _blotted(note.text, removed))


def _since_start(series: Series) -> Series:
    """Return times of the clock as times since the first of them; any other metric as it is."""
    value = series.value
    if not len(value) or not (_EPOCH[0] <= value.min() and value.max() <= _EPOCH[1]):
        return series
    if not (re.search("time|clock|date|stamp", series.name, re.IGNORECASE) and np.all(np.diff(value) >= 0.0)):
        return series
    return replace(series, value=value - value[0])
