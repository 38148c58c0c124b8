"""From single values, each with its metric, step and time, to a log of rows: trackers store metric by metric.

What it cannot see: which values were logged in one call. Values of one step that follow each other are a row.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heldout.errors import NoMetrics
from heldout.readers.log import CLOCK, Column, Log, as_float, noted
from heldout.run import Note, NoteKind
from heldout.stats.arrays import FloatArray, IntArray
from heldout.steps import STEP_LIMIT
from heldout.text import counted

MOST = 5_000_000  # values of one store that are read, 200 MB in memory; a long run with 200 metrics has a million

_PARTS = ("train", "training", "val", "valid", "validation", "eval", "evaluation", "test", "dev", "held-out", "heldout")


class Values:
    """Values of one run in the order in which they are stored."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # of each metric
        self._key, self._step, self._value, self._time = array("q"), array("q"), array("d"), array("d")
        self.refused = 0  # those without a usable step or number

    def __len__(self) -> int:
        return len(self._value)

    def add(self, key: str, step: Any, value: Any, seconds: float = math.nan) -> None:
        """Add a value that was logged at a step and, where that is known, at a time."""
        number = value if isinstance(value, float) else as_float(value) if isinstance(value, int) else None
        if number is None or not is_step(step):
            self.refused += 1
            return
        self._key.append(self._numbers.setdefault(key, len(self._numbers)))
        self._step.append(step)
        self._value.append(number)
        self._time.append(seconds)

    def log(
        self,
        format: str,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        notes: Sequence[Note] = (),
    ) -> Log:
        """Return the log of all values. Raises `NoMetrics` where there is none."""
        if not len(self):
            raise NoMetrics(f"The run {name or 'here'} holds no number at a step; nothing to read.")
        key, step = np.array(self._key, dtype=np.int64), np.array(self._step, dtype=np.int64)
        time = np.array(self._time)
        order, row = _rows(key, step, time)
        key, step, value, time = key[order], step[order], np.array(self._value)[order], time[order]
        first = np.unique(row, return_index=True)[1]
        columns = {}
        for metric, number in self._numbers.items():
            own = np.flatnonzero(key == number)
            columns[metric] = Column(row[own], value[own])
        if np.isfinite(time).all():
            columns.setdefault(CLOCK, Column(np.arange(len(first)), time[first]))
        text = f"{counted(self.refused, 'value')} without a usable step (0 or more) or number dropped."
        said = (*notes, *noted(NoteKind.DROPPED, self.refused, text))
        return Log(format, step[first], columns, name=name, config=dict(config or {}), notes=said)


def is_step(number: Any) -> bool:
    """Whether a stored number can be a step."""
    return isinstance(number, int) and 0 <= number < STEP_LIMIT


def whole_step(step: Any) -> Any:
    """Return a step that is stored as a float as the whole number it is."""
    return int(step) if isinstance(step, float) and step.is_integer() else step


def stored_number(value: Any) -> Any:
    """Return a value, which may be text where JSON has no number for it, such as NaN and INF; None for other text."""
    return as_float(value) if isinstance(value, str) else value


def two_part_key(title: str, series: str) -> str:
    """Return one key for a title and a series; which part of the data it is of stands in front, as in most logs."""
    if series in ("", title):
        return title
    return f"{series}/{title}" if series.lower() in _PARTS else f"{title}/{series}"


def named_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Return id → name where no two are the same: names that several runs have get the beginning of the id behind."""
    taken = list(names.values())
    return {id: name if taken.count(name) == 1 else f"{name} ({id[:8]})" for id, name in names.items()}


def _rows(key: IntArray, step: IntArray, time: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the order in which the values were logged, and for each of them then the row in which it stands.

    With times, the order is theirs, and of one time, the steps'. Without, each metric was begun anew where its steps
    jump back; what was written before comes before what was written after the first jump, and so on.
    """
    if np.isfinite(time).all() and len(np.unique(time)) > 1:
        order = np.lexsort((step, time))
        block = np.zeros(len(order), dtype=np.int64)
    else:
        begun = _times_begun(key, step)
        order = np.lexsort((step, begun))
        block = begun[order]
    same = np.append(False, (np.diff(step[order]) == 0) & (np.diff(block) == 0))
    group = np.cumsum(~same)
    again = _occurrence(group, key[order])
    settled = np.lexsort((again, group))  # a metric that is logged twice at a step has two rows of it
    order, group, again = order[settled], group[settled], again[settled]
    new = np.append(True, (np.diff(group) != 0) | (np.diff(again) != 0))
    return order, np.cumsum(new) - 1


def _times_begun(key: IntArray, step: IntArray) -> IntArray:
    """Return for every value how often the steps of its metric jumped back before it."""
    order = np.argsort(key, kind="stable")
    back = np.append(False, (np.diff(step[order]) < 0) & (np.diff(key[order]) == 0))
    jumps = np.cumsum(back)
    starts = np.append(True, np.diff(key[order]) != 0)
    begun = np.empty(len(key), dtype=np.int64)
    begun[order] = jumps - jumps[starts][np.cumsum(starts) - 1]
    return begun


def _occurrence(group: IntArray, key: IntArray) -> IntArray:
    """Return for every value how many of the same metric stand before it in its group."""
    order = np.lexsort((key, group))
    new = np.append(True, (np.diff(group[order]) != 0) | (np.diff(key[order]) != 0))
    start = np.flatnonzero(new)[np.cumsum(new) - 1]
    number = np.empty(len(key), dtype=np.int64)
    number[order] = np.arange(len(key)) - start
    return number
