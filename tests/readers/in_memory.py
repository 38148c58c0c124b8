"""Logs that never touch a disk."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from heldout.readers.source import HEAD, Source


class InMemory(Source):
    """A source that has its content already, without a file."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(Path(name))
        self.__dict__.update(data=data, head=data[:HEAD], size=len(data))

    def opened(self) -> BinaryIO:
        return io.BytesIO(self.data)


def source(content: str | bytes, name: str = "console.log") -> Source:
    """A source of this text."""
    return InMemory(content.encode() if isinstance(content, str) else content, name)
