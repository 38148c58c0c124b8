"""Several rows of one step, at nearly every step: of its prompts, ranks or workers. The value of a step is their mean.

A step that was merely logged again, now and then, has the value that was written last. Where all rows of a step say the
same, several processes printed one thing: those are copies, and no more evidence than one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from heldout.metrics import meaning_of
from heldout.readers.log import Column, noted, some
from heldout.readers.restarts import is_clock
from heldout.readers.step_keys import counts_within_steps
from heldout.run import Note, NoteKind, Series
from heldout.stats.arrays import FloatArray, IntArray

# Of the steps have several rows, such as those at which several episodes ended; a run that restarted repeats fewer,
# after what it superseded.
_MOST_STEPS = 0.6
_FEW_STEPS, _MOST_OF_FEW = 10, 0.8  # of so few steps a restart repeats a larger part
_FEWEST_COUNTED = 5  # steps
_FEWEST_STEPS, _FEWEST_ROWS = 3, 5  # with fewer steps a summary may have been written twice, unless its rows are many


@dataclass(slots=True)
class StepMeans:
    """Makes a series of each column, and remembers which of them are means."""

    _errors: dict[str, FloatArray] = field(default_factory=dict)  # key → standard error of each value
    _rows: dict[str, float] = field(default_factory=dict)  # key → mean number of rows of a step
    _same: dict[str, bool] = field(default_factory=dict)  # key → whether the rows of every step say the same
    _counters: list[str] = field(default_factory=list)
    _lost: int = 0  # values that are no finite numbers beside others that are

    def series(self, key: str, column: Column, steps: IntArray, *, last: bool = False) -> Series | None:
        """Return the series of a column, or None where it merely counts the rows of a step.

        `last` says that the value of a step is the last one, however often it was logged.
        """
        value = column.value
        step = steps if len(column.row) == len(steps) else steps[column.row]
        if np.any(step[1:] < step[:-1]):
            order = np.argsort(step, kind="stable")
            step, value = step[order], value[order]
        starts = np.flatnonzero(np.append(True, step[1:] > step[:-1])) if len(step) else np.empty(0, dtype=np.int64)
        if len(starts) == len(step):
            return _finite(key, step, value)
        size = np.diff(np.append(starts, len(step)))
        if last or is_clock(key) or not _several(size):
            end = starts + size - 1
            return _finite(key, step[end], value[end])
        if _counts(key, value, starts, size):
            self._counters.append(key)
            return None
        return self._mean(key, step[starts], value, starts, size)

    def is_mean(self, key: str) -> bool:
        """Whether a series holds means, or its column was left out."""
        return key in self._rows or key in self._counters

    def notes(self) -> list[Note]:
        """Say what was done."""
        if not self._rows:
            return []
        rows = float(np.median([*self._rows.values()]))
        listed = some([*self._rows], 4)
        if all(self._same.values()):
            text = (
                f"Nearly every step was logged {rows:.3g} times with the same values, as by several processes; the "
                f"copies were dropped ({listed})."
            )
            return [Note(NoteKind.REPAIRED, text, len(self._rows))]
        left = f"; {some(self._counters)} only counts them" if self._counters else ""
        text = (
            f"Most steps have several rows ({rows:.3g} on average), as of prompts or processes; the value of a "
            f"step is their mean, with its standard error where it is an evaluation ({listed}){left}."
        )
        lost = f"{self._lost} NaN or infinite among several values of a step left out of its mean."
        return [Note(NoteKind.ASSUMED, text, len(self._rows)), *noted(NoteKind.DROPPED, self._lost, lost)]

    @property
    def errors(self) -> Mapping[str, FloatArray]:
        """The standard errors of the series that are means of rows; none of rows that are copies."""
        return {} if all(self._same.values()) else self._errors

    def _mean(self, key: str, step: IntArray, value: FloatArray, starts: IntArray, size: IntArray) -> Series:
        finite = np.isfinite(value)
        number = np.add.reduceat(finite.astype(np.int64), starts)
        known = np.maximum(number, 1)
        first = np.maximum.reduceat(np.where(finite, value, -np.inf), starts)
        first = np.where(number > 0, first, 0.0)  # the sum of differences from one of them keeps equal values equal
        off = np.where(finite, value - np.repeat(first, size), 0.0)
        mean = first + np.add.reduceat(off, starts) / known
        away = np.where(finite, value - np.repeat(mean, size), 0.0)
        with np.errstate(over="ignore"):
            squares = np.add.reduceat(away**2, starts)
        there = number > 0
        degrees = max(int(np.sum(number[there] - 1)), 1)
        # A step with a single row has no spread of its own: it is taken to scatter like all others.
        variance = np.where(number > 1, squares / np.maximum(known - 1, 1), np.sum(squares) / degrees)
        self._errors[key] = np.sqrt(variance[there] / known[there])
        self._rows[key] = float(np.mean(size))
        self._same[key] = bool(
            np.all(np.minimum.reduceat(np.where(finite, value, np.inf), starts)[there] == first[there])
        )
        self._lost += int(np.sum(np.where(there, size - number, 0)))
        return Series(key, step[there], mean[there], nonfinite=step[~there])


def _finite(key: str, step: IntArray, value: FloatArray) -> Series:
    finite = np.isfinite(value)
    if finite.all():
        return Series(key, step, value)
    return Series(key, step[finite], value[finite], nonfinite=step[~finite])


def _several(size: IntArray) -> bool:
    enough = len(size) >= _FEWEST_STEPS or size.min() >= _FEWEST_ROWS
    return enough and bool(np.mean(size > 1) >= (_MOST_STEPS if len(size) >= _FEW_STEPS else _MOST_OF_FEW))


def _counts(key: str, value: FloatArray, starts: IntArray, size: IntArray) -> bool:
    """Whether a column only numbers the rows of each step: by its name, or 0, 1, 2 … at every step."""
    if counts_within_steps(key):
        return True
    if meaning_of(key) is not None or len(starts) < _FEWEST_COUNTED:  # a score may be 0 and 1 at a few steps, too
        return False
    place = np.arange(len(value)) - np.repeat(starts, size)
    return bool(np.all(value - value[0] == place)) and float(value[0]) in (0.0, 1.0)
