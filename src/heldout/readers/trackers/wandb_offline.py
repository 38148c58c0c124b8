"""Read the history in a W&B offline file (``run-<id>.wandb``), without the wandb package.

Layout, from wandb's ``datastore.py`` and ``wandb_internal.proto``: the file starts with ``:W&B``, a u16 0xBEE1 and a
version byte, 0; records follow in fragments, as `heldout.readers.trackers.framing` reads them, each one message::

    Record         1 num   2 HistoryRecord   5 ConfigRecord   12 MetricRecord   17 RunRecord   (others: summary, output)
    HistoryRecord  1 item, repeated   2 HistoryStep (1 num)
    HistoryItem    1 key   2 nested_key, repeated   16 value_json
    RunRecord      1 run_id   4 ConfigRecord   8 display_name   17 Timestamp (1 seconds, 2 nanoseconds)
    MetricRecord   1 name   2 glob_name   4 step_metric: what ``define_metric`` said
    ConfigRecord   1 update, repeated: items like those of a history

What it cannot see: the summary, system statistics and console output, which are in the file as other records; values
that are not numbers (text, histograms, media); the history of a resumed run's other files.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import heldout.readers.trackers.wire as wire
from heldout.errors import NoMetrics
from heldout.readers.documents.json_document import parse
from heldout.readers.log import Log, TableBuilder, left_alone
from heldout.readers.source import Source
from heldout.readers.trackers.framing import Found, Pieces
from heldout.run import Note, NoteKind

_MAGIC = b":W&B"
_FILE_HEADER = b":W&B\xe1\xbe\x00"
_OWN = "_wandb"  # what W&B keeps for itself, among settings and in rows
_DEEPEST = 32  # levels of a nested value; below that it is not a metric
_INT64 = 1 << 63


def read(source: Source) -> list[Log] | None:
    """Read the history of a W&B offline file: every history record is a row.

    Rows stand at ``_step``, else at the record's own step, else at their number. ``_timestamp``, ``_runtime`` and any
    other step that was logged are columns. Nested keys and nested objects are joined with "/". Raises `NoMetrics` where
    there is no number in the history.
    """
    if not source.head.startswith(_MAGIC):
        return None
    found = source.fed(_pieces).found
    notes = found.notes(source.head[: len(_FILE_HEADER)] == _FILE_HEADER)
    columns = found.table.build().columns
    if not columns:
        said = " ".join(note.text for note in notes)
        raise NoMetrics(
            f"{source.path.name} is a W&B offline file without a number in its history: {found.records:,} records were "
            f"read, {found.rows:,} of them history. {said + ' ' if said else ''}Rows as written by wandb.log are "
            "understood; name a file that holds some, or the console output of the same run."
        )
    return [
        Log(
            "wandb",
            np.array(found.steps, dtype=np.int64),
            columns,
            session=np.zeros(found.rows, dtype=np.int64),
            name=found.display_name or found.run_id or None,
            config=found.config,
            axes=found.axes,
            run_id=found.run_id or None,
            begun=found.begun,
            notes=notes,
        )
    ]


def _pieces() -> Pieces[_Found]:
    return Pieces(_Found())


# Messages ------------------------------------------------------------------------------------------------------------


def _read_record(record: bytes, found: _Found) -> None:
    parts = wire.places(record)
    for history in parts[2, wire.BYTES]:
        found.add_row(*_history(record, *history))
    for config in parts[5, wire.BYTES]:
        found.config.update(_config(record, *config))
    for place in parts[12, wire.BYTES]:
        found.axes.update(_axis(record, *place))
    for place in parts[17, wire.BYTES]:
        run = wire.places(record, *place)
        for time in run[17, wire.BYTES]:
            found.begun = found.begun or _seconds(record, *time)
        for config in run[4, wire.BYTES]:
            found.config.update(_config(record, *config))
        found.run_id = wire.text(record, *run[1, wire.BYTES][-1]) if run[1, wire.BYTES] else found.run_id
        found.display_name = wire.text(record, *run[8, wire.BYTES][-1]) if run[8, wire.BYTES] else found.display_name


def _axis(record: bytes, start: int, stop: int) -> dict[str, str]:
    """Return the pattern of keys and the axis that a MetricRecord declares for them, if it does."""
    parts = wire.places(record, start, stop)
    axis, names = parts[4, wire.BYTES], [*parts[1, wire.BYTES], *parts[2, wire.BYTES]]
    return {wire.text(record, *name): wire.text(record, *axis[-1]) for name in names} if axis else {}


def _seconds(record: bytes, start: int, stop: int) -> float | None:
    """Return a Timestamp."""
    whole = wire.numbers(record, start, stop, 1)
    return float(whole[-1]) + 1e-9 * (wire.numbers(record, start, stop, 2) or [0])[-1] if whole else None


def _history(record: bytes, start: int, stop: int) -> tuple[dict[str, bytes], int | None]:
    """Return the row of a HistoryRecord, values as JSON, and its step."""
    parts = wire.places(record, start, stop)
    row, step = {}, None
    for start, stop in parts[1, wire.BYTES]:
        key, value = _item(record, start, stop)
        row[key] = value
    for place in parts[2, wire.BYTES]:
        step = wire.signed((wire.numbers(record, *place, 1) or [0])[-1])
    return row, step


def _item(record: bytes, start: int, stop: int) -> tuple[str, bytes]:
    """Return key and JSON of an item. The key stands in one field, or as a path in another."""
    key, path, value = b"", [], b""
    for number, kind, a, b in wire.fields(record, start, stop):
        if kind == wire.BYTES and number == 1:
            key = record[a:b]
        elif kind == wire.BYTES and number == 2:
            path.append(record[a:b])
        elif kind == wire.BYTES and number == 16:
            value = record[a:b]
    return (b"/".join(path) if path else key).decode("utf-8", "replace"), value


def _config(record: bytes, start: int, stop: int) -> dict[str, Any]:
    """Return the settings of a ConfigRecord, without W&B's own."""
    items = [_item(record, *item) for item in wire.places(record, start, stop)[1, wire.BYTES]]
    return {key: _json(value) for key, value in items if not key.startswith(_OWN)}


# Values --------------------------------------------------------------------------------------------------------------


def _json(text: bytes) -> Any:
    """Return a JSON value; bytes that are not JSON stand for themselves, as text."""
    try:
        return parse(text)
    except ValueError:
        return text.decode("utf-8", "replace")


def _numbers(key: str, value: Any, depth: int = 0) -> Iterator[tuple[str, float | str]]:
    """Yield the numbers in a value by key, or, for what is not one, its kind in words."""
    if isinstance(value, int | float):
        yield key, _float(value)
    elif isinstance(value, str):
        yield key, float(value) if value in ("NaN", "Infinity", "-Infinity") else "text"
    elif isinstance(value, dict) and "_type" not in value and depth < _DEEPEST:
        for name, inner in value.items():
            yield from _numbers(f"{key}/{name}", inner, depth + 1)
    elif isinstance(value, dict):  # a media object says what it is: "histogram", "image-file"
        yield key, value["_type"] if isinstance(value.get("_type"), str) else "object"
    else:
        yield key, "null" if value is None else "list"


def _float(value: float) -> float:
    """Return a number as a float; an integer that is too large for one is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _step(value: float, otherwise: int | None) -> int | None:
    """Return a step if it is one."""
    return int(value) if math.isfinite(value) and -_INT64 <= value < _INT64 else otherwise


# Assembly ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Found(Found):
    """What has been read so far."""

    table: TableBuilder = field(default_factory=TableBuilder)
    new: list[dict[str, float]] = field(default_factory=list)  # rows that are not in the table yet
    steps: array[int] = field(default_factory=lambda: array("q"))
    config: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, str] = field(default_factory=dict)  # pattern of keys → the key of their steps
    before: dict[int, int] = field(default_factory=dict)  # where something was lost → how many rows stand before it
    run_id: str = ""
    begun: float | None = None
    display_name: str = ""
    ignored: Counter[str] = field(default_factory=Counter)
    ignored_keys: dict[str, None] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many history records there were."""
        return len(self.steps)

    def read(self, record: bytes) -> None:
        """Take in a record."""
        _read_record(record, self)

    def add_row(self, row: dict[str, bytes], step: int | None) -> None:
        """Add a history record."""
        numbers: dict[str, float] = {}
        for key, text in row.items():
            value = _json(text)
            if key == "_step" and isinstance(value, int | float):
                step = _step(value, step)
            elif not key.startswith(_OWN):
                for name, found in _numbers(key, value):
                    if isinstance(found, str):
                        self.ignored[found] += 1
                        self.ignored_keys[name] = None
                    else:
                        numbers[name] = found
        self.steps.append(self.rows if step is None else step)
        self.new.append(numbers)

    def settle(self) -> None:
        """Put the new rows into the table, many at once."""
        self.table.add(self.new)
        self.new = []

    def lose(self, at: int, what: str) -> None:
        """Remark what could not be read, and how many rows stand before it."""
        self.lost.append((at, what))
        self.before.setdefault(at, self.rows)

    def place(self, at: int) -> str:
        """Say between which of W&B's own steps something was lost."""
        row = self.before[at]
        if 0 < row < self.rows:
            return f", between the rows of _step {self.steps[row - 1]} and {self.steps[row]}"
        return f", behind the last row that could be read, of _step {self.steps[-1]}" if row > 0 else ""

    def notes(self, header_known: bool) -> tuple[Note, ...]:
        """Return what was assumed, dropped and left alone."""
        notes = list[Note]()
        if not header_known:
            notes.append(Note(NoteKind.ASSUMED, "The file's version is unknown; it was read as version 0."))
        notes += self.losses()
        if self.ignored:
            kinds = dict(self.ignored.most_common())
            notes.append(left_alone("numbers", kinds, "keys", list(self.ignored_keys)))
        return tuple(notes)
