"""Rows of training and of evaluation under the same keys, told apart by a column: a word or a flag in each row.

The values of evaluation rows get keys below "eval/", or below "val/" and "test/" where there are both; those of
training stay what they are. The column is found by its values: words such as "train" and "eval", or a flag whose name
says "eval".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from heldout.readers.log import Column, Labels, Log, Table, some
from heldout.readers.restarts import is_clock
from heldout.readers.step_keys import words
from heldout.run import Note, NoteKind
from heldout.stats.arrays import BoolArray
from heldout.text import counted, word_set

_EVALUATION = word_set("eval evals evaluation evaluate val valid validation validate test testing dev heldout")
_TRAINING = word_set("train training trn rollout update optim optimizer policy step log")
# Words that may stand beside those without a meaning of their own: "eval_step", "validation set".
_BESIDE = word_set(
    "step steps result results end done epoch metrics summary set split log data row final trajectory history curve"
)
_COLUMN = word_set("split phase mode stage kind type event subset partition set tag prefix part what job")
_FLAG = word_set("is flag in held out")
_MOSTLY = 0.5  # of the rows


def is_phase(name: str) -> bool:
    """Whether a name is one of training or of evaluation and says nothing else, such as "train" or "eval_results"."""
    named = set(words(name))
    return bool(named & (_EVALUATION | _TRAINING)) and named <= _EVALUATION | _TRAINING | _BESIDE | {"held", "out"}


def is_evaluation(name: str) -> bool:
    """Whether a name is one of evaluation and says nothing else, such as "eval_history"."""
    return is_phase(name) and not _TRAINING & (set(words(name)) - _BESIDE)


def with_phases(table: Table, log: Log) -> tuple[Log, str]:
    """Rename what evaluation rows hold, where a column tells them apart; return that column's name as well.

    The log has all rows of the table.
    """
    for key, phases in _told(table):
        rows = {name: mask for name, mask in phases.items() if mask.any()}
        if rows:
            return _renamed(log, key, rows), key
    return log, ""


def _told(table: Table) -> Iterator[tuple[str, dict[str, BoolArray]]]:
    """Yield columns that tell evaluation rows apart, with the rows of each kind of evaluation."""
    for key, labels in table.text.items():
        found = _by_words(key, labels, table.rows)
        if found:
            yield key, found
    for key, column in table.columns.items():
        mask = _by_flag(key, column, table)
        if mask is not None:
            yield key, {"eval": mask}


def _by_words(key: str, labels: Labels, rows: int) -> dict[str, BoolArray]:
    kinds = [set(words(name)) for name in labels.names]
    held = [bool(kind & _EVALUATION or kind >= {"held", "out"}) and not kind & {"train", "training"} for kind in kinds]
    known = [kind <= _EVALUATION | _TRAINING | _BESIDE | {"held", "out"} for kind in kinds]
    if not any(held) or (all(held) and len(labels.row) == rows):
        return _by_truth(key, labels, rows)
    if not all(known) and not _COLUMN & set(words(key)):
        return {}
    if not all(fits for fits, is_held in zip(known, held, strict=True) if is_held):
        return {}
    prefixes = [_prefix(kind) for kind in kinds]
    single = len({prefix for prefix, is_held in zip(prefixes, held, strict=True) if is_held}) == 1
    masks: dict[str, BoolArray] = {}
    for code, (prefix, is_held) in enumerate(zip(prefixes, held, strict=True)):
        if is_held:
            mask = masks.setdefault("eval" if single else prefix, np.zeros(rows, dtype=bool))
            mask[labels.row[labels.code == code]] = True
    return masks


def _prefix(kind: set[str]) -> str:
    if "test" in kind or "testing" in kind:
        return "test"
    return "val" if kind & {"val", "valid", "validation", "validate", "dev"} else "eval"


def _by_truth(key: str, labels: Labels, rows: int) -> dict[str, BoolArray]:
    """Rows in which a flag is the word "true"."""
    truth = [name.strip().lower() for name in labels.names]
    if not set(truth) <= {"true", "false", "yes", "no"} or not _is_flag(key):
        return {}
    mask = np.zeros(rows, dtype=bool)
    mask[labels.row[np.isin(labels.code, [code for code, name in enumerate(truth) if name in ("true", "yes")])]] = True
    return {"eval": mask} if mask.any() and not mask.all() else {}


def _by_flag(key: str, column: Column, table: Table) -> BoolArray | None:
    """Rows in which a flag is 1. A score that happens to be 1 stands in rows like all others."""
    if not _is_flag(key) or not np.all((column.value == 0) | (column.value == 1)):
        return None
    mask = np.zeros(table.rows, dtype=bool)
    mask[column.row[column.value == 1]] = True
    if not mask.any() or mask.all():
        return None
    return mask if _are_rows_of_their_own(mask, {k: c for k, c in table.columns.items() if k != key}, column) else None


def _are_rows_of_their_own(mask: BoolArray, others: Mapping[str, Column], flag: Column) -> bool:
    """Whether the flagged rows hold other things than the rest, not what those hold and the evaluation besides."""
    sizes = {key: (mask[column.row].sum(), len(column.row)) for key, column in others.items() if not is_clock(key)}
    flagged, rest = mask.sum(), len(mask) - mask.sum()
    shares = {key: (held / flagged, (size - held) / rest) for key, (held, size) in sizes.items()}
    training = [held for held, other in shares.values() if other > _MOSTLY]
    only_there = any(other == 0 for held, other in shares.values() if held)
    holds_training = bool(training) and min(training) > _MOSTLY
    return (only_there and not holds_training) or (not only_there and len(flag.row) == len(mask))


def _is_flag(key: str) -> bool:
    named = set(words(key))
    return bool(named & _EVALUATION or named >= {"held", "out"}) and named <= _EVALUATION | _FLAG


def _renamed(log: Log, by: str, phases: dict[str, BoolArray]) -> Log:
    columns: dict[str, Column] = {}
    held = np.any([*phases.values()], axis=0)
    for key, column in log.columns.items():
        if key == by:
            continue
        if is_clock(key):
            columns[key] = column
            continue
        rows = ~held[column.row]
        if rows.any():
            columns[key] = Column(column.row[rows], column.value[rows])
        for prefix, mask in phases.items():
            rows = mask[column.row]
            if rows.any():
                named = key if words(key)[:1] and words(key)[0] in _EVALUATION else f"{prefix}/{key}"
                columns[named] = _merged(columns.get(named), Column(column.row[rows], column.value[rows]))
    text = (
        f"{counted(int(held.sum()), 'row')} are evaluations by the column {by!r}; "
        f"their keys were put below {some([f'{name}/' for name in phases])}."
    )
    return replace(log, columns=columns, notes=(*log.notes, Note(NoteKind.ASSUMED, text)))


def _merged(known: Column | None, more: Column) -> Column:
    if known is None:
        return more
    row, value = np.concatenate([known.row, more.row]), np.concatenate([known.value, more.value])
    row, first = np.unique(row, return_index=True)
    return Column(row, value[first])
