"""Read the history in a W&B offline file (``run-<id>.wandb``), without the wandb package.

Layout, from the LevelDB log format and wandb's ``datastore.py`` and ``wandb_internal.proto``: the file starts with
``:W&B``, a u16 0xBEE1 and a version byte, 0. Blocks of 32 KiB follow, counted from the start of the file; a block holds
fragments ``u32 checksum, u16 length, u8 type, data`` and, where fewer than seven bytes are left of it, zeros. The
checksum is the plain CRC-32 of type and data. A record is one full fragment (1), or a first (2), any number of middle
(3) and a last one (4); each record's data is one message::

    Record         1 num   2 HistoryRecord   5 ConfigRecord   17 RunRecord   (others: summary, output, statistics)
    HistoryRecord  1 item, repeated   2 HistoryStep (1 num)
    HistoryItem    1 key   2 nested_key, repeated   16 value_json
    RunRecord      1 run_id   4 ConfigRecord   8 display_name
    ConfigRecord   1 update, repeated: items like those of a history

What it cannot see: the summary, system statistics and console output, which are in the file as other records; values
that are not numbers (text, histograms, media); the history of a resumed run's other files.
"""

from __future__ import annotations

import math
import struct
import zlib
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
from heldout.run import Note, NoteKind

_MAGIC = b":W&B"
_FILE_HEADER = b":W&B\xe1\xbe\x00"
_BLOCK = 32_768
_HEADER = struct.Struct("<IHB")
_BAD, _FULL, _FIRST, _MIDDLE, _LAST = range(5)  # types of fragments; 0 is none

_CUT = "A cut end"

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
    found = source.fed(_Pieces).found
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
            notes=notes,
        )
    ]


# Fragments -----------------------------------------------------------------------------------------------------------


class _Pieces:
    """Puts records together from their fragments, and reads them."""

    def __init__(self) -> None:
        self.found = _Found()
        self._start = 0  # where in the file the bytes stand that are given next
        self._next = len(_FILE_HEADER)  # where the next fragment stands
        self._parts: list[bytes] = []
        self._began = 0  # where the record of these parts does

    def feed(self, data: bytes, last: bool) -> int:
        """Read what is whole."""
        for kind, at, part in self._fragments(data, last):
            self._add(kind, at, part)
        if last and self._parts:
            self._lose_open()
        self.found.settle()
        used = min(self._next - self._start, len(data))
        self._start += used
        return used

    def _fragments(self, data: bytes, last: bool) -> Iterator[tuple[int, int, bytes]]:
        """Yield type, position and data of every fragment, and `_BAD` once for each that cannot be read.

        The length of a damaged one cannot be trusted, so that reading goes on at the next block, as LevelDB's does.
        """
        while (at := self._next - self._start) < len(data):
            place = self._next
            block_end = at + _BLOCK - place % _BLOCK
            if block_end - at < _HEADER.size:  # too short for a fragment, and filled with zeros
                self._next += block_end - at
                continue
            end, what = _checked(data, at, block_end)
            if what == _CUT and not last:
                return
            if what:
                self.found.lose(place, what)
            self._next += (block_end if what else end) - at
            yield (_BAD, place, b"") if what else (data[at + 6], place, data[at + _HEADER.size : end])

    def _add(self, kind: int, at: int, part: bytes) -> None:
        if self._parts and kind not in (_MIDDLE, _LAST):
            self._lose_open()
        if kind in (_FULL, _FIRST):
            self._began = at
        elif not self._parts:
            if kind != _BAD:
                self.found.lose(at, "A record without its beginning")
            return
        self._parts.append(part)
        if kind in (_FULL, _LAST):
            self._read(b"".join(self._parts))
            self._parts = []

    def _read(self, record: bytes) -> None:
        self.found.records += 1
        try:
            _read_record(record, self.found)
        except wire.Malformed:
            self.found.broken += 1

    def _lose_open(self) -> None:
        self.found.lose(self._began, "A record without its end")
        self._parts = []


def _checked(data: bytes, at: int, block_end: int) -> tuple[int, str]:
    """Return where the fragment at a position ends, and what is wrong with it, if anything."""
    if at + _HEADER.size > len(data):
        return at, _CUT
    check, length, kind = _HEADER.unpack_from(data, at)
    end = at + _HEADER.size + length
    if check == length == kind == 0:
        return end, "A stretch of zeros"
    if len(data) < end <= block_end:
        return end, _CUT
    if end > block_end or not _FULL <= kind <= _LAST or zlib.crc32(data[at + 6 : end]) != check:
        return end, "A damaged piece"
    return end, ""


# Messages ------------------------------------------------------------------------------------------------------------


def _read_record(record: bytes, found: _Found) -> None:
    parts = wire.places(record)
    for history in parts[2, wire.BYTES]:
        found.add_row(*_history(record, *history))
    for config in parts[5, wire.BYTES]:
        found.config.update(_config(record, *config))
    for place in parts[17, wire.BYTES]:
        run = wire.places(record, *place)
        for config in run[4, wire.BYTES]:
            found.config.update(_config(record, *config))
        found.run_id = wire.text(record, *run[1, wire.BYTES][-1]) if run[1, wire.BYTES] else found.run_id
        found.display_name = wire.text(record, *run[8, wire.BYTES][-1]) if run[8, wire.BYTES] else found.display_name


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
class _Found:
    """What has been read so far."""

    table: TableBuilder = field(default_factory=TableBuilder)
    new: list[dict[str, float]] = field(default_factory=list)  # rows that are not in the table yet
    steps: array[int] = field(default_factory=lambda: array("q"))
    config: dict[str, Any] = field(default_factory=dict)
    run_id: str = ""
    display_name: str = ""
    records: int = 0
    broken: int = 0
    lost: list[tuple[int, str]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    ignored_keys: dict[str, None] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many history records there were."""
        return len(self.steps)

    def lose(self, at: int, what: str) -> None:
        """Remark what could not be read, and where."""
        self.lost.append((at, what))

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

    def notes(self, header_known: bool) -> tuple[Note, ...]:
        """Return what was assumed, dropped and left alone."""
        notes = []
        if not header_known:
            notes.append(Note(NoteKind.ASSUMED, "The file's version is unknown; it was read as version 0."))
        for what, count in Counter(what for _, what in self.lost).items():
            first = min(at for at, other in self.lost if other == what)
            times = "once" if count == 1 else f"{count:,} times"
            text = f"{what} could not be read and was skipped, {times}, first at byte {first}."
            notes.append(Note(NoteKind.DROPPED, text, count))
        if self.broken:
            text = f"Records that do not hold a message were skipped: {self.broken:,}."
            notes.append(Note(NoteKind.DROPPED, text, self.broken))
        if self.ignored:
            kinds = dict(self.ignored.most_common())
            notes.append(left_alone("numbers", kinds, "keys", list(self.ignored_keys)))
        return tuple(notes)
