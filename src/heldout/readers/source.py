"""The file a reader looks at: its first bytes, its whole content, its lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

HEAD = 65_536

# Terminal colours, and the "(TaskRunner pid=123) " that Ray puts before each line of a worker's output.
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_RAY = re.compile(r"^\((?:\w+(?:::\w+)? )?(?:pid|ip)=[^)]*\)\s?", re.MULTILINE)


class Source:
    """A file, read at most once, however many readers look at it.

    Parameters
    ----------
    path
        The file.
    growing
        Whether it is still being written: a last line without its end may be cut anywhere.
    """

    def __init__(self, path: Path, *, growing: bool = False) -> None:
        self.path = path
        self.growing = growing

    @cached_property
    def size(self) -> int:
        """Length in bytes."""
        return self.path.stat().st_size

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB, enough to recognise a format."""
        with self.path.open("rb") as file:
            return file.read(HEAD)

    @cached_property
    def data(self) -> bytes:
        """The whole content."""
        return self.head if self.size <= len(self.head) else self.path.read_bytes()

    @cached_property
    def is_text(self) -> bool:
        """Whether the head looks like text: no NUL byte, and mostly valid UTF-8."""
        return b"\0" not in self.head and self.head.decode("utf-8", "replace").count("�") * 50 <= len(self.head)

    @cached_property
    def text(self) -> str:
        """The whole content as text, without a byte-order mark, terminal colours or Ray's prefixes.

        A carriage return, with which progress bars overwrite a line, counts as a line end.
        """
        text = self.data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
        return _RAY.sub("", _ANSI.sub("", text) if "\x1b" in text else text)

    def blocks(self, size: int = 4_194_304) -> Iterator[bytes]:
        """Yield the content in blocks of whole lines, so that no copy of a large file is held at once."""
        with self.path.open("rb") as file:
            while block := file.read(size):
                yield block + file.readline()
