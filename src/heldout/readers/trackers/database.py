"""SQLite databases of trackers: opened so that nothing is written, neither to them nor beside them.

A database with a write-ahead log beside it (``-wal``) keeps its newest rows there; SQLite reads them only where it may
write a third file. Both are therefore copied to a temporary folder and read there.

What it cannot see: a database that somebody is writing to all the time, so that no whole copy can be made.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from heldout.errors import NoMetrics, ReadError
from heldout.readers.source import Source, beside, stamp_at

_MAGIC = b"SQLite format 3\0"
_JOURNAL = 18  # the byte of the header that says how changes are kept: 2 for a write-ahead log
_LONGEST_CELL = 16_777_216  # bytes; a row of metrics has a few kilobytes
_PATIENCE = 5.0  # seconds for which a writer may hold the database
_TRIES = 3  # to copy a database between two writes


def is_database(source: Source) -> bool:
    """Whether a file is an SQLite database."""
    return source.head.startswith(_MAGIC)


@contextmanager
def opened(source: Source) -> Iterator[sqlite3.Connection]:
    """Open a database for reading; what goes wrong with it is a `ReadError`."""
    with tempfile.TemporaryDirectory(prefix="heldout-") as folder:
        try:
            log = beside(source.path)
            if log.exists() and log.stat().st_size:
                connection = sqlite3.connect(_copied(source.path, Path(folder)), timeout=_PATIENCE)
            else:
                # Nobody else is told that it is read, so that no file is made beside it; without a write-ahead log
                # a lock on the file itself does the same, and waits for a writer.
                quiet = "&immutable=1" if source.head[_JOURNAL : _JOURNAL + 1] == b"\x02" else ""
                address = f"file:{quote(str(source.path.resolve()))}?mode=ro{quiet}"
                connection = sqlite3.connect(address, uri=True, timeout=_PATIENCE)
            with closing(connection):
                connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_CELL)
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.text_factory = _text
                yield connection
        except sqlite3.Error as error:
            raise NoMetrics(
                f"{source.path.name}: an SQLite database that cannot be read ({error}); if it is being written, try "
                "again, else repair it with: sqlite3 FILE .recover"
            ) from error


def columns_of(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of a table's columns; none where there is no such table."""
    kinds = connection.execute("SELECT type FROM sqlite_master WHERE name = ?", (table,)).fetchall()
    if kinds != [("table",)]:  # a view may compute anything
        return set()
    return {str(name) for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _copied(path: Path, folder: Path) -> Path:
    """Copy a database with its write-ahead log, as they are between two writes."""
    for _ in range(_TRIES):
        before = (stamp_at(path), beside(path).stat().st_size)
        copy = folder / "copy.db"
        shutil.copyfile(path, copy)
        shutil.copyfile(beside(path), beside(copy))
        if (stamp_at(path), beside(path).stat().st_size) == before:
            return copy
    raise ReadError(f"{path.name}: was written to while it was read, {_TRIES} times; try again.")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
