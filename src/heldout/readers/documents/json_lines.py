"""Metrics as one JSON object per line: tinker, prime-rl, RLlib's ``result.json``, SB3's ``progress.json``, your own.

A line looks like ``{"step": 12, "reward/mean": 0.31, "optim/lr": 1e-05}``; nested objects become keys joined with "/".
verl's "file" logger writes ``{"step": 12, "data": {"actor/kl_loss": 0.001, …}}``. What else is one object a line
(evaluations, judged samples, the files of a run directory) is taken apart by `rows_of` too.

What it cannot see: metrics inside text or lists; they are counted in a note. In verl's file, anything before a restart,
because verl overwrites it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from heldout.errors import NoMetrics
from heldout.readers.documents.json_document import parse
from heldout.readers.log import Column, Log, Table, TableBuilder, noted
from heldout.readers.source import BOM, HEAD, Source, whole_lines
from heldout.readers.steps import log_from_table, logs_from_table
from heldout.run import Note, NoteKind
from heldout.stats.arrays import IntArray
from heldout.text import counted

if TYPE_CHECKING:
    import polars as pl

_SAMPLE = 100
_LARGE = 2_000_000  # bytes; below it importing polars takes longer than reading without it
_OBJECT_LINE = re.compile(rb'\s*\{\s*(?:"|\})')
_OBJECT_BELOW = re.compile(rb'[\r\n]\s*(?=\{\s*(?:"|\}))')
_FEWEST_BELOW = 3  # objects by which JSON lines below other lines are known
# {"step": 1, "data": {"actor/kl_loss": 0.001, …
_VERL = re.compile(rb'\s{0,99}\{\s*+"step"\s*+:\s*+-?\d++\s*+,\s*+"data"\s*+:\s*+\{')
_LARGEST_STEP = 2**62


def read(source: Source) -> list[Log] | None:
    """Read a file of JSON objects, one per line."""
    first = _beginning(source)
    if _VERL.match(first):
        return [_verl_log(source)]
    line, _, rest = first.partition(b"\n")
    if not _OBJECT_LINE.match(line) or not _is_line(line, rest, source):
        return None
    lines = source.fed(_Lines)
    table = lines.table.build()
    if not table.rows:
        raise NoMetrics(
            f"{source.path.name}: looks like JSON lines, but no line is a complete object; nothing to read."
        )
    config = {key: value for key, value in table.constants.items() if key.startswith("config/")}
    for key in [key for key in table.columns if key.startswith("config/")]:
        del table.columns[key]
    format = _format(set(table.columns))
    return logs_from_table(table, format, notes=lines.notes(), config=config, growing=source.growing)


def _verl_log(source: Source) -> Log:
    lines = source.fed(_VerlLines)
    table = lines.table.build()
    if not table.rows:
        raise NoMetrics('This is a verl file log, but no line of it is a whole {"step":…,"data":{…}}; copy it again.')
    return log_from_table(table, "verl-file", step_key="step", notes=lines.notes())


class _Lines:
    """The rows of such a file, and the lines that are no object."""

    def __init__(self) -> None:
        self.table = TableBuilder()
        self._refused: list[bytes] = []
        self._begun = False

    def feed(self, data: bytes, last: bool) -> int:
        lines = whole_lines(data, last)
        text = lines if self._begun else lines.removeprefix(BOM)
        self._begun = self._begun or bool(lines)
        table = plain_table(text)
        if table is not None:
            self.table.append(table)
            return len(lines)
        rows, refused = rows_of(text)
        self.add(rows)
        self._refused += refused
        return len(lines)

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append the objects of some lines."""
        self.table.add(rows)

    def notes(self) -> list[Note]:
        """Say which lines were no objects."""
        count, last = len(self._refused), shown(b"".join(self._refused[-1:]))
        text = f"{counted(count, 'line')} without a complete JSON object left out, the last of them {last}."
        return noted(NoteKind.DROPPED, count, text)


class _VerlLines(_Lines):
    """The rows of verl's file, and the lines that are none."""

    def __init__(self) -> None:
        super().__init__()
        self._wrong = 0

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        entries = [{**row["data"], "step": row["step"]} for row in rows if _is_entry(row)]
        self.table.add(entries)
        self._wrong += len(rows) - len(entries)

    def notes(self) -> list[Note]:
        """Say which lines were not of verl's form."""
        text = f'{counted(self._wrong, "line")} not of the form {{"step":…,"data":{{…}}}} and left out.'
        return [*noted(NoteKind.DROPPED, self._wrong, text), *super().notes()]


def _is_entry(row: Mapping[str, Any]) -> bool:
    step = row.get("step")
    return type(step) is int and abs(step) <= _LARGEST_STEP and isinstance(row.get("data"), dict)


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
    colons = sum((frame.height - frame[key].null_count()) * (1 + key.count(":")) for key in keys)
    unread = lines.count(b":") - colons
    if unread and unread != lines.count(b"null"):
        return None
    every = np.arange(frame.height)
    columns = {key: _column(frame[key], every) for key in keys}
    return Table(frame.height, {key: column for key, column in columns.items() if len(column.row)})


def _column(cells: pl.Series, every: IntArray) -> Column:
    """Return the cells that there are; `every` is the number of each row."""
    if not cells.null_count():
        return Column(every, cells.to_numpy())
    there = cells.is_not_null().to_numpy()
    return Column(every[there], cells.to_numpy()[there])


def _beginning(source: Source) -> bytes:
    """Return the head from its first object on: other lines may stand before it, if nearly none stands between."""
    head = source.head.removeprefix(BOM).lstrip()
    before = _OBJECT_BELOW.search(head)
    if head[:1] in b"{[" or before is None or not source.is_text:
        return head
    below = head[before.end() :]
    rows, refused = rows_of(below[: below.rfind(b"\n") + 1])
    return below if len(rows) >= _FEWEST_BELOW and len(refused) * 10 <= len(rows) else head


def _is_line(line: bytes, rest: bytes, source: Source) -> bool:
    """Whether the first line is a whole object with others below it, or the start of one longer than the head.

    A single object is a document of its own; another reader knows what such documents look like.
    """
    if rest.strip():
        return bool(rows_of(line)[0])
    return source.size > len(source.head) and b"\n" not in source.head.strip()


def _format(keys: set[str]) -> str:
    if "time_this_iter_s" in keys and ("training_iteration" in keys or "timesteps_total" in keys):
        return "rllib-result"
    if keys & {"progress/done_frac", "env/all/reward/total", "optim/kl_sample_train_v1"}:
        return "tinker"
    if any(key.startswith(("mismatch_kl/", "reward/all/", "seq_len/all/")) for key in keys):
        return "prime-rl"
    return "json-lines"


def rows_of(block: bytes) -> tuple[list[Mapping[str, Any]], list[bytes]]:
    """Return the objects in the lines of a block, in order, and the lines that are no JSON object."""
    try:  # one call for a whole block is several times quicker than one a line
        rows = orjson.loads(b"[" + block.strip().replace(b"\n", b",") + b"]")
    except orjson.JSONDecodeError:
        rows = None
    if rows and len(rows) == block.strip().count(b"\n") + 1 and set(map(type, rows)) == {dict}:
        return rows, []
    return _one_by_one(line for line in block.split(b"\n") if line and not line.isspace())


def _one_by_one(lines: Iterable[bytes]) -> tuple[list[Mapping[str, Any]], list[bytes]]:
    rows: list[Mapping[str, Any]] = []
    refused: list[bytes] = []
    for line in lines:
        try:
            row = parse(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            refused.append(line)
    return rows, refused


def dropped_lines(path: Path, refused: Sequence[bytes], wrong: int = 0) -> list[Note]:
    """Say which lines of a file could not be used: those that are cut, and those that hold something else."""
    where, last = f"{path.parent.name}/{path.name}", shown(b"".join(refused[-1:]))
    cut = f"{where}: {counted(len(refused), 'line')} cut or broken and left out, the last of them {last}."
    other = f"{where}: {counted(wrong, 'line')} without the keys or values that belong there, left out."
    return [*noted(NoteKind.DROPPED, len(refused), cut), *noted(NoteKind.DROPPED, wrong, other)]


def shown(line: bytes, most: int = 60) -> str:
    """A piece of a log, safe to print in a sentence."""
    text = line[: most + 1].decode("utf-8", "replace")
    return repr(text if len(line) <= most else text[:most] + "…")
