"""The databases of trackers: opened once, whoever's they are.

What it cannot see: databases of other programs, whatever their tables are called.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from heldout.errors import NotUnderstood
from heldout.readers.log import Log, some
from heldout.readers.source import Source
from heldout.readers.trackers import mlflow, trackio
from heldout.readers.trackers.database import is_database, opened

_KNOWN: tuple[Callable[[Source, sqlite3.Connection], list[Log] | None], ...] = (mlflow.runs_in, trackio.runs_in)


def read(source: Source) -> list[Log] | None:
    """Read every run of an SQLite database. Raises `NotUnderstood`, with its tables, where no reader knows them."""
    if not is_database(source):
        return None
    with opened(source) as connection:
        for runs_in in _KNOWN:
            logs = runs_in(source, connection)
            if logs is not None:
                return logs
        names = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    raise NotUnderstood(
        f"{source.path}: an SQLite database with the tables {some(names) or '(none)'}; those of MLflow and trackio are "
        "understood. Export the table as CSV with a column 'step': sqlite3 -header -csv FILE 'SELECT …'."
    )
