"""The file that verl's "file" logger writes: one JSON object per step."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from heldout.errors import NoMetrics
from heldout.readers.log import Log
from heldout.readers.rows import TableBuilder
from heldout.readers.source import BOM, Source, whole_lines
from heldout.readers.steps import log_from_table
from heldout.run import Note, NoteKind

# {"step": 1, "data": {"actor/kl_loss": 0.001, …
_FIRST = re.compile(rb'(?:\xef\xbb\xbf)?\s{0,99}\{\s*+"step"\s*+:\s*+-?\d++\s*+,\s*+"data"\s*+:\s*+\{')
_LARGEST = 2**62


def read(source: Source) -> list[Log] | None:
    """Read verl's JSON-lines metrics.

    A line looks like this::

        {"step":12,"data":{"actor/kl_loss":0.001,"critic/score/mean":0.977,"val-core/gsm8k/reward/mean@1":0.5}}

    What it cannot see: anything before a restart, because verl overwrites the file.

    Raises
    ------
    NoMetrics
        When no line is whole.
    """
    if not _FIRST.match(source.head):
        return None
    lines = source.fed(_Lines)
    if not lines.rows:
        raise NoMetrics('This is a verl file log, but no line of it is a whole {"step":…,"data":{…}}; copy it again.')
    return [log_from_table(lines.table.build(), "verl-file", step_key="step", notes=lines.notes())]


class _Lines:
    """The rows of such a file, and how many lines were none."""

    def __init__(self) -> None:
        self.table = TableBuilder()
        self.rows = self._broken = 0
        self._cut = False

    def feed(self, data: bytes, last: bool) -> int:
        lines = whole_lines(data, last)
        parsed = [_row(line.removeprefix(BOM)) for line in lines.splitlines() if line.strip()]
        rows = [row for row in parsed if row is not None]
        self.table.add(rows)
        self.rows += len(rows)
        self._broken += len(parsed) - len(rows)
        self._cut = parsed[-1] is None if parsed else self._cut
        return len(lines)

    def notes(self) -> list[Note]:
        notes = []
        broken = self._broken - self._cut
        if broken:
            text = f'{broken} lines were not of the form {{"step":…,"data":{{…}}}} and were left out.'
            notes.append(Note(NoteKind.DROPPED, text, broken))
        if self._cut:
            notes.append(Note(NoteKind.DROPPED, "The last line is cut and was left out.", 1))
        return notes


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        entry = orjson.loads(line)
    except ValueError:
        try:  # NaN and Infinity, which the standard module writes and reads
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return None
    if not isinstance(entry, dict):
        return None
    step, data = entry.get("step"), entry.get("data")
    if type(step) is not int or not isinstance(data, dict) or abs(step) > _LARGEST:
        return None
    data["step"] = step
    return data
