"""A log that grows while the run goes on, put in order by the same rules as one that is read afterwards."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

from heldout.readers.log import Column, Log, numbers_of
from heldout.readers.restarts import first_steps, sessions_of, sessions_of_evaluations
from heldout.run import NO_STEPS, Evaluation
from heldout.stats.arrays import IntArray
from heldout.store.lines import number_of

_OWN = ("step", "time")  # keys of a line of the record that are no metrics


class GrowingLog:
    """What one process logs, after what earlier ones did.

    What is in `before` counts as superseded from the step on at which this process begins. Roles (role → key) are as
    the earlier processes said them, if not given.
    """

    def __init__(self, before: Log | None = None, roles: Mapping[str, str] | None = None) -> None:
        self._before = before
        self.roles = dict((before.roles if before else {}) if roles is None else roles)
        self._step, self._piece = array("q"), array("q")
        self._columns: dict[str, tuple[array[int], array[float]]] = {}
        self._measured: list[tuple[int, Evaluation]] = []  # each with its row
        self._pieces = 1

    def __len__(self) -> int:
        return len(self._step)

    def add(self, step: int, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Take in the metrics of a step; return those that are numbers."""
        numbers = {
            key: float(number)
            for key, value in metrics.items()
            if (number := number_of(value)) is not None and key not in _OWN
        }
        self._row(step, numbers)
        return numbers

    def measure(self, evaluation: Evaluation, also: Mapping[str, Any]) -> dict[str, float]:
        """Take in a held-out measurement, and what else is known of it; return those of the latter that are numbers."""
        self._measured.append((len(self._step), evaluation))
        more = {f"eval/{evaluation.benchmark}/{key}": value for key, value in numbers_of(also)}
        self._row(evaluation.step, {evaluation.key: evaluation.rate, **more})
        return more

    def rewind(self) -> None:
        """Begin a new piece: it supersedes what it repeats."""
        self._pieces += 1

    def log(self) -> Log:
        """Return everything so far, as a reader of it would."""
        before = self._before
        first = len(before.step) if before else 0
        columns = {} if before is None else dict(before.columns)
        measured = [row for row, _ in self._measured]
        by_problem = {evaluation.key for _, evaluation in self._measured}
        for key, (row, value) in self._columns.items():
            column = Column(np.array(row, dtype=np.int64) + first, np.array(value, dtype=np.float64))
            if key in by_problem:  # logged as a metric too: as for a reader, what the evaluations say is kept
                kept = np.isin(row, measured)
                column = Column(column.row[kept], column.value[kept])
            columns[key] = _joined(columns[key], column) if key in columns else column
        step, session = np.array(self._step, dtype=np.int64), self._sessions()
        return Log(
            "run-directory",
            np.concatenate([before.step, step]) if before else step,
            columns,
            session=session,
            config=before.config if before else {},
            roles=self.roles,
            measured=(*(before.measured if before else ()), *(evaluation for _, evaluation in self._measured)),
        )

    def _row(self, step: int, numbers: Mapping[str, float]) -> None:
        row = len(self._step)
        self._step.append(step)
        self._piece.append(self._pieces - 1)
        for key, value in numbers.items():
            column = self._columns.get(key)
            if column is None:
                column = self._columns[key] = array("q"), array("d")
            column[0].append(row)
            column[1].append(value)

    def _sessions(self) -> IntArray:
        """Return the session of every row; an evaluation belongs to the one whose training it measures."""
        before = self._before
        known = NO_STEPS if before is None else sessions_of(before)
        step = np.array(self._step, dtype=np.int64)
        session = np.array(self._piece, dtype=np.int64) + known.max(initial=-1) + 1
        measured = np.array([row for row, _ in self._measured], dtype=np.int64)
        trained = np.delete(np.arange(len(step)), measured)
        steps = step[trained] if before is None else np.concatenate([before.step, step[trained]])
        sessions = np.concatenate([known, session[trained]])
        begins = first_steps(steps, sessions, int(session.max(initial=known.max(initial=-1))) + 1)
        session[measured] = sessions_of_evaluations(step[measured], session[measured], begins)
        return np.concatenate([known, session])


def _joined(one: Column, other: Column) -> Column:
    return Column(np.concatenate([one.row, other.row]), np.concatenate([one.value, other.value]))
