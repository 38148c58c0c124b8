"""Files that are pieces of one run: parts of its time, as after each resumption, or parts of its metrics."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from heldout.readers.folders.companions import with_columns
from heldout.readers.folders.found import Found
from heldout.readers.folders.walk import natural
from heldout.readers.formats import format_of
from heldout.readers.log import Log, some
from heldout.readers.packing import bare
from heldout.readers.restarts import is_clock, joined
from heldout.readers.writers import merged_writers, written
from heldout.run import Note, NoteKind
from heldout.text import counted

_OF_WANDB = re.compile(r"(?:offline-)?run-(?:\d{8}_\d{6})-(.+)")
# A run that begins at its first step again is another run. Not so a brief start that was followed soon, by one that
# went at least ten times as far: that one was given up.
_GIVEN_UP = 0.1
_SOON = 3600.0  # seconds
_OF_ONE_AXIS = 2  # times; an evaluation may stop at half of a run that goes on
EVENTS = "events.out.tfevents."


def in_pieces(found: list[Found]) -> list[Found]:
    """Join what is one run in several files."""
    found = _grouped(found, _wandb_id, _resumed)
    found = _grouped(found, lambda one: one.folder if format_of(one.log).pieces else None, _in_time)
    return _grouped(found, _named, _by_metric)


def longest_states(root: Path, found: list[Found]) -> list[Found]:
    """Of the checkpoints of one training keep the one with the longest history, in the training's folder."""

    def training(one: Found) -> Path | None:
        if one.path.name != "trainer_state.json":
            return None
        folder = one.path.parent
        return folder.parent if folder.name.startswith("checkpoint") and folder != root else folder

    return _grouped(found, training, _longest, alone=True)


def _grouped(
    found: list[Found],
    key: Callable[[Found], Hashable | None],
    together: Callable[[Hashable, list[Found]], Iterable[Found]],
    *,
    alone: bool = False,
) -> list[Found]:
    """Put groups of logs together, those with one key that is not None; each stands where its first one stood."""
    groups: dict[Hashable, list[Found]] = {}
    for number, one in enumerate(found):
        named = key(one)
        groups.setdefault(("", number) if named is None else ("group", named), []).append(one)
    result: list[Found] = []
    for (kind, named), those in ((key, those) for key, those in groups.items() if isinstance(key, tuple)):
        result += together(named, those) if kind and (alone or len(those) > 1) else those
    return result


def _longest(folder: Hashable, states: list[Found]) -> list[Found]:
    assert isinstance(folder, Path)
    best = max(states, key=lambda state: (int(state.log.step.max()), len(state.log.step)))
    if len(states) > 1:
        where = best.path.relative_to(folder)
        text = f"{len(states)} saved trainer states were found; the longest history is {where}."
        best = best.said(Note(NoteKind.ASSUMED, text, len(states)))
    return [replace(best, files=(folder / "trainer_state.json", *(state.path for state in states)), folder=folder)]


def _wandb_id(one: Found) -> Hashable | None:
    """What the pieces of a resumed W&B run share: where they lie, and the id that each folder and file is named by."""
    named = _OF_WANDB.fullmatch(one.path.parent.name)
    return (one.path.parent.parent, named.group(1)) if named and one.log.format == "wandb" else None


def _resumed(key: Hashable, pieces: list[Found]) -> list[Found]:
    pieces = sorted(pieces, key=lambda one: one.path.parent.name.removeprefix("offline-"))
    log = joined([one.log for one in pieces])
    if log.name is None:
        log = replace(log, name=key[1] if isinstance(key, tuple) else None)
    again = counted(len(pieces) - 1, "time")
    text = f"The run was taken up again {again}, each time in a folder of its own; all were read."
    whole = Found(tuple(one.path for one in pieces), pieces[-1].folder, log)
    return [whole.said(Note(NoteKind.REPAIRED, text, len(pieces)))]


def _in_time(_: Hashable, pieces: list[Found]) -> list[Found]:
    """Take files that were written one after the other, or side by side, apart into runs."""
    runs: list[list[Found]] = []
    for piece in sorted(pieces, key=lambda one: written(one.log)[0]):
        if runs and _goes_on(runs[-1], piece):
            runs[-1].append(piece)
        else:
            runs.append([piece])
    whole = [_one_in_time(run) for run in runs]
    if len(runs) == 1:
        return whole
    text = (
        f"{len(pieces)} event files in this folder are {counted(len(runs), 'run')}: each begins at its first step "
        "again, after the one before had ended."
    )
    return [one.said(Note(NoteKind.ASSUMED, text, len(pieces))) for one in whole]


def _goes_on(run: list[Found], piece: Found) -> bool:
    """Whether a file goes on with a run, or stands beside it, rather than being a run of its own."""
    clocks = [written(one.log) for one in run]
    begun, ended = min(first for first, _ in clocks), max(last for _, last in clocks)
    at = written(piece.log)[0]
    shared = {key for one in run for key in one.log.columns if key in piece.log.columns and not is_clock(key)}
    if not shared or at <= ended or begun == 0.0:
        return True
    mine = _steps(piece.log, shared)
    before = np.concatenate([_steps(one.log, shared) for one in run])
    interval = int(np.median(np.diff(mine))) if len(mine) > 1 else 0
    if mine[0] > max(int(before.min()), interval):
        return True
    given_up = int(before.max()) - int(before.min()) <= _GIVEN_UP * (int(mine.max()) - int(mine[0]))
    return given_up and at - ended <= _SOON


def _one_in_time(pieces: list[Found]) -> Found:
    if len(pieces) == 1:
        return pieces[0]
    pieces = sorted(pieces, key=lambda one: natural(one.path.name))
    log = joined(merged_writers([one.log for one in pieces]))
    return replace(pieces[0], files=tuple(one.path for one in pieces), log=log)


def _steps(log: Log, keys: Iterable[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the steps at which some of the metrics were logged."""
    rows = [log.columns[key].row for key in keys if key in log.columns]
    return np.unique(log.step[np.concatenate(rows)]) if rows else log.step[:0]


def _named(one: Found) -> Hashable | None:
    """What files that hold one metric each share: the folder, the format and the run's own name."""
    return None if one.log.name is None else (one.folder, one.log.format, one.log.name)


def _by_metric(_: Hashable, parts: list[Found]) -> list[Found]:
    """Join logs of one name that hold different metrics; those that repeat one are of another run of that name."""
    wholes: list[Found] = []
    for part in parts:
        at = next((number for number, whole in enumerate(wholes) if _are_parts(whole.log, part.log)), None)
        if at is None:
            wholes.append(part)
        else:
            wholes[at] = _with_metrics(wholes[at], part)
    return [_told(whole) if len(whole.files) > 1 else whole for whole in wholes]


def _are_parts(log: Log, other: Log) -> bool:
    """Whether two logs hold other metrics, and end at about the same step: else their charts had other axes."""
    if any(key in log.columns and not is_clock(key) for key in other.columns):
        return False
    ends = sorted(int(one.step.max(initial=0)) + 1 for one in (log, other))
    return ends[1] <= _OF_ONE_AXIS * ends[0]


def _with_metrics(whole: Found, part: Found) -> Found:
    if len(part.log.step) > len(whole.log.step):  # the one with most rows is what the others are added to
        whole, part = part, whole
    log = with_columns(whole.log, part.log, {key: key for key in part.log.columns})
    notes = tuple(dict.fromkeys((*whole.log.notes, *part.log.notes)))
    return replace(whole, files=(*whole.files, *part.files), log=replace(log, notes=notes))


def _told(whole: Found) -> Found:
    names = some([path.name for path in sorted(whole.files)], 4)
    text = (
        f"{len(whole.files)} files hold metrics of the run {whole.log.name} and were joined by step ({names}); check "
        "that all of them count the same steps."
    )
    return whole.said(Note(NoteKind.ASSUMED, text, len(whole.files)))


def name_in(path: Path) -> str:
    """Return what names a run in the name of a file."""
    return path.name.removeprefix(EVENTS) if path.name.startswith(EVENTS) else bare(path).stem
