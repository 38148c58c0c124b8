"""Metrics as one JSON object per line: tinker, prime-rl, RLlib's ``result.json``, SB3's ``progress.json``, your own.

A line looks like ``{"step": 12, "reward/mean": 0.31, "optim/lr": 1e-05}``. Nested objects become keys joined with "/".

What it cannot see: metrics inside text or lists; they are counted in a note.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from heldout.errors import NoMetrics
from heldout.readers.json_lines import rows_of, shown
from heldout.readers.log import Column, Log
from heldout.readers.rows import Table, TableBuilder
from heldout.readers.source import BOM, HEAD, Source, whole_lines
from heldout.readers.steps import logs_from_table
from heldout.run import Note, NoteKind

_RLLIB, _TINKER, _PRIME, _OTHER = "rllib-result", "tinker", "prime-rl", "json-lines"

_SAMPLE = 100
_LARGE = 2_000_000  # bytes; below it importing polars takes longer than reading without it
_OBJECT_LINE = re.compile(rb'\s*\{\s*(?:"|\})')


def read(source: Source) -> list[Log] | None:
    """Read a file of JSON objects, one per line."""
    first = source.head.removeprefix(BOM).lstrip()
    line, _, rest = first.partition(b"\n")
    if not _OBJECT_LINE.match(line) or not _is_line(line, rest, source):
        return None
    lines = source.fed(_Lines)
    table = lines.rows.build()
    if not table.rows:
        raise NoMetrics(
            f"{source.path.name}: looks like JSON lines, but no line is a complete object; nothing to read."
        )
    config = _config(table.columns.keys(), table.constants)
    for key in [key for key in table.columns if key.startswith("config/")]:
        del table.columns[key]
    return logs_from_table(table, _format(table.columns.keys()), notes=_refused(lines.refused), config=config)


class _Lines:
    """The rows of such a file, and the lines that are no object."""

    def __init__(self) -> None:
        self.rows = TableBuilder()
        self.refused: list[bytes] = []
        self._begun = False

    def feed(self, data: bytes, last: bool) -> int:
        lines = whole_lines(data, last)
        text = lines if self._begun else lines.removeprefix(BOM)
        self._begun = self._begun or bool(lines)
        table = plain_table(text)
        if table is not None:
            self.rows.append(table)
            return len(lines)
        rows, refused = rows_of(text)
        self.rows.add(rows)
        self.refused += refused
        return len(lines)


def plain_table(lines: bytes) -> Table | None:
    """Read many rows that hold nothing but numbers with polars, several times quicker; None if there is anything else.

    polars refuses a cell of another type, but passes over keys that are not in its schema. So the colons in the text
    are counted; where there are more than those of the cells that were read, the lines are read the thorough way.
    """
    if len(lines) < _LARGE:
        return None
    import polars as pl

    sample, refused = rows_of(b"\n".join(lines[:HEAD].split(b"\n")[:-1][:_SAMPLE]))
    keys = {key: None for row in sample for key in row}
    if refused or not all(type(cell) in (int, float, type(None)) for row in sample for cell in row.values()):
        return None
    try:
        frame = pl.read_ndjson(lines, schema=dict.fromkeys(keys, pl.Float64))
    except (pl.exceptions.PolarsError, ValueError):
        return None
    there = {key: frame[key].is_not_null().to_numpy() for key in keys}
    colons = sum(int(mask.sum()) * (1 + key.count(":")) for key, mask in there.items())
    unread = lines.count(b":") - colons
    if unread and unread != lines.count(b"null"):
        return None
    columns = {key: Column(np.flatnonzero(mask), frame[key].to_numpy()[mask]) for key, mask in there.items()}
    return Table(frame.height, {key: column for key, column in columns.items() if len(column.row)})


def _is_line(line: bytes, rest: bytes, source: Source) -> bool:
    """Whether the first line is a whole object with others below it, or the start of one longer than the head.

    A single object is a document of its own; another reader knows what such documents look like.
    """
    if rest.strip():
        return bool(rows_of(line)[0])
    return source.size > len(source.head) and b"\n" not in source.head.strip()


def _format(keys: Any) -> str:
    keys = set(keys)
    if "time_this_iter_s" in keys and ("training_iteration" in keys or "timesteps_total" in keys):
        return _RLLIB
    if keys & {"progress/done_frac", "env/all/reward/total", "optim/kl_sample_train_v1"}:
        return _TINKER
    if any(key.startswith(("mismatch_kl/", "reward/all/", "seq_len/all/")) for key in keys):
        return _PRIME
    return _OTHER


def _config(keys: Any, constants: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in constants.items() if key.startswith("config/")}


def _refused(lines: list[bytes]) -> list[Note]:
    if not lines:
        return []
    text = f"{len(lines)} lines are not complete JSON objects and were dropped, the last of them {shown(lines[-1])}."
    return [Note(NoteKind.DROPPED, text, len(lines))]
