"""The file that verl's "file" logger writes: one JSON object per step."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from heldout.errors import NoMetrics
from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.readers.steps import log_from_rows
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
    lines = [line for line in source.data.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
    parsed = [_row(line) for line in lines]
    rows = [row for row in parsed if row is not None]
    if not rows:
        raise NoMetrics('This is a verl file log, but no line of it is a whole {"step":…,"data":{…}}; copy it again.')
    return [log_from_rows(rows, "verl file log", step_key="step", notes=_notes(parsed))]


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


def _notes(parsed: list[dict[str, Any] | None]) -> list[Note]:
    cut = parsed[-1] is None
    broken = sum(row is None for row in parsed) - cut
    notes = []
    if broken:
        text = f'{broken} lines were not of the form {{"step":…,"data":{{…}}}} and were left out.'
        notes.append(Note(NoteKind.DROPPED, text, broken))
    if cut:
        notes.append(Note(NoteKind.DROPPED, "The last line is cut and was left out.", 1))
    return notes
