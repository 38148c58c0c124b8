"""Verdict rows that were found before, so that a table of a thousand runs is there at once the next time.

They lie in a file of SQLite, outside of what is read, with what was found to hold no run. Both count while neither the
log nor heldout has changed. A cache that cannot be used costs time, and nothing else.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import orjson

import heldout
from heldout.report.rows import Row

_T = TypeVar("_T")
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
        self._made = _made_by()
        self._file: sqlite3.Connection | None = None
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
            asked = (place, stamp, self._made)
            found = self._file.execute("select rows from rows where place=? and stamp=? and made=?", asked).fetchone()
            return None if found is None else _kept(orjson.loads(found[0]))
        return None

    def put(self, place: str, stamp: str, found: Found) -> None:
        """Keep what was found in a place."""
        if self._file is not None:
            with suppress(sqlite3.Error, TypeError), self._file:
                kept = (place, stamp, self._made, orjson.dumps(found))
                self._file.execute("insert or replace into rows values (?, ?, ?, ?)", kept)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _opened(where: Path | str) -> sqlite3.Connection:
    file = sqlite3.connect(where, timeout=1.0, check_same_thread=False)
    file.execute(_TABLE)
    return file


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


def read(kind: type[_T], value: Any) -> _T:
    """Return plain data of JSON as what it was written from: dataclasses, enumerations, tuples, mappings."""
    found: _T = _read(kind, value)
    return found


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Any) -> Any:
    if get_origin(kind) is UnionType:
        return None if value is None else _read(next(one for one in get_args(kind) if one is not NoneType), value)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{field.name: _read(hints[field.name], value[field.name]) for field in fields(kind)})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if get_origin(kind) is tuple:
        inside = get_args(kind)
        kinds: Sequence[Any] = [inside[0]] * len(value) if inside[-1] is Ellipsis else inside
        return tuple(_read(one, part) for one, part in zip(kinds, value, strict=True))
    if get_origin(kind) is Mapping or get_origin(kind) is dict:
        return dict(value)
    return value
