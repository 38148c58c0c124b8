"""Tables: CSV, TSV and Parquet with one row per step, whoever wrote them.

Also RLlib's and Stable-Baselines3's ``progress.csv``, and W&B's CSV export, whose columns are named "run - metric".

What it cannot see: several header lines, and separators other than comma, semicolon and tab.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from heldout.errors import NoMetrics
from heldout.metrics import meaning_of
from heldout.readers.log import Column, Log, Table
from heldout.readers.source import Source
from heldout.readers.step_keys import RUN_KEYS, STEP_KEYS
from heldout.readers.steps import logs_from_table
from heldout.run import Note, NoteKind

if TYPE_CHECKING:
    import polars as pl

_SEPARATORS = (",", "\t", ";")
_MOST_LINES = 50  # that are dropped at the end; each costs reading the table once more
_NEEDED = frozenset(RUN_KEYS) | frozenset(STEP_KEYS)


def read(source: Source) -> list[Log] | None:
    """Read a delimited text table with a header line, or a Parquet file."""
    if source.head.startswith(b"PAR1"):
        return _logs(_parquet(source), "parquet", [])
    separator = _separator(source)
    if separator is None:
        return None
    frame, notes = _delimited(source, separator)
    if frame is None or not frame.height:
        raise NoMetrics(
            f"{source.path.name}: a table with a header line and no complete row below it; nothing to read."
        )
    return _logs(frame, _format(frame.columns, separator), notes)


def _separator(source: Source) -> str | None:
    """Recognise a table by its header: names between separators, and data below that splits the same way."""
    if not source.is_text:
        return None
    lines = source.head.decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n")
    header = lines[0].strip()
    for separator in _SEPARATORS:
        names = [name.strip().strip('"') for name in header.split(separator)]
        if len(names) < 2 or any(_is_number(name) for name in names if name) or header[:1] in "#{[|":
            continue
        known = any(name.lower() in _NEEDED or meaning_of(name) for name in names)
        below = next((line for line in lines[1:] if line.strip()), "")
        if known or (
            below.count(separator) >= header.count(separator) and any(map(_is_number, below.split(separator)))
        ):
            return separator
    return None


def _is_number(text: str) -> bool:
    try:
        float(text.strip().strip('"'))
    except ValueError:
        return False
    return True


def _delimited(source: Source, separator: str) -> tuple[pl.DataFrame | None, list[Note]]:
    """Parse a delimited table as text; where its tail is broken, drop lines from the end until it parses."""
    data = source.data
    notes = []
    if not data.endswith((b"\n", b"\r")):
        whole, _, tail = data.rpartition(b"\n")
        if source.growing or not _is_whole_row(data, tail, separator):
            notes.append(Note(NoteKind.DROPPED, f"The last line is cut and was dropped ({len(tail)} bytes)."))
            data = whole
        else:
            notes.append(
                Note(NoteKind.ASSUMED, "The last line has no line end: if the file was cut, its last value is short.")
            )
    frame = _parse(data, separator)
    lines = dropped = 0
    while frame is None and b"\n" in data and lines < _MOST_LINES:  # an open quote swallows everything behind it
        data, _, tail = data.rpartition(b"\n")
        lines, dropped = lines + 1, dropped + len(tail) + 1
        frame = _parse(data + b"\n", separator)
    if dropped:
        notes.append(Note(NoteKind.DROPPED, f"The last {dropped} bytes do not parse as a table row and were dropped."))
    return frame, notes


def _is_whole_row(data: bytes, tail: bytes, separator: str) -> bool:
    header = data.split(b"\n", 1)[0]
    one = _parse(header + b"\n" + tail + b"\n", separator)
    fields = tail.count(separator.encode()) >= header.count(separator.encode())
    return fields and one is not None and one.height == 1


def _parse(data: bytes, separator: str) -> pl.DataFrame | None:
    import polars as pl

    try:
        return pl.read_csv(
            io.BytesIO(data),
            separator=separator,
            infer_schema=False,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
    except (pl.exceptions.PolarsError, ValueError):
        return None


def _parquet(source: Source) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(source.path, glob=False)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise NoMetrics(
            f"{source.path.name}: starts like a Parquet file, but its footer is missing or broken, so that it cannot "
            "be read; Parquet keeps its index at the end, write it again from the source."
        ) from error


def _logs(frame: pl.DataFrame, format: str, notes: list[Note]) -> list[Log]:
    runs = _wandb_export(frame)
    if runs is None:
        return logs_from_table(_table(frame), format, notes=notes)
    return [
        log for name, part in runs.items() for log in logs_from_table(_table(part), "wandb-csv", name=name, notes=notes)
    ]


def _wandb_export(frame: pl.DataFrame) -> dict[str, pl.DataFrame] | None:
    """Take apart columns named "run - metric", "run - metric__MIN" and "run - metric__MAX"."""
    first, *others = frame.columns
    if first not in ("Step", "_step", "Relative Time (Process)", "Wall Time") or not others:
        return None
    if not all(" - " in name for name in others):
        return None
    runs: dict[str, dict[str, str]] = {}
    for column in others:
        run, _, metric = column.partition(" - ")
        runs.setdefault(run, {})[column] = metric
    return {run: frame.select(first, *names).rename(names) for run, names in runs.items()}


def _table(frame: pl.DataFrame) -> Table:
    import polars as pl

    table = Table(rows=frame.height)
    for name in frame.columns:
        column = frame[name]
        key = name.strip()
        number = (
            column.cast(pl.Float64, strict=False) if not column.dtype.is_nested() else pl.Series([None] * len(column))
        )
        numeric = number.is_not_null().to_numpy()
        if numeric.any():
            rows = np.flatnonzero(numeric)
            table.columns[key] = Column(rows, number.to_numpy()[rows].astype(np.float64))
        _keep_text(table, key, column, numeric)
    return table


def _keep_text(table: Table, key: str, column: pl.Series, numeric: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    """Count the cells that are no numbers, and keep those that may name a run or a step."""
    there = column.is_not_null().to_numpy() & ~numeric
    if not there.any() or column.dtype.is_nested():
        if column.dtype.is_nested():
            table.left_out[key] = int(there.sum())
        return
    text = {int(row): str(column[int(row)])[:200] for row in np.flatnonzero(there)[:100_000]}
    text = {row: cell for row, cell in text.items() if cell.strip()}
    if not text:
        return
    table.left_out[key] = len(text)
    if len(set(text.values())) == 1:
        table.constants[key] = next(iter(text.values()))
    if key.lower().rsplit("/", 1)[-1] in _NEEDED:
        table.text[key] = text


def _format(columns: list[str], separator: str) -> str:
    keys = set(columns)
    if {"training_iteration", "time_this_iter_s"} & keys and any("episode_" in key for key in keys):
        return "rllib-progress"
    if any(key.startswith(("rollout/ep_", "time/total_timesteps")) for key in keys):
        return "sb3-progress"
    return {",": "csv", ";": "csv", "\t": "tsv"}[separator]
