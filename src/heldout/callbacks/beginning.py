"""Where a training is recorded whose directory holds a run already: the life of a trainer is not one training.

A job that was killed before it saved anything is queued again; a cell of a notebook is run again, after an error or
Ctrl-C, or after the end; one callback serves two trainers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from pathlib import Path
from typing import Any, NamedTuple

from heldout.errors import RecordError
from heldout.live.places import line_back
from heldout.store import layout
from heldout.store.about import holds_nothing
from heldout.store.lines import plain_mapping, read_rows
from heldout.store.writer import writer_of

_STOPS = ("stop", "roll_back")  # what a guard does that ends a training
# Settings that differ between lives of one run; the last two are verl's.
_SAYS_NOTHING = ("logging_dir", "run_name", "resume_from_checkpoint", "resume_mode", "resume_from_path")


class Past(Enum):
    """What the callback did before in this process."""

    NOTHING = auto()
    BROKEN_OFF = auto()  # a training that did not come to its end
    ENDED = auto()


class Place(NamedTuple):
    """Where a training is recorded."""

    directory: Path
    resume: bool  # whether it goes on with what is there
    said: str  # what has to be said of it; empty for nothing


def place_for(directory: Path, past: Past, config: Mapping[str, Any]) -> Place:
    """Return where a training that begins at step 0 is recorded.

    Raises
    ------
    RecordError
        When the directory holds a run that this is not: one that ended, was stopped by the guard, has a checkpoint to
        go on from, or has other settings.
    """
    if not (directory / layout.RUN).exists() or holds_nothing(directory):
        return Place(directory, False, "")
    if past is Past.ENDED:
        new = _beside(directory)
        return Place(new, False, f"{directory} holds a training that has ended; this one is recorded in {new}.")
    known = layout.known_run(directory / layout.RUN)
    steps = [row["step"] for row in read_rows(directory / layout.METRICS).rows if type(row.get("step")) is int]
    if past is Past.NOTHING:
        _refuse_another(directory, known, config, max(steps, default=0))
    if not steps:
        return Place(directory, True, "")
    said = f"{directory} holds a training that was broken off at step {max(steps)}; it begins anew, and what was "
    return Place(directory, True, f"{said}recorded of it before is superseded.")


def _beside(directory: Path) -> Path:
    number = 2
    while (directory.with_name(f"{directory.name}-{number}") / layout.RUN).exists():
        number += 1
    return directory.with_name(f"{directory.name}-{number}")


def _refuse_another(directory: Path, known: Mapping[str, Any], config: Mapping[str, Any], newest: int) -> None:
    """Raise a RecordError unless the run is one with these settings that was broken off before it saved anything."""
    since = f"{directory}: a run is recorded here already (since {known.get('created', '?')})"
    before, now = known.get("config") or {}, plain_mapping(config, "config")
    if differs := next(_differing(before, now), None):
        key, there, here = differs
        told = f"{key} is {there} there and {here} here"
        raise RecordError(f"{since}, of other settings ({told}); give another directory.")
    writer = writer_of(directory)
    saved = [row["path"] for row in read_rows(directory / layout.CHECKPOINTS).rows if isinstance(row.get("path"), str)]
    exist = [directory / path for path in saved if (directory / path).is_dir()]
    stopped = _stopped_by_the_guard(directory)
    if stopped is not None:
        kept = _kept(directory)
        back = f"go on from the checkpoint to keep ({_how(kept)}), or " if kept else ""
        raise RecordError(
            f"{since}, and the guard stopped it at step {stopped}; the same again would end alike. Change what was "
            f"gamed, and {back}give another directory."
        )
    if exist:
        raise RecordError(f"{since}; go on with it ({_how(exist[-1])}), or give another directory.")
    amid = newest < (before.get("max_steps") or 0)  # a process that leaves by itself has "finished", however far it is
    if writer is None or (writer.last_word == "finished" and not amid):
        raise RecordError(f"{since}, and has ended; give another directory.")


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the settings that both have and that are not alike, those within others by a dotted name, with both values.

    >>> list(_differing({"seed": 0, "trainer": {"steps": 8}}, {"seed": 0, "trainer": {"steps": 9, "device": "cpu"}}))
    [('trainer.steps', 8, 9)]
    """
    for key, there in before.items():
        here = now.get(key, there)
        if isinstance(there, Mapping) and isinstance(here, Mapping):
            yield from ((f"{key}.{name}", *values) for name, *values in _differing(there, here))
        elif there != here and key not in _SAYS_NOTHING:
            yield key, there, here


def _how(checkpoint: Path) -> str:
    """Return what is to be typed to go on from a checkpoint, or else where it lies."""
    return line_back(checkpoint) or str(checkpoint)


def _stopped_by_the_guard(directory: Path) -> int | None:
    """Return the step at which the guard of the last process stopped the run; None where it did not."""
    rows = read_rows(directory / layout.FINDINGS).rows
    begun = max((place for place, row in enumerate(rows) if row.get("what") == "start"), default=0)
    stops = [row.get("step") for row in rows[begun:] if row.get("act") in _STOPS and row.get("done")]
    return stops[0] if stops and type(stops[0]) is int else None


def _kept(directory: Path) -> Path | None:
    """Return the checkpoint to keep, by the guard's last word, if it is there."""
    try:
        path = json.loads((directory / layout.BEST).read_bytes())["checkpoint"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Path(path) if isinstance(path, str) and Path(path).is_dir() else None
