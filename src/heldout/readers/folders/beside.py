"""Logs of one run beside each other: the training in one file, held-out scores in another, joined by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from heldout.metrics import meaning_of
from heldout.readers.log import Column, Log, some
from heldout.readers.restarts import is_clock
from heldout.run import Note, NoteKind

# Of the training's steps: scores may stop at half of a run that goes on, and their last step may round up its end.
# Beyond that the two files count different things, such as epochs and steps.
_SHORTEST, _LONGEST = 0.5, 1.2
_ROLES_OF_TRAINING = frozenset({"reward", "length", "loss"})
# What only an optimiser logs: a file with these is no evaluation, whatever it is called.
_OF_AN_OPTIMISER = frozenset({"grad_norm", "learning_rate", "clip_fraction", "kl_policies", "reward_std"})
_OF_EVALUATIONS = frozenset({"held_out", "held_out_length", "evaluation_detail", "evaluation_size"})


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


def new_names(log: Log, other: Log, *, held_out: bool) -> dict[str, str]:
    """Return the keys of another log that can be added to a log, each with its name there.

    `held_out` says that the other log is of held-out problems, by its place: what it logs under the training's names
    is then ``eval/<key>``.
    """
    names: dict[str, str] = {}
    for key in other.columns:
        match = meaning_of(key)
        known = "" if match is None else match.meaning.name
        if is_clock(key) or (key not in log.columns and (known in _OF_EVALUATIONS or not held_out)):
            names[key] = key
        elif held_out and known not in _OF_EVALUATIONS and f"eval/{key}" not in log.columns:
            names[key] = f"eval/{key}"
    return names


def why_not(log: Log, other: Log, *, held_out: bool) -> str | None:
    """Return why another log does not complete a log: a sentence, or "" where it is of no use; None where it does."""
    metrics = [key for key in other.columns if not is_clock(key)]
    names = new_names(log, other, held_out=held_out)
    if len(other.step) < 2 or not any(key in names for key in metrics):
        return ""
    if not held_out and (meanings(other) & _ROLES_OF_TRAINING or any(key in log.columns for key in metrics)):
        return ""
    if log.counted != other.counted:
        return "one of the two files has no steps, so that nothing says which rows belong together"
    last, ends = int(log.step.max(initial=0)), int(other.step.max(initial=0))
    if not _SHORTEST <= (ends + 1) / (last + 1) <= _LONGEST:
        return f"its steps end at {ends} and those of the training at {last}, so that they count different things"
    return None


def beside(log: Log, other: Log, called: str, *, held_out: bool, sure: bool = False) -> Log:
    """Return a log with the metrics of another one of the same run, whose rows stand at the same steps.

    `sure` says that a person has said so.
    """
    names = new_names(log, other, held_out=held_out)
    added = some([name for name in names.values() if not is_clock(name)], 4)
    text = f"{called} was joined to the run by step ({added})"
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
