"""trackio's database, one for each project (``~/.cache/huggingface/trackio/<project>.db``).

Table ``metrics(id, run_id, timestamp, run_name, step, metrics, …)`` holds a row for each call of ``trackio.log``, what
was logged as JSON, in text or bytes; NaN and infinities are text in it, and old files have no ``run_id``. Table
``configs`` holds the settings of each run as JSON.

What it cannot see: images, tables and traces, whose JSON has a ``_type``; what was measured of the machine.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from heldout.errors import NoMetrics
from heldout.readers.documents.json_document import parse
from heldout.readers.log import CLOCK, Log, TableBuilder, noted
from heldout.readers.single_values import MOST, is_step, named_apart
from heldout.readers.source import Source
from heldout.readers.trackers.database import columns_of
from heldout.run import Note, NoteKind
from heldout.text import counted

_NEEDED = {"run_name", "step", "metrics", "timestamp"}
_BLOCK = 1000  # rows that are put into columns at once


def runs_in(source: Source, connection: sqlite3.Connection) -> list[Log] | None:
    """Read every run of a database; None where it is not trackio's."""
    known = columns_of(connection, "metrics")
    return _logs(source, connection, "run_id" if "run_id" in known else "run_name") if known >= _NEEDED else None


def _logs(source: Source, connection: sqlite3.Connection, identity: str) -> list[Log]:
    runs: dict[str, _Run] = {}
    cut = 0
    query = f"SELECT {identity}, run_name, step, timestamp, metrics FROM metrics ORDER BY rowid LIMIT {MOST + 1}"
    for number, (run, name, step, time, metrics) in enumerate(connection.execute(query)):
        if number == MOST:
            cut = 1
        else:
            runs.setdefault(str(run), _Run(str(name))).add(step, time, metrics)
    names = named_apart({run: found.name for run, found in runs.items() if found.steps})
    if not names:
        raise NoMetrics(f"{source.path.name}: a trackio project in which no run logged anything; nothing to read.")
    settings = _settings(connection, identity)
    text = f"The project holds more than {MOST:,} rows; those after them were not read. Export the run alone."
    notes = noted(NoteKind.DROPPED, cut, text)
    return [runs[run].log(name, settings.get(run, {}), notes) for run, name in names.items()]


@dataclass(slots=True)
class _Run:
    """One run's rows so far."""

    name: str
    steps: list[int] = field(default_factory=list)
    refused: int = 0
    _rows: list[Mapping[str, Any]] = field(default_factory=list)  # that are not in the table yet
    _table: TableBuilder = field(default_factory=TableBuilder)

    def add(self, step: Any, time: Any, metrics: Any) -> None:
        """Add what was logged at a step."""
        found = _object(metrics)
        if found is None or not is_step(step):
            self.refused += 1
            return
        plain = {key: value for key, value in found.items() if not (isinstance(value, dict) and "_type" in value)}
        seconds = _seconds(time)
        self._rows.append(plain if seconds is None else {**plain, CLOCK: seconds})
        self.steps.append(step)
        if len(self._rows) == _BLOCK:
            self._settle()

    def log(self, name: str, config: Mapping[str, Any], notes: list[Note]) -> Log:
        """Return everything that was added."""
        self._settle()
        table = self._table.build()
        text = f"{counted(self.refused, 'row')} without a usable step (0 or more) or an object in JSON dropped."
        said = (*notes, *table.notes(), *noted(NoteKind.DROPPED, self.refused, text))
        step = np.array(self.steps, dtype=np.int64)
        return Log("trackio", step, table.columns, name=name, config={**table.constants, **config}, notes=said)

    def _settle(self) -> None:
        self._table.add(self._rows)
        self._rows = []


def _object(cell: Any) -> dict[str, Any] | None:
    """Return an object that is stored as JSON, in text or bytes."""
    try:
        found = parse(cell.encode() if isinstance(cell, str) else cell)
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _seconds(time: Any) -> float | None:
    try:
        return datetime.fromisoformat(time).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _settings(connection: sqlite3.Connection, identity: str) -> dict[str, dict[str, Any]]:
    """Return the settings of each run, without trackio's own."""
    if not columns_of(connection, "configs") >= {identity, "config"}:
        return {}
    rows = connection.execute(f"SELECT {identity}, config FROM configs LIMIT {MOST}").fetchall()
    return {
        str(run): {key: value for key, value in (_object(config) or {}).items() if not key.startswith("_")}
        for run, config in rows
    }
