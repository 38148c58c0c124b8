"""The files a reader looks at: first bytes, whole content, lines, and what a parser has understood of them so far.

A format that is only ever appended to has a `Parser`, which is fed the file piece by piece. Reading a finished file and
following one that grows are then the same code: the first is one feeding, the second goes on with the same parser.
"""

from __future__ import annotations

import io
import os
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from heldout.errors import ReadError
from heldout.readers.log import Log
from heldout.readers.packing import content
from heldout.run import Note, NoteKind

HEAD = 65_536
BOM = b"\xef\xbb\xbf"

_PIECE = 4_194_304  # bytes; no copy of a large file is held at once
_CHECKED = 4096  # bytes before the place that was reached which must still be what they were
_CONTENT = ("content", "size", "data", "text", "ends_open")  # what is kept of the content for the time of one look

# What text in one of the encodings of Western Europe does not hold: controls, and signs that are never used.
_NO_LETTER = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\x81-\x83\x86-\x90\x98-\x9f\xff]")
# Where a file system lost a block, or a log was emptied under its writer, there are NUL bytes in a row.
_NULS = re.compile(rb"\0{16,}")
# Terminal colours; what a container puts before each line; the "(TaskRunner pid=123) " of Ray, and what it says behind.
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_STAMPED = re.compile(r"^\d{4}-\d\d-\d\dT[\d:]{8}(?:[.,]\d{1,9})?Z (?:std(?:out|err) [FP] )?", re.MULTILINE)
_RAY = re.compile(
    r"^\((?:\w+(?:::\w+)? )?(?:pid|ip)=[^)\n]*\)\s?|[ \t]{0,9}+\[repeated \d{1,9}x across cluster\][^\n]*+$",
    re.MULTILINE,
)
# W&B's output.log holds no longer lines: what followed is lost, and a mark says so to the readers of consoles.
LINE_LIMIT = 4096
CUT_HERE = "\ue000"
_AT_LIMIT = re.compile(rf"^[^\n]{{{LINE_LIMIT}}}$", re.MULTILINE)


class Parser(Protocol):
    """Understands a format that is appended to."""

    def feed(self, data: bytes, last: bool) -> int:
        """Take in what stands in the file behind everything that was used so far; return how many bytes were used.

        The others are given again, with more behind them. `last` says that the file ends there for good: half a record
        at the end is then a damaged one.
        """
        ...


class TextParser(Protocol):
    """Understands text that is appended to."""

    def feed(self, text: str, last: bool) -> None:
        """Take in the next lines: whole ones, but for the very last one where the text ends for good."""
        ...


_P = TypeVar("_P", bound=Parser)
_T = TypeVar("_T", bound=TextParser)
Stamp = tuple[int, int, int]  # tells whether a file has changed: inode, size, time of the last change


class Source:
    """A file, read at most once, however many readers look at it."""

    def __init__(self, path: Path, *, growing: bool = False, older: Sequence[Path] = ()) -> None:
        self.path = path
        self.older = [
            Source(part) for part in older
        ]  # parts that were split off, the oldest first; read as one with it
        self.growing = growing  # still being written: a last line without its end may be cut anywhere
        self.notes: list[Note] = []  # what is to be said of the file, whoever reads it
        self.declined = 0  # readers, in the order of the registry, that refused a beginning which changes no more
        self._parsers: dict[Callable[[], Any], tuple[Any, int]] = {}
        self._texts: dict[int, tuple[str, int]] = {}  # of this look, by where they begin
        self._before = b""  # what stands before the furthest place that was reached
        self._at = 0

    @cached_property
    def content(self) -> bytes | None:
        """What a packed file, or one in UTF-16, stands for; None where that is what lies on disk."""
        with self.path.open("rb") as file:
            found = content(self.path, file.read(HEAD))
        if found is None:
            return None
        text = f"The packed file is cut or damaged; its first {len(found[0])} bytes were unpacked and read."
        self.notes = [] if found[1] or self.growing else [Note(NoteKind.DROPPED, text)]
        return found[0]

    @cached_property
    def size(self) -> int:
        """Length in bytes."""
        own = self.path.stat().st_size if self.content is None else len(self.content)
        return own + sum(part.size for part in self.older)

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB, enough to recognise a format."""
        with self.opened() as file:
            return file.read(HEAD)

    @cached_property
    def data(self) -> bytes:
        """The whole content."""
        if self.size <= len(self.head):
            return self.head
        if self.content is not None and not self.older:
            return self.content
        with self.opened() as file:
            return file.read()

    @cached_property
    def is_text(self) -> bool:
        """Whether the head looks like text: mostly UTF-8, or Western European of one byte; NUL bytes in blocks only."""
        head = _NULS.sub(b"", self.head)
        with_blocks = len(head) < len(self.head)
        if b"\0" in head or (with_blocks and (not head or _NO_LETTER.search(head))):
            return False
        odd = head.decode("utf-8", "replace").count("�")
        return odd * 50 <= len(head) or (odd * 5 <= len(head) and not _NO_LETTER.search(head))

    @cached_property
    def text(self) -> str:
        """The whole content as text, without a byte-order mark, terminal colours or Ray's prefixes.

        A carriage return, with which progress bars overwrite a line, counts as a line end.
        """
        return _text(self.data, begins=True)

    @cached_property
    def ends_open(self) -> bool:
        """Whether the last line has no end."""
        with self.opened() as file:
            file.seek(max(self.size - 1, 0))
            return not file.read().endswith((b"\n", b"\r"))

    def opened(self) -> BinaryIO:
        """Open the file, for reading bytes."""
        own: BinaryIO = self.path.open("rb") if self.content is None else io.BytesIO(self.content)
        if not self.older:
            return own
        return io.BufferedReader(
            _Parts([*(part.opened() for part in self.older), own], [part.size for part in self.older])
        )

    @property
    def file(self) -> Path | BinaryIO:
        """What a library reads that takes a path or an open file; a path is read with less memory."""
        return self.path if self.content is None and not self.older else self.opened()

    def blocks(self, size: int = _PIECE) -> Iterator[bytes]:
        """Yield the content in blocks of whole lines, so that no copy of a large file is held at once."""
        with self.opened() as file:
            while block := file.read(size):
                yield block + file.readline()

    def fed(self, make: Callable[[], _P]) -> _P:
        """Return a parser that was fed everything the file holds, going on with the one it was given last time."""
        parser, at = self._parsers.get(make) or (make(), 0)
        with self.opened() as file:
            file.seek(at)
            rest, ended = b"", False
            while not ended:
                wanted = max(_PIECE, len(rest))
                new = file.read(wanted)
                ended = len(new) < wanted
                data = rest + new
                last = ended and not self.growing
                used = parser.feed(data, last) if data or last else 0
                at, rest = at + used, data[used:]
        self._parsers[make] = parser, at
        self._reached(at)
        return parser

    def fed_text(self, make: Callable[[], _T]) -> _T:
        """As `fed`, for a parser of lines of text, cleaned as `text` is."""
        parser, at = self._parsers.get(make) or (make(), 0)
        text, end = self._lines_from(at)
        if text or not self.growing:
            parser.feed(text, not self.growing)
        self._parsers[make] = parser, end
        self._reached(end)
        return parser

    def looked_at_again(self) -> bool:
        """Look at the file again; return whether it is still what was understood of it, perhaps with more behind."""
        self.let_go()
        if not self._at:
            return False
        with self.opened() as file:
            head = self.head
            if len(head) < HEAD:
                file.seek(len(head))
                self.__dict__["head"] = head + file.read(HEAD - len(head))
                self.__dict__.pop("is_text", None)
            file.seek(self._at - len(self._before))
            return file.read(len(self._before)) == self._before

    def let_go(self) -> None:
        """Forget the content, but not what was understood of it."""
        for part in self.older:
            part.let_go()
        for name in _CONTENT:
            self.__dict__.pop(name, None)
        self._texts.clear()

    def _lines_from(self, at: int) -> tuple[str, int]:
        """Return the text from a place on, and where it ends; several readers ask for it at each look."""
        if at not in self._texts:
            data = self.data[at:] if at == 0 or "data" in self.__dict__ else self._bytes_from(at)
            data = _ended(data) if self.growing else data
            self._texts[at] = _text(data, begins=at == 0, marks_cuts=True), at + len(data)
        return self._texts[at]

    def _bytes_from(self, at: int) -> bytes:
        with self.opened() as file:
            file.seek(at)
            return file.read()

    def _reached(self, at: int) -> None:
        """Remember what stands before the furthest place, to know the file by at the next look."""
        if self.growing and at > self._at:
            with self.opened() as file:
                start = file.seek(max(at - _CHECKED, 0))
                self._before = file.read(at - start)
            self._at = at


class _Parts(io.RawIOBase):
    """Several files as one, one behind the other; only the last one may grow."""

    def __init__(self, files: Sequence[BinaryIO], sizes: Sequence[int]) -> None:
        self._files = files
        self._begins = [0, *accumulate(sizes)]
        self._at = 0

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether one can go to a place in it."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, counted from the beginning or from here."""
        self._at = max(offset + (self._at if whence == os.SEEK_CUR else 0), 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read what follows in one of the files."""
        number = bisect_right(self._begins, self._at) - 1
        file, last = self._files[number], number == len(self._files) - 1
        file.seek(self._at - self._begins[number])
        wanted = len(buffer) if last else min(len(buffer), self._begins[number + 1] - self._at)
        data = file.read(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close all of them."""
        for file in self._files:
            file.close()
        super().close()


class Held(Source):
    """Content that stands in no file of its own, such as what a cell of a notebook printed."""

    def __init__(self, path: Path, content: bytes) -> None:
        super().__init__(path)
        self.__dict__["content"] = content


def whole_lines(data: bytes, last: bool) -> bytes:
    """Return the lines that have an end, and the very last one where nothing will follow."""
    return data if last else data[: data.rfind(b"\n") + 1]


def stamp_of(seen: os.stat_result) -> Stamp:
    """Return what tells whether a file has changed."""
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def stamp_at(path: Path) -> Stamp:
    """As `stamp_of`, for a file with what is written beside it: a database's newest rows stand in its ``-wal``."""
    inode, size, changed = stamp_of(path.stat())
    with suppress(OSError):
        changed = max(changed, beside(path).stat().st_mtime_ns)
    return inode, size, changed


def beside(path: Path) -> Path:
    """Return where SQLite keeps the write-ahead log of a database."""
    return path.with_name(f"{path.name}-wal")


def _ended(data: bytes) -> bytes:
    """Return the lines of a text that have an end; a carriage return at the very end may be half of one."""
    return data[: max(data.rfind(b"\n"), data.rfind(b"\r", 0, max(len(data) - 1, 0))) + 1]


def _text(data: bytes, *, begins: bool, marks_cuts: bool = False) -> str:
    text = data.decode("utf-8-sig" if begins else "utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "")
    if marks_cuts:
        text = _AT_LIMIT.sub(rf"\g<0>{CUT_HERE}", text)
    text = _ANSI.sub("", text) if "\x1b" in text else text
    return _RAY.sub("", _STAMPED.sub("", text) if _STAMPED.match(text) else text)


class Files:
    """Opens files for readers, each at most once, and goes on where a growing one was left.

    What was understood of files that are still being written is kept for the next look: a file that has not changed is
    not read again, and one that has only grown is read from where it was left.
    """

    def __init__(self, *, growing: bool = False) -> None:
        self.growing = growing
        self.unread: list[str] = []  # about files that were not read, which concern none of the runs that were
        self.refused: dict[Path, str] = {}  # every file of a folder that was not read → why
        self._sources: dict[Path, tuple[int, Source]] = {}  # each with its inode
        self._found: dict[Path, tuple[Stamp, list[Log] | ReadError]] = {}

    def source(self, path: Path, older: Sequence[Path] = ()) -> Source:
        """Return a file as it is now, behind older parts of it."""
        if not self.growing:
            return Source(path, older=older)
        inode = path.stat().st_ino
        known, source = self._sources.get(path, (None, None))
        if (
            source is None
            or known != inode
            or [part.path for part in source.older] != [*older]
            or not source.looked_at_again()
        ):
            source = Source(path, growing=True, older=older)
            self._sources[path] = inode, source
        return source

    def logs(self, path: Path, read: Callable[[Source], list[Log]], older: Sequence[Path] = ()) -> list[Log]:
        """Return what a file holds, behind older parts of it, as `read` finds it; errors as for `read`."""
        if not self.growing:
            return read(Source(path, older=older))
        stamp = stamp_at(path)
        known, found = self._found.get(path, (None, []))
        if known != stamp:
            found = _tried(read, self.source(path, older))
            self._found[path] = stamp, found
        if isinstance(found, ReadError):
            raise found.with_traceback(None)
        return found

    def forget_others(self, paths: Collection[Path]) -> None:
        """Forget the files that are neither among these nor there any more."""
        for known in (self._sources, self._found):
            for path in known.keys() - set(paths):
                if not path.exists():
                    del known[path]


def _tried(read: Callable[[Source], list[Log]], source: Source) -> list[Log] | ReadError:
    try:
        return read(source)
    except ReadError as error:
        return error
    finally:
        source.let_go()
