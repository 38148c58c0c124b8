"""Archives, zip and tar, read as the folders that they hold.

Members are written into a temporary folder that is removed again. Nothing is written outside it: what has an absolute
name or one that leads upwards, what is a link, a device or encrypted, is left out, and that is said. How much is
unpacked has a limit, whatever the archive says of itself.

What it cannot see: archives inside of archives, and checkpoints, which are gone when the report is read.
"""

from __future__ import annotations

import lzma
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from zipfile import BadZipFile, ZipFile

from heldout.errors import NoMetrics, ReadError
from heldout.readers.folders.found import Named
from heldout.readers.folders.walk import is_no_log
from heldout.readers.log import noted
from heldout.readers.packing import LARGEST, bare, pieces, too_large, unpacked
from heldout.run import NoteKind
from heldout.text import counted

_Member = tuple[str, Callable[[], BinaryIO] | None]  # its name, and what opens it; None where it is no plain file

_MOST = 10_000  # members; a folder of logs has some hundred files
_HEAD = 512  # bytes; a tar says what it is at byte 257
_TAIL = 65_557  # bytes at the end of a zip in which it says how many members it has
_ZIPPED = (b"PK\x03\x04", b"PK\x05\x06")
_WORKBOOKS = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What a damaged, encrypted or strangely packed member raises.
_DAMAGED = (OSError, EOFError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, BadZipFile, tarfile.TarError)


def logs_in_archive(path: Path, found_in: Callable[[Path], list[Named]]) -> list[Named] | None:
    """Return what `found_in` finds in the folder that an archive holds, or None where a file is no archive.

    Raises
    ------
    ReadError
        When the archive cannot be unpacked, or `found_in` raises it; the message names the archive.
    """
    members = _members(path)
    if members is None:
        return None
    with tempfile.TemporaryDirectory(prefix="heldout-") as temporary:
        folder = Path(temporary).resolve() / (bare(path).stem or "archive")
        folder.mkdir()
        left_out = _unpack(members, folder, path)
        text = f"{counted(left_out, 'member')} of {path.name} left out: links, unsafe names, encrypted or damaged."
        notes = noted(NoteKind.IGNORED, left_out, text)
        try:
            found = found_in(folder)
        except ReadError as error:
            said = " ".join([str(error), *(note.text for note in notes)])
            raise type(error)(said.replace(str(folder), str(path))) from None
    # Its checkpoints are gone with the folder.
    return [Named(name, replace(log, checkpoints={}, notes=(*log.notes, *notes)), (path,)) for name, log, *_ in found]


def _members(path: Path) -> Iterator[_Member] | None:
    """Return the members of an archive, or None where a file is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(_HEAD)
    if start.startswith(_OLD_WORKBOOK):
        raise _workbook(path)
    if start.startswith(_ZIPPED):
        return _zipped(path)
    try:
        with unpacked(path, start) as stream:
            is_tar = stream.read(_HEAD)[257:262] == b"ustar"
    except (*_DAMAGED, NoMetrics):  # who reads it as a file says what is wrong with it
        return None
    return _tarred(path, start) if is_tar else None


def _zipped(path: Path) -> Iterator[_Member] | None:
    """Return the members of a zip; None where it is a file of numpy's or torch's, which are zips, too."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL, 0))
        _, end, said = file.read().rpartition(b"PK\x05\x06")
    if end and len(said) >= 8 and int.from_bytes(said[6:8], "little") > _MOST:  # before all of them are listed
        raise _too_many(path)
    try:
        archive = ZipFile(path)
    except _DAMAGED as error:
        raise NoMetrics(f"{path.name}: a damaged zip archive; copy it again, or unpack what is left of it.") from error
    names = archive.namelist()
    if any(name in _WORKBOOKS for name in names):
        raise _workbook(path)
    if names and (all(name.endswith(".npy") for name in names) or any(name.endswith("/data.pkl") for name in names)):
        return None
    return _of_zip(archive)


def _of_zip(archive: ZipFile) -> Iterator[_Member]:
    with archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            plain = kind in (0, stat.S_IFREG)
            if not info.is_dir():
                yield info.filename, partial(_opened, archive.open, info) if plain else None


def _tarred(path: Path, start: bytes) -> Iterator[_Member]:
    with unpacked(path, start) as stream:
        try:
            limited: Any = _Limited(stream, path)
            with tarfile.open(fileobj=limited, mode="r|") as archive:
                for info in archive:
                    if not info.isdir():
                        yield info.name, partial(_opened, archive.extractfile, info) if info.isreg() else None
        except NoMetrics:
            raise
        except _DAMAGED:
            yield "the rest", None


def _opened(open_: Callable[[Any], Any], info: Any) -> BinaryIO:
    stream: BinaryIO = open_(info)
    return stream


class _Limited:
    """A stream that refuses to be read for ever."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream, self._path, self._left = stream, path, LARGEST

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        piece = self._stream.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise too_large(self._path)
        return piece


def _unpack(members: Iterator[_Member], folder: Path, path: Path) -> int:
    """Write what may be logs into a folder; return how many members could not be written."""
    left, left_out = LARGEST, 0
    for number, (name, open_) in enumerate(members):
        if number >= _MOST:
            raise _too_many(path)
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if open_ is None or not parts or _is_unsafe(parts):
            left_out += 1
            continue
        target = folder.joinpath(*parts)
        if is_no_log(target) or any(part.startswith((".", "__MACOSX")) for part in parts):
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open_() as stream, target.open("xb") as file:
                for piece in pieces(stream, path):
                    left -= file.write(piece)
                    if left < 0:
                        raise too_large(path)
        except NoMetrics:
            raise
        except _DAMAGED:
            left_out += 1
    return left_out


def _is_unsafe(parts: tuple[str, ...]) -> bool:
    """Whether a name leads out of the folder."""
    return ".." in parts or parts[0].startswith("/") or any(":" in part or "\0" in part for part in parts)


def _too_many(path: Path) -> NoMetrics:
    return NoMetrics(
        f"{path.name}: an archive of more than {counted(_MOST, 'member')}, the most that heldout unpacks; unpack it "
        "yourself and give the folder."
    )


def _workbook(path: Path) -> NoMetrics:
    return NoMetrics(f"{path.name}: a workbook of a spreadsheet; save its sheet as CSV there, and give that file.")
