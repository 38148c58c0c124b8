"""Which column numbers the rows of a table, and the log, or the logs of several runs, that come of it.

Names propose columns (`step_keys`), values decide: a column that never moves numbers nothing, and one whose name is not
sure must run on as steps do. Where nothing numbers the rows they are counted, which is said, and kept in `Log.counted`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from heldout.errors import NoMetrics
from heldout.metrics import meaning_of
from heldout.readers.axes import axis_by_parts, listed
from heldout.readers.closing import without_closing_row
from heldout.readers.log import Column, Labels, Log, Table, in_order_of_steps, noted, some, table_of
from heldout.readers.phases import with_phases
from heldout.readers.step_keys import Axis, axis_of, words
from heldout.readers.table_runs import are_parts_of_steps, refuse_table_of_runs, runs_in
from heldout.run import NO_STEPS, Note, NoteKind
from heldout.stats.arrays import FloatArray, IntArray
from heldout.steps import STEP_LIMIT
from heldout.text import counted

_NUMBERED = re.compile(r"(\d+)(?:\s*/\s*\d+|\D*)$")  # "step_0100", "10/438", "checkpoint-20"
_RANGE = re.compile(r"\s*\d+\s*[-–]\s*\d+\s*")  # "1-10" is no step
_LAST = re.compile(r"(?:.*[_/.-])?(?:main|final|last|latest|end)", re.IGNORECASE)
_FIRST = re.compile(r"(?:.*[_/.-])?(?:base(?:line)?|init(?:ial)?|start|pretrained)", re.IGNORECASE)
_SENTINELS = tuple(10**power - 1 for power in range(4, 12))
_FAR_BEYOND = 3  # times the last other step; a step of 9999 may be real in a run that reaches 5000
_FEWEST = 5  # rows; fewer may well stand at one step
_NEVER_COUNTED = 20  # rows, all at step 0; fewer may be a run that has just begun
_STUCK = 0.8  # of the rows at one step: the counter was not counting
# Of the rows, may go back where a name is not sure: each of several short runs in one table goes back once.
_MOST_BACK = 0.26
_FEWEST_MOVES = 0.2  # of the rows at a step of their own; a whole epoch number stands still for all of an epoch
# What makes no log of a training: any table of results has counts, limits of intervals and times.
_NO_CURVE = ("length", "held_out_length", "time", "progress", "evaluation_size", "tokens", "spread_of_another")

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Numbering:
    """Which column was taken, and what it says."""

    step: IntArray  # of every row, -1 for rows without one
    key: str  # "" where rows are counted
    notes: list[Note]


def log_from_table(
    table: Table | Rows,
    format: str,
    *,
    step_key: str | None = None,
    name: str | None = None,
    notes: Sequence[Note] = (),
    config: Mapping[str, Any] | None = None,
) -> Log:
    """Choose the step column of a table, or of rows in order of writing; return it as one log, whatever runs it holds.

    Nested mappings are flattened with "/"; numbers, bools and numeric text become values, None is missing; other text
    is left out and noted. `format` is the id of the format; `step_key` is the column that numbers the rows, found by
    its name and values where it is None. Raises `NoMetrics` where there is neither a step nor a known metric.
    """
    table = table if isinstance(table, Table) else table_of(table)
    log = _log(table, _numbering(table, step_key), format, name, notes, config)
    return _usable(log, table, log.step >= 0)


def logs_from_table(
    table: Table | Rows,
    format: str,
    *,
    step_key: str | None = None,
    name: str | None = None,
    notes: Sequence[Note] = (),
    config: Mapping[str, Any] | None = None,
    growing: bool = False,
) -> list[Log]:
    """Return one log per run in the table.

    A table holds several runs when its steps repeat, and the values of some columns (``run``, ``seed``, or whatever
    stays the same within a block of rows) make them unique again, or when blocks of equal steps follow each other.
    Rows of evaluations that a column tells apart from those of training get keys below "eval/". A table with a row for
    each finished run is refused with `NoMetrics`. `growing` says that the table is still being written.
    """
    table = table if isinstance(table, Table) else table_of(table)
    numbering = _numbering(table, step_key)
    refuse_table_of_runs(table, numbering.step if numbering.key else None)
    log = _log(table, numbering, format, name, notes, config)
    log, phase = with_phases(table, log)
    runs = runs_in(table, log, growing=growing, but=phase) if numbering.key else []
    if not runs:
        alone = _usable(log, table, log.step >= 0)
        return [in_order_of_steps(alone) if are_parts_of_steps(table, log) else alone]
    said = Note(NoteKind.REPAIRED, f"The table holds {len(runs)} runs; each is read on its own.")
    whole = replace(log, notes=(*log.notes, said))
    return [
        replace(_usable(whole, table, rows & (log.step >= 0)), name=f"{name}, {label}" if name else label)
        for label, rows in runs
    ]


def _log(
    table: Table,
    numbering: _Numbering,
    format: str,
    name: str | None,
    notes: Sequence[Note],
    config: Mapping[str, Any] | None,
) -> Log:
    columns = {key: column for key, column in table.columns.items() if key != numbering.key}
    columns, closing = without_closing_row(columns)
    said = (*notes, *table.notes(), *numbering.notes, *closing)
    settings = {**table.constants, **(config or {})}
    return Log(format, numbering.step, columns, name=name, notes=said, config=settings, counted=not numbering.key)


def _usable(log: Log, table: Table, keep: np.ndarray[Any, np.dtype[np.bool_]]) -> Log:
    if not keep.all():
        log = log.only(keep)
    log = replace(log, columns={key: column for key, column in log.columns.items() if len(column.row)})
    if not log.columns:
        raise NoMetrics(f"{table.rows} rows were seen, and none of them has a number beside its step.")
    return log


# -- choosing the column ----------------------------------------------------------------------------------------------


def _numbering(table: Table, step_key: str | None) -> _Numbering:
    """Return the step of every row, the column used, and what was assumed."""
    found = [_read(table, key) for key in (_spelled(step_key, table) if step_key else _proposed(table))]
    found = [one for one in found if np.count_nonzero(one.step >= 0) * 2 >= max(table.rows, 1)]
    if not step_key:
        found = _fit(found)
    best = _continued(table, found[0]) if found else None
    lost = 0 if best is None else int(np.count_nonzero(best.step < 0))
    parts = _by_parts(table) if not step_key and (best is None or (lost and "/" in best.key)) else None
    if parts is not None:
        return parts
    if best is not None and table.rows >= _NEVER_COUNTED and len(np.unique(best.step)) < _FEWEST:
        _refuse_without_metrics(table)  # "n_iters" may be a setting
    if best is not None:
        text = f"{counted(lost, 'row')} without a usable step in column {best.key!r} dropped."
        return replace(best, notes=[*best.notes, *noted(NoteKind.DROPPED, lost, text)])
    by_epoch = None if step_key else _by_fractions(table)
    if by_epoch is not None:
        return by_epoch
    _refuse_without_metrics(table)
    text = "No column numbers the steps, so rows are counted from 0."
    return _Numbering(np.arange(table.rows), "", [Note(NoteKind.ASSUMED, text)])


def _by_parts(table: Table) -> _Numbering | None:
    """Take the step of each part of a training, ``train/step`` and ``eval/step``, where no column numbers all rows."""
    found = axis_by_parts(table.columns, table.rows)
    if found is None:
        return None
    step, used = found
    return _Numbering(step, used[0], [Note(NoteKind.ASSUMED, f"Steps are those of {listed(used)}.")])


def _proposed(table: Table) -> list[str]:
    """Columns whose names say that they may number the rows, best first."""
    keys = {*table.columns, *table.text}
    found = [key for key in (*table.columns, *(k for k in table.text if k not in table.columns)) if _axis(table, key)]
    # Without a path before one below a path, whole training before parts of it, few words before many.
    order = {key: (_rank(table, key), key.count("/"), "global" not in words(key), len(words(key))) for key in found}
    return sorted((key for key in found if key in keys), key=order.__getitem__)


def _axis(table: Table, key: str) -> tuple[Axis] | None:
    """What a column counts; "global_step/max_steps" with cells such as "10/438" by its first part."""
    parts = [key, *key.split("/")[:1]] if key in table.text else [key]
    known = [axis for part in parts if (axis := axis_of(part)) is not None]
    return (min(known),) if known else None


def _rank(table: Table, key: str) -> int:
    axis = _axis(table, key)
    return int(axis[0]) if axis else len(Axis)


def _spelled(key: str, table: Table) -> list[str]:
    """Columns of this name: exactly, then as the last part of a path, case ignored."""
    keys = [*table.columns, *(other for other in table.text if other not in table.columns)]
    exact = [other for other in keys if other.lower() == key]
    return exact + [other for other in keys if other.lower().endswith(f"/{key}")] if "/" not in key else exact


def _fit(found: Sequence[_Numbering]) -> list[_Numbering]:
    """Of the columns proposed, those whose values run as steps do; one that is stuck comes last, or not at all."""
    fit = [one for one in found if _is_sure(one.key) or _runs_on(one.key, one.step)]
    moving = [one for one in fit if not _is_stuck(one.step)]
    if not moving:
        return [one for one in fit if _is_sure(one.key) and (one.step.max() > 0 or len(one.step) < _NEVER_COUNTED)]
    # A counter that begins anew in every epoch or process is worse than one of its kind that runs on.
    least = min(_times_back(one.step) for one in moving if axis_of(one.key) == axis_of(moving[0].key))
    kind = [one for one in moving if axis_of(one.key) == axis_of(moving[0].key) and _times_back(one.step) == least]
    same = [one for one in kind if np.array_equal(one.step, kind[0].step)]
    return [min(same, key=lambda one: len(one.key))]


def _is_sure(key: str) -> bool:
    """Whether a name needs no evidence: "step", "train/global_step", "iteration", in whatever order the rows stand."""
    axis = axis_of(key)
    return axis is not None and axis < Axis.EPOCH and axis is not Axis.OTHER_STEP


def _runs_on(key: str, step: IntArray) -> bool:
    known = step[step >= 0]
    different = len(np.unique(known))
    if len(known) > 2 and (different < 2 or different < _FEWEST_MOVES * len(known)):
        return False
    if axis_of(key) is Axis.CONSUMED:  # what is consumed grows in every row
        return len(known) > 2 and bool(np.all(np.diff(known) > 0))
    return _times_back(step) <= _MOST_BACK * len(known)


def _is_stuck(step: IntArray) -> bool:
    known = step[step >= 0]
    if len(known) < _FEWEST:
        return False
    return bool(np.unique(known, return_counts=True)[1].max() > _STUCK * len(known))


def _times_back(step: IntArray) -> int:
    return int(np.count_nonzero(np.diff(step[step >= 0]) < 0))


def _continued(table: Table, found: _Numbering) -> _Numbering:
    """Count a step that begins anew in every epoch on through the epochs."""
    back = np.flatnonzero(np.diff(found.step) < 0) + 1
    whole = [key for key in table.columns if axis_of(key) is Axis.EPOCH and key != found.key]
    if not len(back) or not whole or np.any(found.step < 0):
        return found
    column = table.columns[whole[0]]
    if len(column.row) < table.rows or np.any(column.value % 1 != 0):
        return found
    rises = np.flatnonzero(np.diff(column.value) > 0) + 1
    if np.any(np.diff(column.value) < 0) or not np.array_equal(rises, back):
        return found
    starts = np.concatenate([[0], back])
    last = found.step[np.concatenate([back, [table.rows]]) - 1]
    interval = int(np.median(np.abs(np.diff(found.step)))) or 1
    per_epoch = int((last - found.step[starts])[:-1].max()) + interval
    epoch = np.searchsorted(back, np.arange(table.rows), side="right")
    text = f"{found.key!r} begins anew in every {whole[0]!r}; steps were counted on, {per_epoch} in each."
    return replace(found, step=found.step + per_epoch * epoch, notes=[*found.notes, Note(NoteKind.ASSUMED, text)])


def _by_fractions(table: Table) -> _Numbering | None:
    """Number the rows by an epoch with a fraction, which is an axis, though not one that checkpoints are named by."""
    for key, column in table.columns.items():
        if axis_of(key) is not Axis.EPOCH or len(column.row) < table.rows or not np.all(np.isfinite(column.value)):
            continue
        values, place = np.unique(column.value, return_inverse=True)
        if len(values) < max(3, _FEWEST_MOVES * table.rows) or _goes_back(column.value) > _MOST_BACK:
            continue
        text = f"No column numbers the steps; they were counted from 1 by {key!r}, {values[0]:g} to {values[-1]:g}."
        return _Numbering(place.astype(np.int64) + 1, key, [Note(NoteKind.ASSUMED, text)])
    return None


def _goes_back(value: FloatArray) -> float:
    return float(np.mean(np.diff(value) < 0))


def _refuse_without_metrics(table: Table) -> None:
    if not any(_is_metric(key) for key in table.columns):
        seen = some([*table.columns, *table.text]) or "nothing numeric"
        raise NoMetrics(
            f"No training log: the columns are {seen}, and none of them is a step (step, global_step, iteration, "
            "epoch …) or a metric that heldout knows; rename a column to 'step'."
        )


def _is_metric(key: str) -> bool:
    match = meaning_of(key)
    return match is not None and match.meaning.name not in _NO_CURVE


# -- reading its cells ------------------------------------------------------------------------------------------------


def _read(table: Table, key: str) -> _Numbering:
    step, notes = np.full(table.rows, -1, dtype=np.int64), list[Note]()
    column = table.columns.get(key, Column(NO_STEPS, np.empty(0)))
    with np.errstate(invalid="ignore"):  # what is no number of this size is not equal to what it becomes
        number = column.value.astype(np.int64)
    whole = (column.value >= 0) & (column.value < STEP_LIMIT) & (number == column.value)
    step[column.row[whole]] = number[whole]
    last = [*(_read_labels(table.text[key], step, notes, key) if key in table.text else []), *_sentinels(step, notes)]
    known = np.unique(step[step >= 0]) if last else NO_STEPS
    if len(known):
        interval = int(np.median(np.diff(known))) if len(known) > 1 else 1
        step[last] = known[-1] + max(interval, 1)
    return _Numbering(step, key, notes)


def _read_labels(labels: Labels, step: IntArray, notes: list[Note], key: str) -> list[int]:
    """Read "step_0100", "10/438" and "baseline"; return the rows that only say "final"."""
    said = np.full(len(labels.names), -1, dtype=np.int64)
    is_last = np.zeros(len(labels.names), dtype=bool)
    for code, name in enumerate(labels.names):
        found = None if _RANGE.fullmatch(name) else _NUMBERED.search(name)
        if _LAST.fullmatch(name):
            is_last[code] = True
        elif _FIRST.fullmatch(name):
            said[code] = 0
        elif found:
            said[code] = int(found.group(1)[-18:])
    step[labels.row] = said[labels.code]
    last: list[int] = labels.row[is_last[labels.code]].tolist()
    if last:
        name = labels.names[int(np.flatnonzero(is_last)[0])]
        text = f"{name!r} in column {key!r} is no number; it was placed one interval after the last step."
        notes.append(Note(NoteKind.ASSUMED, text, len(last)))
    return last


def _sentinels(step: IntArray, notes: list[Note]) -> list[int]:
    """Find a lone 99999 far beyond all other steps: some scripts write it for "final"."""
    top = int(step.max(initial=-1))
    rows = np.flatnonzero(np.isin(step, _SENTINELS)) if top in _SENTINELS else NO_STEPS
    if len(rows) != 1:
        return []
    others = np.delete(step, rows)
    if len(others) < 2 or step[rows[0]] < _FAR_BEYOND * max(int(others.max()), 1):
        return []
    text = f"Step {step[rows[0]]} was taken as 'final' and placed one interval after step {others.max()}."
    notes.append(Note(NoteKind.ASSUMED, text))
    step[rows] = -1
    return [int(rows[0])]
