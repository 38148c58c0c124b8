"""Read the scalars of a TensorBoard event file.

Layout, from TensorFlow's ``record_writer.cc``, ``event.proto``, ``summary.proto`` and ``tensor.proto``: the file is a
run of records, each ``u64 length, u32 checksum of the length, data, u32 checksum of the data``, and each record's data
is one Event. Checksums are CRC-32C, rotated and offset. ::

    Event       1 wall_time (double)   2 step (int64)   3 file_version   5 Summary   7 SessionLog
    Summary     1 Value, repeated
    Value       1 tag   2 simple_value (float)   8 TensorProto   9 SummaryMetadata   4, 5, 6 image, histogram, audio
    TensorProto 1 dtype   2 shape   4 tensor_content   5 float   6 double   7 int   10 int64   13 half
    SessionLog  1 status (1 is START)

Reading has three floors. `_walk` finds the records, `_layout` says of one record where its time, step and values stand,
and `_checksums` checks them. A file of a million scalars has only a few dozen layouts, so `_alike` finds the records
that share one, and each layout is applied to all of its records together; `_singly` does the same record by record.
Where a length is damaged, reading goes on at the next length that has its checksum.

What it cannot see: runs that were cut into several files (each is one log; the caller joins them), the history of a tag
whose records were lost to a checksum, and anything that is not a number per step (histograms, images, text), but for
settings that were written as hparams or as text.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from google_crc32c import value as crc32c

import heldout.readers.trackers.wire as wire
from heldout.errors import NoMetrics
from heldout.readers.documents.json_document import parse
from heldout.readers.log import CLOCK, Column, Log, left_alone, some
from heldout.readers.source import Source
from heldout.readers.unstepped import placed
from heldout.run import NO_STEPS, Note, NoteKind
from heldout.stats.arrays import Buffer, FloatArray, IntArray

_Crc = TypeVar("_Crc", int, IntArray)
Bytes = npt.NDArray[np.uint8]

_HEADER = struct.Struct("<QI")
_OVERHEAD = _HEADER.size + 4  # what a record costs beside its data
_DELTA = 0xA282EAD8  # added to a rotated CRC-32C, so that the CRC of data which hold one is no special case
_BLOCK = 1 << 22  # bytes worked on at once: large enough for numpy, small enough for the memory
_ROUNDS = 8  # how many shapes of equal length are looked for before records are read one by one
_FEW = 8  # records of one length that are read one by one at once

_CHECKED_TOGETHER = 512  # bytes of a record, at most, whose checksum is taken together with others'
_PLACES_SHOWN = 3  # of damage, in a sentence

_CUT, _LOST = "cut", "lost"  # why no record begins at a place: the bytes end, or its length cannot be trusted

_FILE_VERSION = b"brain.Event:"
_WALL_TIME = b"\x09"  # the key of field 1, with which every writer starts an event
_START = 1

# How the one number of a tensor is stored, by dtype and by the field of TensorProto it stands in.
_HALF, _BFLOAT, _VARINT = "half", "bfloat", "varint"  # of the first two, the 16 bits stand in a varint
_BFLOAT_CONTENT = "bfloat content"
_VARYING = (_HALF, _BFLOAT, _VARINT)  # in length
_CODES = {(1, 5): "<f4", (2, 6): "<f8", (9, 10): _VARINT, (19, 13): _HALF, (14, 13): _BFLOAT, (10, 11): _VARINT}
_CODES |= {(dtype, 7): _VARINT for dtype in (3, 4, 5, 6, 17)} | {(22, 16): _VARINT, (23, 17): _VARINT}
_CONTENT = {1: "<f4", 2: "<f8", 3: "<i4", 4: "|u1", 5: "<i2", 6: "|i1", 9: "<i8", 10: "|u1", 14: _BFLOAT_CONTENT}
_CONTENT |= {17: "<u2", 19: "<f2", 22: "<u4", 23: "<u8"}
_CODES |= {(dtype, 4): code for dtype, code in _CONTENT.items()}
_VALUE_FIELDS = range(4, 18)  # of TensorProto: the content, and one repeated field for every kind of number
_KINDS = {3: "histogram", 4: "image", 5: "histogram", 6: "audio clip"}
_HPARAMS, _TEXT = "hparams", "text"  # plugins whose values may be settings
_SETTINGS = (_HPARAMS, _TEXT)
_TABLE_ROW = re.compile(r"^\|([^|\n]{1,200})\|([^|\n]{1,200})\|\s*$", re.MULTILINE)
_EMPTY = "empty value"
_PLUGIN_KINDS = {"histograms": "histogram", "images": "image", "audio": "audio clip"}


def read(source: Source) -> list[Log] | None:
    """Read a TensorBoard event file: every scalar of every event is a row, in the order of the file.

    The column ``wall_time`` holds the time of every row in seconds. A new session begins where the file says that a
    restart did (SessionLog START); where that names a step, nothing before it holds from there on, as for TensorBoard.
    Raises `NoMetrics` where an event file has no scalar.
    """
    if not _recognised(source.head):
        return None
    found = source.fed(_Found)
    if not found.rows:
        said = " ".join(note.text for note in found.notes()) or f"{found.records} records were seen."
        raise NoMetrics(
            f"{source.path.name} is a TensorBoard event file without a scalar. {said} Scalars as written by add_scalar "
            "or tf.summary.scalar are understood; name a file that holds some."
        )
    return [found.log()]


def _recognised(head: bytes) -> bool:
    if _FILE_VERSION in head[:64]:
        return True
    return head[_HEADER.size : _HEADER.size + 1] == _WALL_TIME and _size(head[: _HEADER.size]) is not None


# Records -------------------------------------------------------------------------------------------------------------


def _walk(data: bytes, at: int) -> tuple[list[int], str]:
    """Return where the next records begin, and where the last one ends; and what is wrong with what follows."""
    edges, stop, long = [at], min(at + _BLOCK, len(data)), _HEADER.size
    sizes: dict[bytes, int] = {}  # most headers were seen before, and need no second look
    while at < stop:
        header = data[at : at + long]
        try:
            at += sizes[header]
        except KeyError:
            size = _size(header)
            if size is None:
                return edges, _CUT if len(header) < long else _LOST
            sizes[header] = size
            at += size
        edges.append(at)
    if at > len(data):
        edges.pop()
        return edges, _CUT
    return edges, ""


def _next_record(data: bytes, at: int) -> int | None:
    """Return where the next header stands whose checksum is right, at a place or behind it."""
    for begin in range(at, len(data) - _HEADER.size + 1, _BLOCK):
        part = np.frombuffer(data, np.uint8, min(_BLOCK + 7, len(data) - begin), begin)
        # No record is empty, or longer than 4 GB: of the eight bytes of a length the last four are 0, the first not.
        nonzero = np.concatenate([[0], np.cumsum(part != 0)])
        low, high = nonzero[4:-4] - nonzero[:-8], nonzero[8:] - nonzero[4:-4]
        for place in begin + np.flatnonzero((low > 0) & (high == 0)):
            if _size(data[place : place + _HEADER.size]) is not None:
                return int(place)
    return None


def _size(header: bytes) -> int | None:
    """Return the size of a record with its frame, or None if its header is cut or damaged."""
    if len(header) < _HEADER.size:
        return None
    length, check = _HEADER.unpack(header)
    return length + _OVERHEAD if _check(header[:8]) == check else None


def _check(data: bytes) -> int:
    """Return the checksum that a record states for its length or its data."""
    return _masked(int(crc32c(data)))


def _masked(crc: _Crc) -> _Crc:
    return ((crc >> 15 | crc << 17) + _DELTA) & 0xFFFF_FFFF


# Blocks --------------------------------------------------------------------------------------------------------------


def _read_block(data: bytes, edges: list[int], found: _Found) -> None:
    """Check and read the records between `edges`, all those of one length together."""
    block = np.frombuffer(data, dtype=np.uint8, count=edges[-1] - edges[0], offset=edges[0])
    ends = np.array(edges) - edges[0]
    start, length = ends[:-1] + _HEADER.size, np.diff(ends) - _OVERHEAD
    stated = _rows(block, start + length, 4).view("<u4")[:, 0]
    groups: list[_Group] = []
    damaged: list[IntArray] = []
    for same in _equals(length):
        rows = _rows(block, start[same], int(length[same[0]]))
        for layout, members in _alike(rows):
            those, own = same[members], rows[members]
            intact = _masked(_checksums(own, layout)) == stated[those]
            if not intact.all():
                damaged.append(those[~intact])
                those, own = those[intact], own[intact]
            if len(those):
                groups.append((layout, those, own))
    found.add(groups, np.sort(np.concatenate([NO_STEPS, *damaged])), edges)


def _checksums(rows: Bytes, layout: _Layout) -> IntArray:
    """Return the CRC-32C of every row, given rows that differ in the holes of a layout alone.

    The CRCs of two texts of one length differ by the sum (exclusive or) of what each byte in which they differ adds, so
    that only the holes need to be looked at, all rows together.
    """
    n, length = rows.shape
    if n < _FEW or length > _CHECKED_TOGETHER:
        return np.array([crc32c(row.tobytes()) for row in rows], dtype=np.int64)
    holes = np.flatnonzero(layout.mask(length) != 0xFF)
    differing = rows.T[holes] ^ rows[0, holes][:, None]
    change = np.bitwise_xor.reduce(_what_a_byte_adds()[length - 1 - holes][np.arange(len(holes))[:, None], differing])
    crcs: IntArray = change ^ int(crc32c(rows[0].tobytes()))
    return crcs


@cache
def _what_a_byte_adds() -> IntArray:
    """Return what a byte adds to a CRC-32C, by its distance from the end and its value, shape (distances, 256)."""
    nothing = int(crc32c(b"\0"))
    one = np.array([int(crc32c(bytes([byte]))) ^ nothing for byte in range(256)], dtype=np.int64)
    added = [one]
    for _ in range(_CHECKED_TOGETHER - 1):
        added.append(added[-1] >> 8 ^ one[added[-1] & 0xFF])
    return np.array(added)


def _rows(block: Bytes, start: IntArray, length: int) -> Bytes:
    """Return the stretches of one length as the rows of a matrix."""
    if length == 0:
        return np.empty((len(start), 0), dtype=np.uint8)
    return np.lib.stride_tricks.sliding_window_view(block, length)[start]


def _equals(values: npt.NDArray[np.integer]) -> list[IntArray]:
    """Return the places of equal values together, in order, the smallest value first."""
    order = np.argsort(values, kind="stable")
    begins = np.flatnonzero(np.diff(values[order])) + 1
    return [order[start:stop] for start, stop in pairwise([0, *begins.tolist(), len(order)])]


def _singly(rows: Bytes) -> Iterator[_Members]:
    """Yield the layout of every record with its row: the plain way, which `_alike` must equal."""
    for i, row in enumerate(rows):
        yield _layout(row.tobytes()), np.array([i])


def _alike(rows: Bytes) -> Iterator[_Members]:
    """Yield layouts with the rows that share them, given records of one length.

    All that tells a record's layout stands outside its holes (the bytes of the time, of the values, and the digits of
    the step): two records of one length that are equal there have one layout. So the first record's holes are blanked
    in all; those that are then equal are told apart by a hash and compared in full with their first, whose layout holds
    for all of them if its holes are indeed those that were blanked. The rest, and what is alone, goes into the next
    round.
    """
    rest = np.arange(len(rows))
    for _ in range(_ROUNDS):
        if len(rest) < _FEW:
            break
        mask = _layout(rows[rest[0]].tobytes()).mask(rows.shape[1])
        blanked = rows[rest] & mask
        left = np.zeros(len(rest), dtype=bool)
        for members in _equals(_hashes(blanked)):
            i = members[0]
            left[members] = (blanked[members] != blanked[i]).any(axis=1)
            if i and len(members) == 1:
                left[members] = True
                continue
            layout = _layout(rows[rest[i]].tobytes())
            if np.array_equal(layout.mask(rows.shape[1]), mask):
                yield layout, rest[members[~left[members]]]
            else:
                left[members] = True
        rest = rest[left]
    for layout, i in _singly(rows[rest]):
        yield layout, rest[i]


def _hashes(rows: Bytes) -> npt.NDArray[np.uint64]:
    odd = np.full(rows.shape[1], 0x9E3779B97F4A7C15, dtype=np.uint64)
    hashes: npt.NDArray[np.uint64] = rows.astype(np.uint64) @ np.multiply.accumulate(odd)
    return hashes


# Events --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a number stands in a record, and how it is stored."""

    start: int
    stop: int
    code: str = _VARINT
    tag: str = ""

    def read(self, rows: Bytes) -> npt.NDArray[np.generic]:
        """Return the number of every row."""
        raw = rows[:, self.start : self.stop]
        if self.code == _BFLOAT_CONTENT:
            return _brain_float(np.ascontiguousarray(raw).view("<u2")[:, 0])
        if self.code not in _VARYING:
            return np.ascontiguousarray(raw).view(self.code)[:, 0]
        number = np.zeros(len(raw), dtype=np.uint64)
        for i in range(raw.shape[1]):
            number |= (raw[:, i] & 0x7F).astype(np.uint64) << np.uint64(7 * i)
        if self.code == _BFLOAT:
            return _brain_float(number)
        return number.astype(np.uint16).view(np.float16) if self.code == _HALF else number.view(np.int64)


def _brain_float(bits: npt.NDArray[np.unsignedinteger[Any]]) -> npt.NDArray[np.float32]:
    """Return the bfloat16 of these bits: the upper half of a float."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


_Ignored = tuple[str, str, wire.Place]  # kind and tag of a value that is no number, and where it stands


@dataclass(frozen=True, slots=True)
class _Layout:
    """What one event holds: places of numbers, and what is none."""

    wall: _Place | None = None
    step: _Place | None = None
    values: tuple[_Place, ...] = ()
    ignored: tuple[_Ignored, ...] = ()
    starts: bool = False
    broken: bool = False

    def mask(self, length: int) -> Bytes:
        """Return 0 for bytes that may differ between records, and 128 where they do but for the top bit.

        The top bits of a varint say how long it is.
        """
        mask = np.full(length, 0xFF, dtype=np.uint8)
        for place in (self.wall, self.step, *self.values):
            if place is not None:
                mask[place.start : place.stop] = 0x80 if place.code in _VARYING else 0
        return mask


def _layout(event: bytes) -> _Layout:
    try:
        parts = wire.places(event)
        walls, steps, sessions = parts[1, wire.FIXED64], parts[2, wire.VARINT], parts[7, wire.BYTES]
        found = [_value(event, *at) for part in parts[5, wire.BYTES] for at in wire.places(event, *part)[1, wire.BYTES]]
        return _Layout(
            _Place(*walls[-1], "<f8") if walls else None,
            _Place(*steps[-1]) if steps else None,
            tuple(one for one in found if isinstance(one, _Place)),
            tuple(one for one in found if not isinstance(one, _Place)),
            _START in [status for session in sessions for status in wire.numbers(event, *session, 1)],
        )
    except wire.Malformed:
        return _Layout(broken=True)


def _value(event: bytes, start: int, stop: int) -> _Place | _Ignored:
    """Return where the scalar of a Value stands, or what it is where it is something else."""
    tag, plugin, what, place = "", "", _EMPTY, None
    for number, kind, a, b in wire.fields(event, start, stop):
        match number, kind:
            case 1, wire.BYTES:
                tag = wire.text(event, a, b)
            case 2, wire.FIXED32:
                place, what = _Place(a, b, "<f4"), "scalar"
            case 8, wire.BYTES:
                place, what = _tensor(event, a, b), "tensor"
            case 9, wire.BYTES:
                plugin = _plugin(event, a, b)
            case _ if number in _KINDS:
                place, what = None, _KINDS[number]
    if place is not None and (what == "scalar" or plugin in ("", "scalars")):
        return _Place(place.start, place.stop, place.code, tag)
    if plugin and what in ("tensor", _EMPTY):
        what = _PLUGIN_KINDS.get(plugin, plugin)
    return what, tag, (start, stop)


def _plugin(event: bytes, start: int, stop: int) -> str:
    """Return the plugin that a SummaryMetadata names."""
    data = [
        at for part in wire.places(event, start, stop)[1, wire.BYTES] for at in wire.places(event, *part)[1, wire.BYTES]
    ]
    return wire.text(event, *data[-1]) if data else ""


def _tensor(event: bytes, start: int, stop: int) -> _Place | None:
    """Return where the one number of a tensor stands; None if it has several, none, or one of another kind."""
    parts, dtype = wire.places(event, start, stop), wire.numbers(event, start, stop, 1)
    values = [(number, a, b) for (number, _), found in parts.items() if number in _VALUE_FIELDS for a, b in found]
    dimensions = [at for shape in parts[2, wire.BYTES] for at in wire.places(event, *shape)[2, wire.BYTES]]
    sizes = [(wire.numbers(event, *at, 1) or [0])[-1] for at in dimensions]  # a size of 0 is not written
    if not dtype or len(values) != 1 or any(size != 1 for size in sizes):
        return None
    number, a, b = values[0]
    code = _CODES.get((dtype[-1], number))
    return _Place(a, b, code) if code and _is_one(event, a, b, code) else None


def _is_one(event: bytes, start: int, stop: int, code: str) -> bool:
    """Whether the bytes are exactly one number: a repeated field may hold any count of them, packed."""
    if code not in _VARYING:
        return stop - start == (2 if code == _BFLOAT_CONTENT else np.dtype(code).itemsize)
    return start < stop <= start + wire.LONGEST and wire.varint(event, start, stop)[1] == stop


# Settings ------------------------------------------------------------------------------------------------------------


def _settings(event: bytes, value: wire.Place, kind: str) -> Mapping[str, Any]:
    """Return the settings that a Value holds: hparams, or a text that is a JSON object or a table of two columns."""
    try:
        if kind == _HPARAMS:
            return dict(_hparam(event, at) for at in _inside(event, value, 9, 1, 2, 3, 1))
        text = b"".join(event[start:stop] for start, stop in _inside(event, value, 8, 8)[:1])
    except wire.Malformed:
        return {}
    if text.startswith(b"{"):
        try:
            found = parse(text)
        except ValueError:
            found = {}
        return found if isinstance(found, dict) else {}
    rows = _TABLE_ROW.findall(text.decode("utf-8", "replace"))
    return {key: value for key, value in rows[1:] if key.strip("-: ")} if text.startswith(b"|") else {}


def _hparam(event: bytes, entry: wire.Place) -> tuple[str, Any]:
    """Return key and value of an entry: a number, a text or a truth."""
    key, held = "", None
    for start, stop in _inside(event, entry, 1):
        key = wire.text(event, start, stop)
    for inner in _inside(event, entry, 2):
        for number, kind, start, stop in wire.fields(event, *inner):
            match number, kind:
                case 2, wire.FIXED64:
                    held = struct.unpack("<d", event[start:stop])[0]
                case 3, wire.BYTES:
                    held = wire.text(event, start, stop)
                case 4, wire.VARINT:
                    held = bool(wire.varint(event, start, stop)[0])
    return key, held


def _inside(event: bytes, message: wire.Place, *path: int) -> list[wire.Place]:
    """Return where the messages stand to which a path of field numbers leads."""
    found = [message]
    for number in path:
        found = [at for outer in found for at in wire.places(event, *outer)[number, wire.BYTES]]
    return found


# Assembly ------------------------------------------------------------------------------------------------------------

_Members = tuple[_Layout, IntArray]  # and the records that have it
_Group = tuple[_Layout, IntArray, Bytes]
_Rows = tuple[IntArray, FloatArray, IntArray, FloatArray]  # step, wall time, tag, value


@dataclass(slots=True)
class _Damage:
    """A stretch of the file that could not be read."""

    start: int  # bytes from here
    stop: int  # to here, which grows while nothing is found behind them
    row: int  # how many scalars stand before it
    cut: bool = False  # whether nothing is wrong but that the file ends inside a record
    searched: bool = False  # whether records were looked for inside of it: a second search would find the same


class _Found:
    """What has been read so far."""

    def __init__(self) -> None:
        self.at = 0  # where in the file it stands
        self.rows = self.records = 0  # how many scalars and how many records there were
        self.broken: list[int] = []  # where records began whose content is not an event
        self._damaged: list[_Damage] = []
        self._astray = False  # whether no length is trusted yet that comes behind the last damage
        self._step, self._wall = Buffer(np.empty(0, np.int64)), Buffer(np.empty(0))
        self._columns: dict[int, tuple[Buffer[np.int64], Buffer[np.float64]]] = {}  # by tag
        self._tags: dict[str, int] = {}
        self._restarts: list[tuple[int, int]] = []  # rows before which a SessionLog said START, each with its step
        self._settings: dict[str, Any] = {}
        self._ignored: Counter[str] = Counter()
        self._ignored_tags: dict[str, tuple[int, int]] = {}  # each with its first record, and its place in it

    def feed(self, data: bytes, last: bool) -> int:
        """Read block after block, up to the last whole record."""
        at = 0
        while at < len(data):
            if self._astray:
                at = self._back_on_track(data, at, last)
                if self._astray:
                    break
            edges, wrong = _walk(data, at)
            if len(edges) > 1:
                _read_block(data, edges, self)
            at = edges[-1]
            if wrong == _CUT and not last:
                break
            if wrong:
                at = self._lose_track(at, wrong)
        self.at += at
        return at

    def _lose_track(self, at: int, wrong: str) -> int:
        """Remark that no record begins at a place; return from where on the next one is looked for."""
        known = self._damaged[-1] if self._damaged else None
        if known is None or known.stop != self.at + at or known.start < self.at:
            self._damaged.append(_Damage(self.at + at, self.at + at + 1, self.rows, wrong == _CUT, searched=True))
        elif not known.searched:
            at = known.start - self.at  # the record before was damaged too, and its length may have been true no more
            known.searched = True
        self._astray = True
        return at + 1

    def _back_on_track(self, data: bytes, at: int, last: bool) -> int:
        """Return where the next record begins that is whole, or as far as there is none."""
        place = _next_record(data, at)
        self._astray = place is None
        if place is None:
            place = len(data) if last else max(at, len(data) - _HEADER.size + 1)
        else:
            self._damaged[-1].cut = False
        self._damaged[-1].stop = self.at + place
        return place

    def add(self, groups: list[_Group], damaged: IntArray, edges: list[int]) -> None:
        """Put the values of a block, which were read layout by layout, into the order of the file."""
        count = np.zeros(len(edges) - 1, dtype=np.int64)
        for layout, members, _ in groups:
            count[members] = len(layout.values)
        first = np.cumsum(count) - count
        n = int(count.sum())
        block = np.zeros(n, np.int64), np.zeros(n), np.zeros(n, np.int64), np.zeros(n)
        for layout, members, rows in groups:
            if layout.values:
                self._fill(block, first[members], layout, rows)
            self._remark(layout, members, rows, self.rows + first[members], edges)
        for i in damaged.tolist():
            begin, end = self.at + edges[i], self.at + edges[i + 1]
            self._damaged.append(_Damage(begin, end, self.rows + int(first[i])))
        step, wall, tag, value = block
        for own in _equals(tag):
            if len(own):
                number = int(tag[own[0]])
                column = self._columns.setdefault(number, (Buffer(NO_STEPS), Buffer(np.empty(0))))
                column[0].extend(self.rows + own)
                column[1].extend(value[own])
        self._step.extend(step)
        self._wall.extend(wall)
        self.rows += n
        self.records += len(count) - len(damaged)

    def _fill(self, block: _Rows, at: IntArray, layout: _Layout, rows: Bytes) -> None:
        step, wall, tag, value = block
        steps = layout.step.read(rows) if layout.step else 0
        walls = layout.wall.read(rows) if layout.wall else 0.0
        for place in layout.values:
            step[at], wall[at] = steps, walls
            with np.errstate(invalid="ignore"):  # a signalling NaN is a NaN
                value[at] = place.read(rows)
            tag[at] = self._tags.setdefault(place.tag, len(self._tags))
            at = at + 1

    def _remark(self, layout: _Layout, members: IntArray, rows: Bytes, row: IntArray, edges: list[int]) -> None:
        if layout.broken:
            self.broken += [self.at + edges[i] for i in members]
        if layout.starts:
            steps = layout.step.read(rows).tolist() if layout.step else [0] * len(row)
            self._restarts += zip(row.tolist(), steps, strict=True)
        for place, (kind, tag, at) in enumerate(layout.ignored):
            if kind in _SETTINGS and (told := _settings(rows[0].tobytes(), at, kind)):
                self._settings = {**told, **self._settings}
                continue
            self._ignored[kind] += len(members)
            first = self.records + int(members[0]), place
            self._ignored_tags[tag] = min(first, self._ignored_tags.get(tag, first))

    def log(self) -> Log:
        """Return the log of everything so far."""
        names = list(self._tags)
        found = sorted(self._columns.items(), key=lambda column: int(column[1][0].values[0]))
        columns = {names[number]: Column(rows.values, values.values) for number, (rows, values) in found}
        clock = Column(np.arange(self.rows), self._wall.values)
        columns.setdefault(CLOCK, clock)
        begins = np.unique(np.array([row for row, _ in self._restarts if row > 0], dtype=np.int64))
        session = np.searchsorted(begins, np.arange(self.rows), side="right")
        purged: dict[int, int] = {}
        for row, step in self._restarts:
            number = int(np.searchsorted(begins, row, side="right"))
            if step > 0:  # many say 0 that mean nothing by it
                purged[number] = min(step, purged.get(number, step))
        log = Log("tensorboard", self._step.values, columns, session=session, purged=purged, config=self._settings)
        return placed(replace(log, notes=self.notes()))

    def notes(self) -> tuple[Note, ...]:
        """Return what was dropped and what was left alone."""
        notes = [*self._cut(), *self._damage()]
        if self.broken:
            text = f"Records that do not hold an event were skipped: {len(self.broken):,}, the first at byte "
            notes.append(Note(NoteKind.DROPPED, f"{text}{min(self.broken)}.", len(self.broken)))
        if self._ignored:
            kinds = dict(sorted(self._ignored.items(), key=lambda kind: (-kind[1], kind[0])))
            tags = sorted(self._ignored_tags, key=self._ignored_tags.__getitem__)
            notes.append(left_alone("scalars", kinds, "tags", tags))
        return tuple(notes)

    def _cut(self) -> list[Note]:
        cut = [one for one in self._damaged if one.cut]
        text = "The file ends inside a record: its last {:,} bytes, from byte {}, are lost."
        return [Note(NoteKind.DROPPED, text.format(one.stop - one.start, one.start), end_lost=True) for one in cut]

    def _damage(self) -> list[Note]:
        """Say how much is damaged, and what it lies between."""
        damaged = [one for one in self._damaged if not one.cut]
        if not damaged:
            return []
        size = sum(one.stop - one.start for one in damaged)
        places = list(dict.fromkeys(map(self._place, damaged)))
        text = (
            f"{size:,} damaged bytes, from byte {damaged[0].start} on, could not be read; what was logged there is "
            f"lost: {some(places, _PLACES_SHOWN)}."
        )
        lost = self.rows > 0 and any(map(self._at_the_end, damaged))
        return [Note(NoteKind.DROPPED, text, len(damaged), end_lost=lost)]

    def _at_the_end(self, damage: _Damage) -> bool:
        return damage.row >= self.rows

    def _place(self, damage: _Damage) -> str:
        if self._at_the_end(damage):
            return f"everything after step {self._step.values[-1]}" if self.rows else "everything"
        after = self._step.values[damage.row]
        if damage.row == 0:
            return f"before step {after}"
        before = self._step.values[damage.row - 1]
        return f"at step {after}" if before == after else f"between steps {before} and {after}"
