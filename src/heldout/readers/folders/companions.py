"""Logs of one run beside each other: the training in one file, held-out scores in another, joined by step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from heldout.metrics import meaning_of, means
from heldout.readers.folders.places import is_held_out
from heldout.readers.log import Column, Log, some
from heldout.readers.restarts import is_clock
from heldout.run import Note, NoteKind

# Of the training's steps: scores may stop at half of a run that goes on, and their last step may round up its end.
# Beyond that the two files count different things, such as epochs and steps.
_SHORTEST, _LONGEST = 0.5, 1.2
_FEWEST_SAME, _MOSTLY, _DIGITS = 5, 0.9, 2e-3  # what was printed has three digits
_ROLES_OF_TRAINING = frozenset({"reward", "length", "loss"})
# What only an optimiser logs: a file with these is no evaluation, whatever it is called.
_OF_AN_OPTIMISER = frozenset({"grad_norm", "learning_rate", "clip_fraction", "kl_policies", "reward_std"})
_OF_EVALUATIONS = frozenset({"held_out", "held_out_length", "evaluation_detail", "evaluation_size", "score"})
_SPARSER = 2  # times fewer values than rows of the training: a plain score that is not of the batch


def says_the_same(log: Log, other: Log) -> bool:
    """Whether two logs hold the same values of a metric, but for the digits that were printed."""
    return any(_same(log, other, key) for key in log.columns if key in other.columns and not is_clock(key))


def _same(log: Log, other: Log, key: str) -> bool:
    mine, others = log.columns[key], other.columns[key]
    a, b = mine.value, others.value
    if not (log.counted or other.counted):
        _, at, there = np.intersect1d(log.step[mine.row], other.step[others.row], return_indices=True)
        a, b = a[at], b[there]
    if len(a) != len(b) or len(a) < max(_FEWEST_SAME, _MOSTLY * min(len(mine.row), len(others.row))):
        return False
    varies = len(np.unique(a)) > len(a) // 2  # a setting that never changes is the same in many runs
    return varies and float(np.isclose(a, b, rtol=_DIGITS, atol=_DIGITS).mean()) >= _MOSTLY


def has_reward(log: Log) -> bool:
    """Whether a log holds what is known as the reward of the training."""
    return "reward" in meanings(log)


def is_of_training(log: Log) -> bool:
    """Whether a log holds a metric of the training."""
    return bool(meanings(log) & (_ROLES_OF_TRAINING | _OF_AN_OPTIMISER))


def is_whole(log: Log) -> bool:
    """Whether a log is that of a whole training, whatever its place says: an optimiser's, or reward and scores."""
    known = meanings(log)
    return bool(known & _OF_AN_OPTIMISER) or {"reward", "held_out"} <= known


def meanings(log: Log) -> set[str]:
    """Return what the metrics of a log mean, as far as they are known."""
    return {match.meaning.name for key in log.columns if (match := meaning_of(key)) is not None}


@dataclass(frozen=True, slots=True)
class Place:
    """What the place of a log says of it."""

    called: str  # its file, in sentences
    held_out: bool = False  # whether it is of held-out problems
    label: str = ""  # the problem set, as far as a name tells
    shared: frozenset[str] = frozenset()  # keys that other logs of held-out problems beside it have as well


def new_names(log: Log, other: Log, place: Place) -> dict[str, str]:
    """Return the keys of another log that can be added to a log, each with its name there.

    What a log of held-out problems logs under the training's names is ``eval/<key>``, and ``eval/<label>/<key>`` where
    others beside it do the same. A key that says nothing is named after a file that does.
    """
    names: dict[str, str] = {}
    for key in other.columns:
        name = key
        if is_clock(key):
            names[key] = key
            continue
        if place.held_out and key in place.shared and place.label:
            name = f"{place.label if is_held_out(place.label) else f'eval/{place.label}'}/{key}"
        elif place.held_out and (key in log.columns or not says_held_out(key) or _is_dense(log, other, key)):
            name = f"eval/{key}"
        elif not place.held_out and meaning_of(key) is None and place.label and place.label not in key:
            name = f"{place.label}/{key}"
        if name not in log.columns:
            names[key] = name
    return names


def _is_dense(log: Log, other: Log, key: str) -> bool:
    """Whether a plain score stands at so many rows of the training that it would be taken for one of the batch."""
    return means(key, ("score",)) and len(other.columns[key].row) * _SPARSER > len(log.step)


def says_held_out(key: str) -> bool:
    """Whether the name of a metric says itself that it is of held-out problems."""
    return means(key, _OF_EVALUATIONS) or is_held_out(re.split("[/_]", key)[0])


def why_not(log: Log, other: Log, place: Place) -> str | None:
    """Return why another log does not complete a log: a sentence, or "" where it is of no use; None where it does."""
    metrics = [key for key in other.columns if not is_clock(key)]
    names = new_names(log, other, place)
    if len(other.step) < 2 or not any(key in names for key in metrics):
        return ""
    if not place.held_out and (meanings(other) & _ROLES_OF_TRAINING or any(key in log.columns for key in metrics)):
        return ""
    if log.counted != other.counted:
        return "one of the two files has no steps, so that nothing says which rows belong together"
    last, ends = int(log.step.max(initial=0)), int(other.step.max(initial=0))
    if not _SHORTEST <= (ends + 1) / (last + 1) <= _LONGEST:
        return f"its steps end at {ends} and those of the training at {last}, so that they count different things"
    return None


def beside(log: Log, other: Log, place: Place, *, sure: bool = False) -> Log:
    """Return a log with the metrics of another one of the same run, whose rows stand at the same steps.

    `sure` says that a person has said so.
    """
    names = new_names(log, other, place)
    added = some([name for name in names.values() if not is_clock(name)], 4)
    text = f"{place.called} was joined to the run by step ({added})"
    text += "." if sure else "; check that both files count the same steps."
    note = Note(NoteKind.ASSUMED, text)
    config = {**other.config, **log.config}
    whole = with_columns(log, other, names)
    return replace(whole, config=config, notes=(*log.notes, *other.notes, note))


def with_columns(log: Log, other: Log, names: Mapping[str, str]) -> Log:
    """Add rows of another log under new names; a column that is there already goes on."""
    whole = log.with_rows(other.step, {})
    columns = dict(log.columns)
    for key, name in names.items():
        more = other.columns[key]
        row, value = more.row + len(log.step), more.value
        if name in columns:
            row, value = np.concatenate([columns[name].row, row]), np.concatenate([columns[name].value, value])
        columns[name] = Column(row, value)
    return replace(whole, columns=columns)
