"""Logs that never touch a disk."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from heldout.readers.log import Log
from heldout.readers.source import HEAD, Source
from heldout.run import Note


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


def cells(log: Log) -> dict[str, dict[int, float]]:
    """Every value of a log, by key and row; keys in the log's own order."""
    return {
        key: dict(zip(column.row.tolist(), column.value.tolist(), strict=True)) for key, column in log.columns.items()
    }


def said(notes: Iterable[Note]) -> list[tuple[str, str, int]]:
    """Every note in full: its kind, its text, its count."""
    return [(note.kind.value, note.text, note.count) for note in notes]


def told(log: Log) -> dict[str, Any]:
    """Everything that a log says, but for what it does not have."""
    whole = {
        "format": log.format,
        "step": log.step.tolist(),
        "columns": cells(log),
        "session": None if log.session is None else log.session.tolist(),
        "name": log.name,
        "config": dict(log.config),
        "notes": said(log.notes),
        "roles": dict(log.roles),
        "measured": [(one.step, one.key, one.rate) for one in log.measured],
        "checkpoints": dict(log.checkpoints),
        "maybe_training": log.maybe_training,
    }
    return {name: value for name, value in whole.items() if value not in (None, {}, [], False)}
