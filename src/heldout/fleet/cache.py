"""Verdict rows that were found before, so that a table of a thousand runs is there at once the next time.

They lie in a file of SQLite, outside of what is read, with what was found to hold no run. Both count while neither the
log nor heldout has changed. A cache that cannot be used costs time, and nothing else.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

import heldout
from heldout.plain import plain, read
from heldout.report.rows import Row

Rows = tuple[tuple[str, Row], ...]  # the name of each run of a place, and its row
Found = Rows | str  # or why there is none
_TABLE = "create table if not exists rows (place text primary key, stamp text, made text, rows blob)"


def default_folder() -> Path:
    """Return where programs keep what they can make again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "heldout"


class Cache:
    """Rows by place and stamp; with no folder, or one that cannot be written, it keeps nothing.

    With `for_now` it keeps them in memory then, packed as they are in the file.
    """

    def __init__(self, folder: Path | None, *, for_now: bool = False) -> None:
        self._file: sqlite3.Connection | None = None
        self._made = _made_by()
        self._beside: dict[tuple[str, str], Found] | None = {} if for_now else None  # what the file does not take
        if folder is not None:
            with suppress(OSError, sqlite3.Error):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._file = _opened(folder / "rows.sqlite3")
                self._file.execute("pragma journal_mode=wal")  # whoever reads does not wait for who writes
                self._file.execute("pragma synchronous=off")  # what is lost with the machine is judged again
        if self._file is None and for_now:
            self._file = _opened(":memory:")

    def get(self, place: str, stamp: str) -> Found | None:
        """Return what is known of a place as it is now, None where it has to be read."""
        if self._file is None:
            return None
        with suppress(sqlite3.Error, ValueError, TypeError, KeyError):
            asked = (plain(place), stamp, self._made)
            found = self._file.execute("select rows from rows where place=? and stamp=? and made=?", asked).fetchone()
            if found is not None:
                return _kept(orjson.loads(found[0]))
        return None if self._beside is None else self._beside.get((place, stamp))

    def put(self, place: str, stamp: str, found: Found) -> None:
        """Keep what was found in a place."""
        if self._file is None:
            return
        kept = (plain(place), stamp, self._made, _packed(found))
        try:
            with self._file:
                self._file.execute("insert or replace into rows values (?, ?, ?, ?)", kept)
        except sqlite3.Error:  # a full disk
            if self._beside is not None:
                self._beside[place, stamp] = found

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _opened(where: Path | str) -> sqlite3.Connection:
    file = sqlite3.connect(where, timeout=1.0, check_same_thread=False)
    file.execute(_TABLE)
    return file


def _packed(found: Found) -> bytes:
    try:
        return orjson.dumps(found)
    except TypeError:  # text that JSON does not have, as names of files may be
        return orjson.dumps(plain(found))


def _kept(value: Any) -> Found:
    return value if isinstance(value, str) else tuple((name, read(Row, row)) for name, row in value)


def _made_by() -> str:
    """Return what tells one heldout from another, also in a checkout that changes under its version."""
    newest = max(_changes(os.path.dirname(heldout.__file__)), default=0)
    return f"{heldout.__version__} {newest}"


def _changes(folder: str) -> Iterator[int]:
    """Yield when each Python file below a folder was written, in nanoseconds."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                yield entry.stat().st_mtime_ns
            elif "." not in entry.name and not entry.name.startswith("__") and entry.is_dir():
                yield from _changes(entry.path)
