"""Which column numbers the rows, and which rows belong to which run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from heldout.errors import NoMetrics
from heldout.metrics import meaning_of
from heldout.readers.log import Log, Table, noted, some, table_of
from heldout.readers.step_keys import RUN_KEYS, STEP_KEYS
from heldout.run import NO_STEPS, Note, NoteKind
from heldout.stats.arrays import BoolArray, IntArray
from heldout.text import counted

_NUMBERED = re.compile(r"(\d+)(?:\s*/\s*\d+|\D*)$")  # "step_0100", "10/438", "checkpoint-20"
_LAST = re.compile(r"(?:.*[_/.-])?(?:main|final|last|latest|end)", re.IGNORECASE)
_FIRST = re.compile(r"(?:.*[_/.-])?(?:base(?:line)?|init(?:ial)?|start|pretrained)", re.IGNORECASE)
_MOST_RUNS = 200  # more values than that in a column are no names of runs
_MOST_NAMES = 3  # columns that name runs together, such as model, task and seed
_FEWER_REPEATS = 20  # times; a run that was restarted within the table repeats some of its own steps
_SENTINELS = tuple(10**power - 1 for power in range(4, 12))
_FAR_BEYOND = 3  # times the last other step; a step of 9999 may be real in a run that reaches 5000


Rows = Sequence[Mapping[str, Any]]


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
    its known names where it is None. Raises `NoMetrics` where there is neither a step nor a known metric.
    """
    table = table if isinstance(table, Table) else table_of(table)
    step, used, said = _steps(table, step_key)
    columns = {key: column for key, column in table.columns.items() if key != used}
    said = [*notes, *table.notes(), *said]
    log = Log(format, step, columns, name=name, notes=tuple(said), config={**table.constants, **(config or {})})
    if np.any(step < 0):
        log = log.only(step >= 0)
    if not any(len(column.value) for column in log.columns.values()):
        raise NoMetrics(f"{table.rows} rows were seen, and none of them has a number beside its step.")
    return log


def logs_from_table(
    table: Table | Rows,
    format: str,
    *,
    name: str | None = None,
    notes: Sequence[Note] = (),
    config: Mapping[str, Any] | None = None,
) -> list[Log]:
    """Return one log per run in the table.

    A table holds several runs when its steps repeat and a column that names runs (``run``, ``seed``, ``model`` …)
    makes them unique again.
    """
    table = table if isinstance(table, Table) else table_of(table)
    log = log_from_table(table, format, name=name, notes=notes, config=config)
    labels = _run_labels(table, log)
    if labels is None:
        return [log]
    said = Note(NoteKind.REPAIRED, f"The table holds {len(set(labels))} runs; each is read on its own.")
    label = np.array(labels, dtype=object)
    return [
        replace(_of_run(log, label == wanted), name=wanted, notes=(*log.notes, said))
        for wanted in dict.fromkeys(labels)
    ]


def _steps(table: Table, step_key: str | None) -> tuple[IntArray, str, list[Note]]:
    """Return the step of every row (-1 for rows without one), the column used, and what was assumed."""
    for candidate in (step_key,) if step_key else STEP_KEYS:
        for key in _spelled(candidate, table):
            step, notes = _parsed(table, key)
            known = int(np.count_nonzero(step >= 0))
            if known and known * 2 >= table.rows:
                text = f"{counted(table.rows - known, 'row')} without a usable step in column {key!r} dropped."
                return step, key, notes + noted(NoteKind.DROPPED, table.rows - known, text)
    _refuse_without_metrics(table)
    text = "No column numbers the steps, so rows are counted from 0."
    return np.arange(table.rows), "", [Note(NoteKind.ASSUMED, text)]


def _refuse_without_metrics(table: Table) -> None:
    if not any(_is_metric(key) for key in table.columns):
        seen = some([*table.columns, *table.text]) or "nothing numeric"
        raise NoMetrics(
            f"No training log: the columns are {seen}, and none of them is a step ({', '.join(STEP_KEYS[:4])} …) "
            "or a metric that heldout knows; rename a column to 'step'."
        )


def _is_metric(key: str) -> bool:
    match = meaning_of(key)
    return match is not None and match.meaning.name not in ("time", "progress", "evaluation_size", "tokens")


def _spelled(candidate: str, table: Table) -> list[str]:
    """Columns that spell a step key: exactly, then as the last part of a path, case ignored."""
    keys = [*table.columns, *(key for key in table.text if key not in table.columns)]
    exact = [key for key in keys if key.lower() == candidate]
    return exact + [key for key in keys if key.lower().endswith(f"/{candidate}")] if "/" not in candidate else exact


def _parsed(table: Table, key: str) -> tuple[IntArray, list[Note]]:
    step, notes = np.full(table.rows, -1, dtype=np.int64), list[Note]()
    if key in table.columns:
        column = table.columns[key]
        with np.errstate(invalid="ignore"):  # what is no number of this size is not equal to what it becomes
            number = column.value.astype(np.int64)
        whole = (column.value >= 0) & (column.value < 2**62) & (number == column.value)
        step[column.row[whole]] = number[whole]
    last = _read_labels(table.text.get(key, {}), step, notes, key) + _sentinels(step, notes)
    known = np.unique(step[step >= 0])
    if last and len(known):
        interval = int(np.median(np.diff(known))) if len(known) > 1 else 1
        step[last] = known[-1] + max(interval, 1)
    return step, notes


def _read_labels(labels: Mapping[int, str], step: IntArray, notes: list[Note], key: str) -> list[int]:
    """Read "step_0100", "10/438" and "baseline"; return the rows that only say "final"."""
    last = []
    for row, label in labels.items():
        found = _NUMBERED.search(label)
        if _LAST.fullmatch(label):
            last.append(row)
        elif _FIRST.fullmatch(label):
            step[row] = 0
        elif found:
            step[row] = int(found.group(1)[-18:])
    if last:
        text = f"{labels[last[0]]!r} in column {key!r} is no number; it was placed one interval after the last step."
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


def _of_run(log: Log, keep: BoolArray) -> Log:
    log = log.only(keep)
    return replace(log, columns={key: column for key, column in log.columns.items() if len(column.row)})


def _run_labels(table: Table, log: Log) -> list[str] | None:
    """Return the run of every row where naming columns make repeated steps unique, else None."""
    if len(log.step) != table.rows or np.all(np.diff(log.step) > 0):
        return None
    named = {
        key: cells for key in RUN_KEYS for cells in [_cells(table, key)] if 2 <= len(set(cells.values())) <= _MOST_RUNS
    }
    if not named:
        return None
    before = _repeats(log.step, [""] * table.rows)
    for size in range(1, min(len(named), _MOST_NAMES) + 1):
        for keys in combinations(named, size):
            labels = [", ".join(f"{key}={named[key].get(row, '')}" for key in keys) for row in range(table.rows)]
            if _repeats(log.step, labels) * _FEWER_REPEATS <= before:
                return labels
    return None


def _cells(table: Table, wanted: str) -> dict[int, str]:
    for key in (*table.text, *table.columns):
        if key.lower() == wanted and key in table.text:
            return table.text[key]
        if key.lower() == wanted:
            column = table.columns[key]
            return {int(row): f"{value:g}" for row, value in zip(column.row, column.value, strict=True)}
    return {}


def _repeats(step: IntArray, labels: Sequence[str]) -> int:
    """Count the rows whose step was there before under the same label."""
    return len(step) - len(set(zip(step.tolist(), labels, strict=True)))
