"""Logs that never touch a disk."""

from __future__ import annotations

from pathlib import Path

from heldout.readers.source import Source


def source(content: str | bytes, name: str = "console.log") -> Source:
    """A source that has its content already, without a file."""
    data = content.encode() if isinstance(content, str) else content
    made = Source(Path(name))
    made.__dict__.update(data=data, head=data[:65_536], size=len(data))
    return made
