"""Files that several processes may look at: lines appended whole, files replaced whole, a directory with one writer."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from heldout.errors import RecordError
from heldout.store.layout import LOCK


class LineFile:
    """A file to which whole lines are appended, each with one call of the operating system.

    A process that is killed has then lost no line whose call returned, and a second process can read along.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        size = os.fstat(self._file).st_size
        self._torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def append(self, line: bytes) -> None:
        """Append a line that ends in a line feed; a line that was cut before stays alone on its own.

        Raises
        ------
        OSError
            When the disk took nothing, or only a part.
        """
        data = b"\n" + line if self._torn else line
        self._torn = True
        if os.write(self._file, data) < len(data):
            raise OSError("the disk took only a part of it")
        self._torn = False

    def close(self) -> None:
        """Close the file; nothing is pending that would have to be written."""
        os.close(self._file)


class Rows(NamedTuple):
    """The JSON objects of a file, one a line."""

    rows: list[dict[str, Any]]
    broken: int  # lines that hold no object, such as one that was cut when its process died


def read_rows(path: Path) -> Rows:
    """Return the whole lines of a file, in order; none where there is no file."""
    rows: list[dict[str, Any]] = []
    broken = 0
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            row = orjson.loads(line) if line.strip() else None
        except orjson.JSONDecodeError:
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            broken += bool(line.strip())
    return Rows(rows, broken)


def json_line(row: Mapping[str, Any]) -> bytes:
    """Return plain data as a line; arrays become lists, and numbers that JSON cannot hold null."""
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Replace a file whole or not at all: what is written to the path given is moved over it at the end.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "best.json"
    >>> with replacing(path) as new:
    ...     size = new.write_text("{}")
    >>> path.read_text()
    '{}'
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.new")  # two processes may replace the same file
    try:
        yield new
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def lock_directory(directory: Path) -> int | None:
    """Take a directory for this process, until it ends or closes the descriptor that is returned.

    `filelock` would do this too, but its second caller empties the file that names the first one.

    Returns
    -------
    int or None
        None where the system has no such locks.

    Raises
    ------
    RecordError
        When another process has it; the message names that process.
    """
    try:
        import fcntl
    except ImportError:
        return None
    file = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(file, 20, 0).decode("ascii", "replace").strip()
        os.close(file)
        raise RecordError(
            f"{directory}: process {owner or '?'} is writing this run; stop it first, or give another directory."
        ) from None
    except OSError as error:  # some network file systems
        os.close(file)
        text = f"{directory}: cannot be locked ({error.strerror}); make sure that nobody else writes to it."
        warnings.warn(text, RuntimeWarning, stacklevel=4)
        return None
    os.ftruncate(file, 0)
    os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    return file
