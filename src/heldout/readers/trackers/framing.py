"""Records in fragments, as LevelDB frames its log: W&B's and SwanLab's offline files are written so.

A file starts with seven bytes that say whose it is. Blocks of 32 KiB follow, counted from the start of the file; a
block holds fragments ``u32 checksum, u16 length, u8 type, data`` and, where fewer than seven bytes are left of it,
zeros. The checksum is the plain CRC-32 of type and data. A record is one full fragment (1), or a first (2), any number
of middle (3) and a last one (4).
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from heldout.readers.trackers.wire import Malformed
from heldout.run import Note, NoteKind

_FILE_HEADER = 7  # bytes
_BLOCK = 32_768
_HEADER = struct.Struct("<IHB")
_BAD, _FULL, _FIRST, _MIDDLE, _LAST = range(5)  # types of fragments; 0 is none

_CUT = "A cut end"


@dataclass(slots=True)
class Found:
    """What has been read of a file so far; a format adds what it keeps, and says how a record is read."""

    records: int = 0
    broken: int = 0  # records whose content is not what it should be
    lost: list[tuple[int, str]] = field(default_factory=list)

    def read(self, record: bytes) -> None:
        """Take in a record. Raises `Malformed` where its content is not what it should be."""
        raise NotImplementedError

    def settle(self) -> None:
        """Do what is done for many records at once; called when all that there is was read."""

    def lose(self, at: int, what: str) -> None:
        """Remark what could not be read, and where."""
        self.lost.append((at, what))

    def place(self, at: int) -> str:
        """Say between which rows something was lost, where the format tells."""
        return ""

    def losses(self) -> list[Note]:
        """Say what could not be read."""
        notes = []
        for what, count in Counter(what for _, what in self.lost).items():
            first = min(at for at, other in self.lost if other == what)
            times = "once" if count == 1 else f"{count:,} times"
            text = f"{what} could not be read and was skipped, {times}, first at byte {first}{self.place(first)}."
            notes.append(Note(NoteKind.DROPPED, text, count))
        if self.broken:
            text = f"Records that do not hold a message were skipped: {self.broken:,}."
            notes.append(Note(NoteKind.DROPPED, text, self.broken))
        return notes


_F = TypeVar("_F", bound=Found)


class Pieces(Generic[_F]):
    """Puts records together from their fragments, and reads them."""

    def __init__(self, found: _F) -> None:
        self.found = found
        self._start = 0  # where in the file the bytes stand that are given next
        self._next = _FILE_HEADER  # where the next fragment stands
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
            self.found.read(record)
        except Malformed:
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
