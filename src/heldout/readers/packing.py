"""Files as they lie on disk, packed or in UTF-16, and the bytes that they stand for.

gzip, bzip2 and xz are unpacked by the standard library, zstd by it from Python 3.14 on, else by backports.zstd or
pyarrow where one of them is installed. What is damaged or cut is read up to there.

What it cannot see: files that unpack to more than half a gigabyte, which are refused.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import importlib
import lzma
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from heldout.errors import NoMetrics

LARGEST = 2**29  # bytes that a file may unpack to; a long run's log has some ten million

_PIECE = 2**20
_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
_ELSEWHERE = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "RAR", b"\x04\x22\x4d\x18": "LZ4"}


def bare(path: Path) -> Path:
    """Return a file's name without the ending of what packed it.

    >>> bare(Path("runs/metrics.jsonl.gz")).name
    'metrics.jsonl'
    """
    return path.with_suffix("") if path.suffix.lower() in _SUFFIXES else path


def content(path: Path, start: bytes) -> tuple[bytes, bool] | None:
    """Return what a file stands for, and whether it is whole; None where that is what lies on disk.

    `start` is how the file begins. Raises `NoMetrics` where nothing of it can be unpacked.
    """
    encoding = _utf16(start)
    if encoding:
        return path.read_bytes().decode(encoding, "replace").removeprefix("\ufeff").encode(), True
    if _opener(start) is None:
        return None
    found, whole = bytearray(), True
    with unpacked(path, start) as stream:
        try:
            for piece in pieces(stream, path):
                found += piece
        except NoMetrics:
            raise
        except Exception:  # each library has errors of its own for damage
            whole = False
    if not found:
        raise NoMetrics(f"{path.name}: a packed file that is empty or damaged from its beginning; copy it again.")
    return bytes(found), whole


@contextmanager
def unpacked(path: Path, start: bytes) -> Iterator[BinaryIO]:
    """Open a file for reading what it stands for; `start` is how it begins."""
    opener = _opener(start)
    with path.open("rb") as file:
        if opener is None:
            yield file
            return
        with opener(file) as stream:
            yield stream


def pieces(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield what a stream holds, as far as it can be read; raises `NoMetrics` where that does not end."""
    left = LARGEST
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)  # which returns what stands before damage
    while piece := read(_PIECE):
        left -= len(piece)
        if left < 0:
            raise too_large(path)
        yield piece


def too_large(path: Path) -> NoMetrics:
    """Return the refusal of a file that unpacks to more than is read."""
    return NoMetrics(
        f"{path.name}: unpacks to more than {LARGEST >> 20} MiB, the most that heldout unpacks; unpack it yourself and "
        "give the path of the log."
    )


def _opener(start: bytes) -> Callable[[BinaryIO], Any] | None:
    if start.startswith(b"\x1f\x8b\x08"):
        return lambda file: gzip.GzipFile(fileobj=file)
    if re.match(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", start):
        return bz2.BZ2File
    if start.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd()
    for magic, name in _ELSEWHERE.items():
        if start.startswith(magic):
            raise NoMetrics(f"A file packed by {name}, which heldout does not unpack; unpack it and give the log.")
    return None


def _zstd() -> Callable[[BinaryIO], Any]:
    """Return what opens zstd, from whichever library is there."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            opener: Callable[[BinaryIO], Any] = importlib.import_module(name).ZstdFile
        except ImportError:
            continue
        return opener
    try:
        arrow = importlib.import_module("pyarrow")
    except ImportError:
        text = "A file packed by zstd, and nothing is installed that unpacks it; run: pip install backports.zstd"
        raise NoMetrics(text) from None
    return lambda file: arrow.CompressedInputStream(file, "zstd")


def _utf16(start: bytes) -> str:
    """Return the encoding of a text of two bytes a character: by its mark, or by the empty half of its characters."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not start.startswith(codecs.BOM_UTF32_LE):
        return "utf-16"
    low, high = start[::2], start[1::2]
    for encoding, letters, empty in (("utf-16-le", low, high), ("utf-16-be", high, low)):
        if 2 * empty.count(0) > len(empty) > 4 and 0 not in letters and _is_text(start[: len(start) & ~1], encoding):
            return encoding
    return ""


def _is_text(start: bytes, encoding: str) -> bool:
    text = start.decode(encoding, "replace")
    return "\n" in text and all(sign.isprintable() or sign in "\t\r\n" for sign in text[:500])
