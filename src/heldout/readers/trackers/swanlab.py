"""SwanLab's local files: ``swanlog/run-*/``, with all records in one file, or, from older versions, a file a metric.

``run-<id>.swanlab`` and ``backup.swanlab`` start with ``:SWL``, a u16 0xE1D6 and a version; records follow in
fragments, as `heldout.readers.trackers.framing` reads them. In version 2 each is one message, in version 1 a line of
JSON::

    Record        10 StartRecord (4 name, 10 id)   13 ScalarRecord
    ScalarRecord  1 key   2 step   4 timestamp (1 seconds, 2 nanoseconds)   5 value (1 number)

    {"model_type": "Scalar", "data": {"key": …, "step": …, "metric": {"data": …, "create_time": …}}}

Older still (mode "local"): ``logs/<key as in an address, or its number>/<count>.log``, with lines
``{"index": step, "data": value, "create_time": …}``; what has which number stands in the database ``runs.swanlab``
beside the folders, in ``tag(name, folder, experiment_id)`` and ``experiment(id, run_id, name)``.

What it cannot see: media, what was printed, and what SwanLab measures of the machine (``__swanlab__…``).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import heldout.readers.trackers.wire as wire
from heldout.errors import NoMetrics
from heldout.readers.documents.json_document import parse
from heldout.readers.log import Log
from heldout.readers.single_values import MOST, Values, stored_number
from heldout.readers.source import Files, Source, whole_lines
from heldout.readers.trackers.database import columns_of, is_database, opened
from heldout.readers.trackers.framing import Found, Pieces
from heldout.run import Note, NoteKind

_MAGIC = b":SWL\xd6\xe1"
_JSON, _MESSAGES = 1, 2  # versions
_OWN = "__swanlab__"  # how the keys begin under which it keeps what it measures of the machine
_NUMBER = struct.Struct("<d")
_LOGS = "logs"
_TAG, _EXPERIMENT = {"name", "folder", "experiment_id"}, {"id", "run_id", "name"}


def read(source: Source) -> list[Log] | None:
    """Read the scalars in a ``.swanlab`` file."""
    if not source.head.startswith(_MAGIC):
        return None
    version = source.head[len(_MAGIC)] if len(source.head) > len(_MAGIC) else _MESSAGES
    found = source.fed(_records_of_json if version == _JSON else _records).found
    notes = found.losses()
    if version not in (_JSON, _MESSAGES):
        notes.append(Note(NoteKind.ASSUMED, f"The file's version {version} is unknown; it was read as version 2."))
    if not len(found.values):
        said = " ".join(note.text for note in notes)
        raise NoMetrics(
            f"{source.path.name} is a SwanLab file without a scalar: {found.records:,} records were read. "
            f"{said + ' ' if said else ''}Name a file that holds some, or export the charts as CSV."
        )
    return [found.values.log("swanlab", name=found.name or found.id or None, config=found.config, notes=notes)]


# One file ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Found(Found):
    """What has been read of messages so far."""

    values: Values = field(default_factory=Values)
    config: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    id: str = ""

    def read(self, record: bytes) -> None:
        """Take in a record."""
        parts = wire.places(record)
        for place in parts[10, wire.BYTES]:
            start = wire.places(record, *place)
            self.name = _last_text(record, start[4, wire.BYTES]) or self.name
            self.id = _last_text(record, start[10, wire.BYTES]) or self.id
        for place in parts[13, wire.BYTES]:
            self._scalar(record, wire.places(record, *place))

    def _scalar(self, record: bytes, scalar: Mapping[tuple[int, int], list[wire.Place]]) -> None:
        key = _last_text(record, scalar[1, wire.BYTES])
        step = wire.signed(wire.varint(record, *scalar[2, wire.VARINT][-1])[0]) if scalar[2, wire.VARINT] else 0
        value, seconds = 0.0, math.nan  # what is 0 is not written
        for place in scalar[5, wire.BYTES]:
            for at, _ in wire.places(record, *place)[1, wire.FIXED64]:
                value = _NUMBER.unpack_from(record, at)[0]
        for place in scalar[4, wire.BYTES]:
            whole, parts = wire.numbers(record, *place, 1), wire.numbers(record, *place, 2)
            seconds = (whole or [0])[-1] + (parts or [0])[-1] / 1e9
        self.add(key, step, value, seconds)

    def add(self, key: str, step: Any, value: Any, seconds: float) -> None:
        """Add a scalar, if it is one of the training's."""
        if not key.startswith(_OWN):
            self.values.add(key, step, value, seconds)


class _FoundJson(_Found):
    """What has been read of lines of JSON so far."""

    def read(self, record: bytes) -> None:
        """Take in a record."""
        try:
            found = parse(record)
            kind, data = found["model_type"], found["data"]
            if kind == "Scalar":
                metric = data["metric"]
                seconds = _seconds(metric.get("create_time"))
                self.add(str(data["key"]), data["step"], stored_number(metric["data"]), seconds)
            elif kind == "Experiment":
                self.name, self.id = str(data.get("name") or ""), str(data.get("id") or "")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise wire.Malformed("no record of SwanLab's") from None


def _records() -> Pieces[_Found]:
    return Pieces(_Found())


def _records_of_json() -> Pieces[_Found]:
    return Pieces(_FoundJson())


def _last_text(record: bytes, places: list[wire.Place]) -> str:
    return wire.text(record, *places[-1]) if places else ""


# A file a metric -----------------------------------------------------------------------------------------------------


def is_run(folder: Path) -> bool:
    """Whether a folder is one run of SwanLab's, stored metric by metric, with nothing in one file."""
    logs = folder / _LOGS
    if not folder.name.startswith("run-") or not logs.is_dir() or any(folder.glob("*.swanlab")):
        return False
    return any((entry / "_summary.json").exists() for entry in logs.iterdir())


def read_run(folder: Path, files: Files | None = None) -> Log:
    """Read the folder of one run. Raises `NoMetrics` where nothing was logged."""
    files, values = files or Files(), Values()
    name, keys = _named(folder)
    for metric in sorted((folder / _LOGS).iterdir()):
        key = keys.get(metric.name) or unquote(metric.name)
        if not metric.is_dir() or key.startswith(_OWN):
            continue
        for path in sorted(metric.glob("*.log"), key=lambda path: (len(path.name), path.name)):
            lines = files.source(path).fed(_Lines)
            values.refused += lines.broken
            for step, value, seconds in lines.found:
                values.add(key, step, value, seconds)
    return values.log("swanlab", name=name or folder.name)


def _named(folder: Path) -> tuple[str, dict[str, str]]:
    """Return the name of a run, and the metric in each of its folders, as the database beside it says."""
    database = Source(folder.parent / "runs.swanlab")
    if not database.path.is_file() or not is_database(database):
        return "", {}
    with opened(database) as connection:
        if not (columns_of(connection, "tag") >= _TAG and columns_of(connection, "experiment") >= _EXPERIMENT):
            return "", {}
        query = "SELECT id, name FROM experiment WHERE run_id = ?"
        for experiment, name in connection.execute(query, (folder.name,)).fetchall():
            query = f"SELECT folder, name FROM tag WHERE experiment_id = ? LIMIT {MOST}"
            return str(name), {str(where): str(key) for where, key in connection.execute(query, (experiment,))}
    return "", {}


class _Lines:
    """The lines of a metric's file."""

    def __init__(self) -> None:
        self.found: list[tuple[Any, Any, float]] = []  # step, value, seconds
        self.broken = 0

    def feed(self, data: bytes, last: bool) -> int:
        """Read the whole lines."""
        whole = whole_lines(data, last)
        for line in whole.split(b"\n"):
            try:
                if line.strip():
                    row = parse(line)
                    self.found.append((row["index"], stored_number(row["data"]), _seconds(row.get("create_time"))))
            except (ValueError, KeyError, TypeError, AttributeError):
                self.broken += 1
        return len(whole)


def _seconds(time: Any) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except (TypeError, ValueError, OverflowError):
        return math.nan
