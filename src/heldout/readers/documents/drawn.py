"""Tables that were drawn for people, in a page, a notebook or a text: which of them are of a training, and of which.

The table that the Hugging Face trainer draws in a notebook has names of its own, and Unsloth's the trainer's with
" / " for "/"; both are read under the trainer's names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from heldout.readers.documents.csv_parquet import logs_of_rows
from heldout.readers.log import Log
from heldout.readers.restarts import joined
from heldout.stats.arrays import FloatArray, IntArray

Rows = Sequence[Sequence[str]]

_LOSSES = {"training loss": "loss", "validation loss": "eval_loss"}
_CURVE = 3  # values: fewer of a table are its last words, such as the best value, and may stand in it alone
_SHOWN = re.compile(r"[A-Z]\S*(?: [A-Z]\S*)*")  # "Accuracy", "Math Pass@1": what the trainer evaluated as eval_…


def logs_of_tables(tables: Iterable[Rows], format: str) -> list[Log]:
    """Return the logs in those tables that have steps and numbers, one for each training."""
    found = [log for rows in tables if len(rows) > 2 for log in logs_of_rows(_under_trainers_names(rows), format)]
    return trainings([(f"table {number}", log) for number, log in enumerate(found, 1)])


def trainings(found: Iterable[tuple[str, Log]]) -> list[Log]:
    """Return a log for each training, in the order in which they were drawn.

    What was drawn twice is taken once, and what has the same metrics and goes on where the one before ended belongs to
    it. The names are given where there are several.
    """
    kept: list[tuple[str, Log]] = []
    for name, log in found:
        if any(_is_same(log, other) or _repeats(log, other) for _, other in kept):
            continue
        if kept and _goes_on(kept[-1][1], log):
            kept[-1] = (kept[-1][0], joined([kept[-1][1], log]))
        else:
            kept.append((name, log))
    if len(kept) < 2:
        return [log for _, log in kept]
    seen: Counter[str] = Counter()
    logs = []
    for name, log in kept:
        seen[name] += 1
        logs.append(replace(log, name=name if seen[name] == 1 else f"{name} ({seen[name]})"))
    return logs


def _is_same(log: Log, other: Log) -> bool:
    return (
        np.array_equal(log.step, other.step)
        and log.columns.keys() == other.columns.keys()
        and all(np.array_equal(log.columns[key].value, other.columns[key].value, equal_nan=True) for key in log.columns)
    )


def _repeats(log: Log, other: Log) -> bool:
    """Whether a table shows again what another log holds: each of its curves is one there, as far as it was rounded."""
    curves = [_curve(log, key) for key in log.columns if len(log.columns[key].row) >= _CURVE]
    there = [_curve(other, key) for key in other.columns]
    return bool(curves) and all(any(_is_curve(one, another) for another in there) for one in curves)


def _curve(log: Log, key: str) -> tuple[IntArray, FloatArray]:
    return log.step[log.columns[key].row], log.columns[key].value


def _is_curve(one: tuple[IntArray, FloatArray], another: tuple[IntArray, FloatArray]) -> bool:
    if not np.array_equal(one[0], another[0]):
        return False
    shares = (factor * one[1] for factor in (1.0, 100.0))  # in percent, or not
    return any(np.allclose(values, another[1], rtol=1e-3, atol=1e-4, equal_nan=True) for values in shares)


def _goes_on(before: Log, log: Log) -> bool:
    return before.columns.keys() == log.columns.keys() and int(log.step.min()) > int(before.step.max())


def _under_trainers_names(rows: Rows) -> Rows:
    """Return a table with the header that the trainer's own log would have."""
    at = next((at for at, row in enumerate(rows) if any(cell.strip().lower() in _LOSSES for cell in row)), None)
    if at is None:
        return [[re.sub(r"\s+/\s+", "/", cell) for cell in row] for row in rows]
    evaluated = any(cell.strip().lower() == "validation loss" for cell in rows[at])
    names = [_name(cell.strip(), evaluated) for cell in rows[at]]
    return [*rows[:at], names, *rows[at + 1 :]]


def _name(shown: str, evaluated: bool) -> str:
    if shown.lower() in _LOSSES:
        return _LOSSES[shown.lower()]
    if evaluated and _SHOWN.fullmatch(shown) and shown.lower() not in ("step", "epoch", "input tokens seen"):
        return f"eval_{shown.lower().replace(' ', '_')}"
    return re.sub(r"\s+/\s+", "/", shown)
