"""The axis of a log whose rows are numbered by a tracker, not by the training: the steps that are logged beside.

A trainer logs its step with its metrics (``train/global_step``), or one with each part (``train/step``, ``eval/step``,
``rollout/step``). The axis of the training is the one that the reward is logged with: checkpoints are named by it.
Other parts count the same thing, as evaluations do, or another, such as the updates within a step; what they count is
told from the values that are logged around theirs. Rows that have no step, such as tables and what a reward function
logs for itself, stand at the step that was logged before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np

from heldout.metrics import meaning_of, means
from heldout.readers.log import Column, Log, some
from heldout.readers.step_keys import Axis, axis_of
from heldout.run import Note, NoteKind
from heldout.stats.arrays import BoolArray, IntArray
from heldout.steps import STEP_LIMIT

GLOBAL = ("global_step", "train/global_step", "training/global_step", "trainer/global_step")
_TRACKER_S_OWN = ("_timestamp", "_runtime")  # what W&B adds to each row
_NEARLY_ALL = 0.95  # of the rows of a metric; a rare one without the step, such as a summary at the end, says nothing
_MOST = 0.5  # of the rows with metrics that are known; where more have no step, it is no axis of the log
_FORWARD = 0.8  # of the changes of a counter
_NEAR = 0.25  # of a step: two counters that differ by no more, late in the run, count the same
_FEWEST = 5  # values; a counter that stands at one of them throughout is stuck, and fewer may well be at one step
_NO_VOTE = frozenset({"time", "progress", "tokens", "evaluation_size", "reward_component", "spread_of_another"})
_LEADING = ("reward", "held_out")  # whose axis is that of the log

_Columns = Mapping[str, Column]


def on_training_axis(log: Log) -> Log:
    """Where a tracker numbers the rows of a log itself, use the training step that is logged beside it."""
    tracked = log.format == "wandb" or any(key in log.columns for key in _TRACKER_S_OWN)
    for key in GLOBAL:
        column = log.columns.get(key)
        if column is not None and len(column.row) >= _NEARLY_ALL * len(log.step) and _counts(column):
            return _placed(log, _filled(column, len(log.step)), [key])
    found = axis_by_parts(log.columns, len(log.step), log.axes) if tracked else None
    return log if found is None else _placed(log, *found)


def axis_by_parts(
    columns: _Columns, rows: int, declared: Mapping[str, str] | None = None
) -> tuple[IntArray, list[str]] | None:
    """Return the step of every row, shape (R,), and the columns that it was found from; None where there is no axis.

    `declared` says which column is the axis of metrics, given as patterns: ``{"eval/*": "eval/step"}``.
    """
    declared = declared or {}
    named = {key: columns[key] for key in _named(columns, declared)}
    counters = {key: column for key, column in named.items() if _counts(column) and _goes_on(column)}
    if not counters:
        return None
    numbered = _rows_of([column.row for column in counters.values()], rows)
    voting = _rows_of([column.row for key, column in columns.items() if _votes(key, counters)], rows)
    if np.count_nonzero(numbered & voting) <= _MOST * np.count_nonzero(voting):
        return None
    main = _main(columns, counters, declared)
    same = [key for key in counters if key != main and _same_unit(counters[main], counters[key], rows)]
    step = np.full(rows, -1, dtype=np.int64)
    for key in (*same, main):  # where a row has both, the axis of the training holds
        step[counters[key].row] = counters[key].value.astype(np.int64)
    known = np.flatnonzero(step >= 0)
    return _filled(Column(known, step[known].astype(np.float64)), rows), [main, *same]


def _named(columns: _Columns, declared: Mapping[str, str]) -> Iterator[str]:
    """Yield the columns that are steps by their name or by what the log declares."""
    axes = set(declared.values())
    for key in columns:
        if key in axes or key in GLOBAL or ("/" in key and axis_of(key) is Axis.STEP):
            yield key


def _counts(column: Column) -> bool:
    """Whether the values are whole numbers, and not all the same."""
    value = column.value
    if not len(value) or not np.all((value >= 0) & (value < STEP_LIMIT) & (value == np.floor(value))):
        return False
    return bool(np.any(value != value[0])) or (len(value) < _FEWEST and bool(value[0] > 0 or len(value) == 1))


def _goes_on(column: Column) -> bool:
    """Whether a counter goes forward; a restart goes back now and then."""
    change = np.diff(column.value)
    return not change.any() or bool(np.mean(change[change != 0] > 0) >= _FORWARD)


def _rows_of(rows: list[IntArray], count: int) -> BoolArray:
    found = np.zeros(count, dtype=bool)
    for row in rows:
        found[row] = True
    return found


def _votes(key: str, counters: _Columns) -> bool:
    match = meaning_of(key)
    return key not in counters and match is not None and match.meaning.name not in _NO_VOTE


def _main(columns: _Columns, counters: _Columns, declared: Mapping[str, str]) -> str:
    """Return the counter that the reward is logged with, else the held-out score, else the one of most rows."""

    def rank(counter: str) -> tuple[int, ...]:
        beside = [_beside(columns, counter, role, declared) for role in _LEADING]
        known = GLOBAL.index(counter) if counter in GLOBAL else len(GLOBAL)
        return (*(-found for found in beside), known, -len(counters[counter].row))

    return min(counters, key=rank)


def _beside(columns: _Columns, counter: str, role: str, declared: Mapping[str, str]) -> int:
    """How surely metrics of a role are logged at a counter: 2 as declared or as one of its part, 1 in its rows."""
    best = 0
    part = counter.rpartition("/")[0]
    for key, column in columns.items():
        if not means(key, (role,)) or not len(column.row):
            continue
        if np.mean(np.isin(column.row, columns[counter].row)) >= _NEARLY_ALL:
            axis = next((axis for pattern, axis in declared.items() if fnmatchcase(key, pattern)), None)
            own = axis == counter if axis is not None else part != "" and key.startswith(f"{part}/")
            best = max(best, 2 if own else 1)
    return best


def _same_unit(main: Column, other: Column, rows: int) -> bool:
    """Whether two counters count the same: late in the run they are near each other, each in its own rows.

    The other may be the step that is just done, or the next one, and an evaluation may be late.
    """
    half = len(other.row) // 2
    row, value = other.row[half:], other.value[half:]
    before = _filled(main, rows)[row].astype(np.float64)
    interval = float(np.median(np.abs(np.diff(main.value)))) if len(main.value) > 1 else 1.0
    apart = np.abs(value - before)
    return bool(np.median(apart) <= max(1.0, interval, _NEAR * float(np.median(before))))


def _filled(column: Column, rows: int) -> IntArray:
    """Return the value of every row: that of the last row before it which has one, else the first of all."""
    last = np.searchsorted(column.row, np.arange(rows), side="right") - 1
    filled: IntArray = column.value.astype(np.int64)[np.maximum(last, 0)]
    return filled


def _placed(log: Log, step: IntArray, used: list[str]) -> Log:
    columns = {key: column for key, column in log.columns.items() if key not in used}
    numbered = _rows_of([log.columns[key].row for key in used], len(step))
    if np.array_equal(step[numbered], log.step[numbered]):  # rows without it, such as an evaluation, keep theirs
        return log
    said = Note(NoteKind.ASSUMED, f"Steps are those of {listed(used)}; the tracker's own count of rows was set aside.")
    return replace(log, step=step, columns=columns, notes=(*log.notes, said))


def listed(used: list[str]) -> str:
    """Name the columns that the steps are from, in a sentence."""
    return f"{used[0]!r}" + (f", and of {some(used[1:])} in rows that have it alone" if len(used) > 1 else "")
