"""Rows of a tracker that were given no step.

``add_scalar`` without a step writes 0, and a counter that nobody advances stands still: then all values of a tag are at
one step, and only the order of writing tells which came first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from heldout.readers.log import CLOCK, Column, Log
from heldout.run import Note, NoteKind
from heldout.stats.arrays import BoolArray, IntArray

_FEWEST = 3  # values at one step; a tag may be written twice at its only step, as after a restart


def placed(log: Log) -> Log:
    """Place the values of tags that stand still: between rows that have a step, or, where none has, by counting."""
    still = {
        key: column
        for key, column in log.columns.items()
        if key != CLOCK and len(column.row) >= _FEWEST and _all_one(log.step[column.row])
    }
    if not still:
        return log
    if _all_one(log.step):
        return _numbered(log, list(still.values()))
    # Beside tags that have steps, a tag that is always at step 0 has none; at another step it was measured repeatedly.
    still = {key: column for key, column in still.items() if log.step[column.row[0]] <= 0}
    without = np.zeros(len(log.step), dtype=bool)
    for column in still.values():
        without[column.row] = True
    if not still or _all_one(log.step[~without]) or not _written_throughout(without):
        return log
    step, at = log.step.copy(), np.arange(len(log.step))
    before = np.maximum.accumulate(np.where(without, -1, at))
    step[without] = np.where(before >= 0, log.step[before], log.step[~without][0])[without]
    text = (
        f"{', '.join(list(still)[:4])} {'was' if len(still) == 1 else 'were'} logged without a step; the values were "
        "placed at the step of the row that was written before them."
    )
    return replace(log, step=step, notes=(*log.notes, Note(NoteKind.ASSUMED, text, int(without.sum()))))


def _all_one(step: IntArray) -> bool:
    return len(step) == 0 or bool(step[0] == step[-1] and np.all(step == step[0]))


def _written_throughout(without: BoolArray) -> bool:
    """Whether rows without a step stand among the others, and not all before or all behind them."""
    others = np.flatnonzero(~without)
    return bool(np.any(without[others[0] : others[-1]]))


def _numbered(log: Log, still: list[Column]) -> Log:
    """Number the rows by the tag that has most values: it is taken to be logged once a step."""
    densest = max(still, key=lambda column: len(column.row)).row
    step: IntArray = np.maximum(np.searchsorted(densest, np.arange(len(log.step)), side="right") - 1, 0)
    for column in still:
        if len(column.row) == len(densest):  # logged at each step as well, whichever of the two comes first
            step[column.row] = np.arange(len(densest))
    text = (
        f"No step was given: all rows are at step {log.step[0]}. They were numbered from 0 in the order of writing, "
        "by the tag with most values."
    )
    return replace(log, step=step, counted=True, notes=(*log.notes, Note(NoteKind.ASSUMED, text, len(step))))
