"""Files that several processes may look at: lines appended whole, files replaced whole, a directory with one writer.

A line is JSON; here is also how the values of a training become what JSON holds, and what it cannot hold comes back.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from heldout.errors import RecordError, UsageError
from heldout.steps import checked_step
from heldout.store.layout import LINE_KEYS, LOCK, NONFINITE

_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


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

        An OSError where the disk took nothing, or only a part.
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

    None where the system has no such locks; a RecordError that names the process where another one has it. `filelock`
    would do this too, but its second caller empties the file that names the first one.
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


def number_of(value: Any) -> float | None:
    """Return a value as a number, of whichever library it is; None where it is none."""
    if isinstance(value, float):
        return float(value)
    if value is None or isinstance(value, (str, bytes, bytearray)):
        return None
    try:
        number = value.item() if hasattr(value, "item") else value  # arrays and tensors with one element
        return number if type(number) is int and abs(number) < 2**63 else float(number)
    except Exception:
        return None


def text_of(key: Any) -> str:
    """Return a key as text that can be written as UTF-8."""
    return key if type(key) is str and key.isascii() else str(key).encode("utf-8", "replace").decode()


def dump_line(row: Mapping[str, Any]) -> bytes:
    """Return a row as a line, with the values that JSON cannot hold named beside it.

    >>> dump_line({"step": 1, "loss": math.nan})
    b'{"step":1,"loss":null,"nonfinite":{"loss":"nan"}}\\n'
    """
    named = {key: _name_of(one) for key, one in row.items() if isinstance(one, float) and not math.isfinite(one)}
    return json_line({**row, NONFINITE: named} if named else row)


def metrics_line(step: int, metrics: Mapping[str, Any], lose: Callable[[str], None]) -> bytes:
    """Return the metrics of a step as a line; of each value that cannot be written `lose` is told in words.

    It is made at once where all are plain finite numbers, one by one where not.
    """
    step = checked_step(step)
    try:
        # No sum of numbers is finite with a NaN or an infinity among them.
        total = sum(metrics.values())
        finite = metrics and type(total) in (float, int) and math.isfinite(total)
        if finite and metrics.keys().isdisjoint(LINE_KEYS):
            # Joining two texts is quicker than joining two dictionaries.
            head = orjson.dumps({"step": step, "time": time.time()})
            return head[:-1] + b"," + orjson.dumps(metrics, option=orjson.OPT_APPEND_NEWLINE)[1:]
    except (TypeError, ValueError, OverflowError, RuntimeError):
        pass
    row: dict[str, Any] = {"step": step, "time": time.time()}
    for key, value in metrics.items():
        number = number_of(value)
        if key in LINE_KEYS and number != row.get(key):
            lose(f"the metric {key!r} (a name that the record uses itself)")
        elif number is not None:
            row[text_of(key)] = number
        elif value is not None:
            lose(f"the metric {key!r} at step {step} ({type(value).__name__} is no number)")
    return dump_line(row)


def restored(row: Mapping[str, Any]) -> dict[str, Any]:
    """Put the NaN and the infinities back that a line names beside its numbers; the opposite of `dump_line`.

    >>> restored({"step": 1, "loss": None, "nonfinite": {"loss": "nan"}})
    {'step': 1, 'loss': nan}
    """
    named = row.get(NONFINITE)
    values = {key: value for key, value in row.items() if key != NONFINITE}
    if isinstance(named, Mapping):
        values |= {key: _NUMBERS[str(name)] for key, name in named.items() if str(name) in _NUMBERS}
    return values


def plain_mapping(value: object, where: str) -> dict[str, Any]:
    """Return settings as JSON holds them; numbers that it cannot hold become their names.

    A mapping may hold plain data, paths, enumerations, dataclasses and arrays; anything else is a UsageError, in which
    it is called `where`.
    """
    if not isinstance(value, Mapping):
        raise UsageError(f"{where} is a {type(value).__name__}; it must be a mapping from names to values.")
    return {text_of(key): plain(item, f"{where}[{key!r}]") for key, item in value.items()}


def plain(value: Any, where: str) -> Any:
    """Return one setting as JSON holds it; see `plain_mapping`."""
    match value:
        case Enum():
            return plain(value.value, where)
        case None | bool():
            return value
        case int():
            return int(value) if abs(value) < 2**63 else str(value)
        case float():
            return float(value) if math.isfinite(value) else _name_of(value)
        case str() | os.PathLike():
            return text_of(value)
        case Mapping():
            return plain_mapping(value, where)
        case list() | tuple() | set() | frozenset():
            return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain_mapping({field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, where)
    if hasattr(value, "tolist"):  # arrays and tensors
        return plain(value.tolist(), where)
    raise UsageError(f"{where} is a {type(value).__name__}, which cannot be written; give plain data or its name.")


def _name_of(value: float) -> str:
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
