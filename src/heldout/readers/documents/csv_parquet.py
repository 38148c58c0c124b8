"""Tables: CSV, TSV and Parquet with one row per step, whoever wrote them.

Also RLlib's and Stable-Baselines3's ``progress.csv``, and W&B's CSV export, whose columns are named "run - metric".

Where a table of text begins and how it splits is found by `delimited`, how its numbers are written by `cells`.

What it cannot see: tables of more than 20 000 columns or 60 million cells, which are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from heldout.errors import NoMetrics
from heldout.readers.documents.cells import Numbers, all_whole, numbers_of
from heldout.readers.documents.delimited import SEPARATORS, SPACES, Layout, find, find_in_rows, split
from heldout.readers.documents.long_table import logs_of as logs_of_values
from heldout.readers.log import MOST_NAMES, Column, Labels, Log, Table, noted
from heldout.readers.source import Source
from heldout.readers.step_keys import is_step_key
from heldout.readers.steps import logs_from_table
from heldout.readers.trackers import swanlab_export
from heldout.run import Note, NoteKind
from heldout.text import counted

if TYPE_CHECKING:
    import polars as pl

_FEWEST_LINES, _MOST_LINES = 12, 200  # by which a table is known
_MOST_QUOTES = 5  # that never close; for each the table is read once more
# A run's history has some hundred columns. The cells are what fits into a gigabyte.
_MOST_COLUMNS, _MOST_CELLS = 20_000, 60_000_000
_LARGE = 2_000_000  # bytes from which on it pays to look first whether there are only numbers
_LONGEST = 200  # characters of a text that may name a run or a step


def read(source: Source) -> list[Log] | None:
    """Read a delimited text table with a header line, or a Parquet file."""
    if source.head.startswith(b"PAR1"):
        return _logs(_parquet(source), "parquet", [])
    lines, open_ = _sample(source)
    _refuse_width(source, lines)
    layout = find(lines) or (find([*lines, open_]) if open_ else None)
    if layout is None:
        return None
    frame, notes = _delimited(source, layout)
    if frame is None or not frame.height:
        raise NoMetrics(
            f"{source.path.name}: a table with a header line and no complete row below it; nothing to read."
        )
    if frame.width != len(layout.names):  # lines end in several ways, as where a progress bar writes over itself
        return None
    frame, named = _named(frame, layout.names)
    return _logs(frame, _format(frame.columns, layout.separator), [*notes, *named], layout)


def logs_of_rows(rows: Sequence[Sequence[str]], format: str) -> list[Log]:
    """Return the logs in a table whose cells are apart already; none where it has no steps or no numbers."""
    import polars as pl

    layout = find_in_rows(rows[:_MOST_LINES])
    if layout is None or len(rows) == layout.start or not any(map(is_step_key, layout.names)):
        return []
    size = len(layout.names)
    cells = [[*row[:size], *[None] * (size - len(row))] for row in rows[layout.start :]]
    names = [f"{number}" for number in range(size)]
    frame, named = _named(pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row"), layout.names)
    try:
        return _logs(frame, format, [*layout.notes, *named], layout)
    except NoMetrics:
        return []


def _sample(source: Source) -> tuple[list[str], str]:
    """Return the first lines of a text, enough to know a table by, and apart from them a last one without its end."""
    if not source.is_text:
        return [], ""
    head = source.head
    if head.count(b"\n") < _FEWEST_LINES and source.size > len(head):  # a header may be longer than that
        head = _lines(source.data, _FEWEST_LINES)
    text = _utf8(head).decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    open_ = lines.pop()
    return lines[:_MOST_LINES], open_ if len(head) == source.size and len(lines) < _MOST_LINES else ""


def _lines(data: bytes, count: int) -> bytes:
    """Return the first lines of some data."""
    end = 0
    for _ in range(count):
        at = data.find(b"\n", end)
        if at < 0:
            return data
        end = at + 1
    return data[:end]


def _utf8(data: bytes) -> bytes:
    """Return a text in UTF-8; where no sign beyond ASCII is valid in it, it is Western European, as of older sheets."""
    if data.isascii() or not data.decode("utf-8", "ignore").isascii():
        return data
    return data.decode("cp1252", "replace").encode()


def _refuse_width(source: Source, lines: list[str]) -> None:
    """Refuse a table of very many columns before its names are looked at."""
    for separator in SEPARATORS:
        widths = [line.count(separator) + 1 for line in lines[:_FEWEST_LINES]]
        if len(widths) > 1 and widths[0] == widths[1] > _MOST_COLUMNS:
            _refuse_size(source, widths[0], source.data.count(b"\n"))


def _refuse_size(source: Source, columns: int, rows: int) -> None:
    if columns > _MOST_COLUMNS:
        raise NoMetrics(
            f"{source.path.name}: a table of {counted(columns, 'column')}; heldout reads at most "
            f"{counted(_MOST_COLUMNS, 'column')}: keep the step and the metrics that matter."
        )
    if columns * rows > _MOST_CELLS:
        raise NoMetrics(
            f"{source.path.name}: a table of {counted(columns, 'column')} and {counted(rows, 'row')}; heldout reads "
            f"at most {counted(_MOST_CELLS, 'cell')}: keep fewer columns, or every tenth row."
        )


def _delimited(source: Source, layout: Layout) -> tuple[pl.DataFrame | None, list[Note]]:
    """Parse a delimited table as text; where its tail is broken, drop lines from the end until it parses."""
    data, notes = _utf8(source.data), [*layout.notes]
    if b"\n" not in data:  # as sheets on old Macintoshes are
        data = data.replace(b"\r", b"\n")
    if layout.start > 1 or layout.separator in SPACES or layout.has_comments:
        data = _header(layout) + data[len(_lines(data, layout.start)) :]
    if not data.endswith((b"\n", b"\r")) and data:
        whole, _, tail = data.rpartition(b"\n")
        if source.growing or not _is_whole_row(tail, layout):
            notes.append(Note(NoteKind.DROPPED, f"The last line is cut and was dropped ({len(tail)} bytes)."))
            data = whole
        else:
            notes.append(
                Note(NoteKind.ASSUMED, "The last line has no line end: if the file was cut, its last value is short.")
            )
    if len(data) > 2 * _MOST_CELLS:  # with a separator for each
        _refuse_size(source, len(layout.names), data.count(b"\n") - 1)
    plain = _plain(data, layout)
    if plain is not None:
        return plain, notes
    frame, dropped = _parse(data, layout), 0
    for _ in range(_MOST_QUOTES):  # an open quote swallows everything behind it
        if frame is not None or b'"' not in data:
            break
        data, lost = _without_quote(data, layout)
        dropped += lost
        frame = _parse(data, layout)
    if frame is None and _split_alike(data, layout):
        frame = _parse(data, layout, quote=None)
        notes.append(Note(NoteKind.ASSUMED, "Quotes that do not close were read as they stand."))
    if dropped:
        notes.append(Note(NoteKind.DROPPED, f"{counted(dropped, 'byte')} do not parse as table rows and were dropped."))
    return frame, notes


def _without_quote(data: bytes, layout: Layout) -> tuple[bytes, int]:
    """Leave out the line of the last quote, and what follows it unless that is whole rows."""
    quote = data.rfind(b'"')
    begin, end = data.rfind(b"\n", 0, quote) + 1, data.find(b"\n", quote) + 1 or len(data)
    if _split_alike(data[end:], layout):
        return data[:begin] + data[end:], end - begin
    return data[:begin], len(data) - begin


def _split_alike(data: bytes, layout: Layout) -> bool:
    """Whether all lines hold as many separators as the header."""
    separator = layout.separator.encode()
    return all(line.count(separator) == len(layout.names) - 1 for line in data.splitlines())


def _is_whole_row(tail: bytes, layout: Layout) -> bool:
    cells = split(tail.decode("utf-8", "replace"), layout.separator)
    return len(cells) >= len(layout.names) and tail.count(b'"') % 2 == 0


def _plain(data: bytes, layout: Layout) -> pl.DataFrame | None:
    """Parse a large table of nothing but numbers several times quicker; None where any cell asks for a closer look."""
    if len(data) < _LARGE or layout.separator in (*SPACES, ";") or layout.percent:
        return None
    import polars as pl

    frame = _parse(data, layout, kinds=[pl.Float64] * len(layout.names))
    if frame is None or frame.width != len(layout.names) or not frame.height:
        return None
    for name, column in zip(layout.names, frame.get_columns(), strict=True):
        if is_step_key(name) and not all_whole(column):
            return None
        if 2 * int(column.is_nan().sum()) > len(column) - column.null_count():
            return None
    return frame


def _parse(
    data: bytes, layout: Layout, quote: str | None = '"', kinds: list[type[pl.DataType]] | None = None
) -> pl.DataFrame | None:
    """Parse a table as text, or its columns as they are; None where it cannot be."""
    import polars as pl

    separator = layout.separator
    if separator in SPACES:
        data = b"\n".join(
            "\t".join(split(line.decode("utf-8", "replace"), separator)).encode() for line in data.split(b"\n")
        )
        separator = "\t"
    try:
        return pl.read_csv(
            data,
            separator=separator,
            infer_schema=False,
            schema_overrides=kinds,
            quote_char=quote,
            truncate_ragged_lines=True,
            comment_prefix="#" if layout.has_comments else None,
            encoding="utf8-lossy",
        )
    except (pl.exceptions.PolarsError, ValueError):
        return None


def _header(layout: Layout) -> bytes:
    """Return a header line of as many columns, whatever the table calls them."""
    return f"{layout.separator.join(map(str, range(len(layout.names))))}\n".encode()


def _parquet(source: Source) -> pl.DataFrame:
    import polars as pl

    try:
        table = pl.scan_parquet(source.file, glob=False)
        _refuse_size(source, len(table.collect_schema()), table.select(pl.len()).collect().item())
        return pl.read_parquet(source.file, glob=False)
    except NoMetrics:
        raise
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise NoMetrics(
            f"{source.path.name}: starts like a Parquet file, but its footer is missing or broken, so that it cannot "
            "be read; Parquet keeps its index at the end, write it again from the source."
        ) from error


def _logs(frame: pl.DataFrame, format: str, notes: list[Note], layout: Layout | None = None) -> list[Log]:
    format, runs = _export(frame, format)
    logs = []
    for name, part in ({"": frame} if runs is None else runs).items():
        numbers = numbers_of(part, *((layout.separator, layout.percent) if layout else ()))
        long = logs_of_values(numbers, [*notes, *numbers.notes])
        if long is not None:
            logs += long
            continue
        try:
            logs += logs_from_table(_table(numbers), format, name=name or None, notes=[*notes, *numbers.notes])
        except NoMetrics as error:
            lost = [note.text for note in numbers.notes if note.kind is NoteKind.DROPPED]
            raise NoMetrics(" ".join([str(error), *lost])) from None
    return logs


def _named(frame: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, list[Note]]:
    """Return a table under its names, without columns that have none, and without header lines among the rows."""
    import polars as pl

    first, notes = frame.columns[0], list[Note]()
    text = frame[first].dtype == pl.String
    if frame[first].has_nulls():
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))  # empty lines
    again = frame[first].str.strip_chars() == names[0] if names[0] and text else None
    if again is not None and again.any():
        frame = frame.filter(~again.fill_null(False))
        lines = int(again.sum())
        notes += noted(NoteKind.IGNORED, lines, f"{counted(lines, 'header line')} among the rows left out.")
    columns = {column: name for column, name in zip(frame.columns, names, strict=True) if name}
    jumps = frame[first].cast(pl.Float64, strict=False).diff().drop_nulls()
    rises = len(jumps) == frame.height - 1 > 0 and bool((jumps > 0).all())
    # What rises by one is the number of the row, which says nothing of steps.
    if not _has_name(names[0]) and rises and (jumps != 1).any() and not any(map(is_step_key, names)):
        said = "The first column has no name; as its numbers rise from row to row, it was taken for the step."
        columns = {**columns, first: "step"}
        notes.append(Note(NoteKind.ASSUMED, said))
    return frame.select(*columns).rename(columns), notes


def _has_name(name: str) -> bool:
    return bool(name) and not name.startswith("Unnamed:")  # as pandas calls it when it reads such a column


def _export(frame: pl.DataFrame, format: str) -> tuple[str, dict[str, pl.DataFrame] | None]:
    """Return what a tracker exported, run by run, and its format; no runs where it is a table as any."""
    runs = _wandb_export(frame)
    if runs is not None:
        return "wandb-csv", runs
    columns = swanlab_export.runs_in(frame.columns)
    if columns is None:
        return format, None
    step = frame.columns[0]
    return swanlab_export.FORMAT, {run: frame.select(step, *names).rename(names) for run, names in columns.items()}


def _wandb_export(frame: pl.DataFrame) -> dict[str, pl.DataFrame] | None:
    """Take apart columns named "run - metric", "run - metric__MIN" and "run - metric__MAX" behind any axis."""
    first, *others = frame.columns
    if not others or " - " in first or not all(" - " in name for name in others):
        return None
    runs: dict[str, dict[str, str]] = {}
    for column in others:
        run, _, metric = column.rpartition(" - ")  # names of runs hold such dashes, those of metrics do not
        if not (metric.startswith("_step") and is_step_key(first)):
            runs.setdefault(run, {})[column] = metric
    return {run: frame.select(first, *names).rename(names) for run, names in runs.items()}


def _table(numbers: Numbers) -> Table:
    table = Table(rows=max(map(len, numbers.values.values()), default=0))
    every = np.arange(table.rows)
    for name, number in numbers.values.items():
        key = name.strip()
        numeric = number.is_not_null().to_numpy()
        if numeric.all() and len(numeric):
            table.columns[key] = Column(every, number.to_numpy().astype(np.float64, copy=False))
        elif numeric.any():
            rows = np.flatnonzero(numeric)
            table.columns[key] = Column(rows, number.to_numpy()[rows].astype(np.float64))
        _keep_text(table, key, numbers.text[name], numeric)
        if name in numbers.said:
            table.left_out.pop(key, None)
            table.constants.pop(key, None)
    return table


def _keep_text(table: Table, key: str, column: pl.Series, numeric: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    """Count the cells that are no numbers, and keep those of columns that may name runs or steps."""
    import polars as pl

    if column.dtype.is_nested():
        table.left_out[key] = int(column.is_not_null().sum())
        return
    if np.count_nonzero(numeric) + column.null_count() == len(column):
        return
    text = column.cast(pl.String, strict=False).str.slice(0, _LONGEST)
    there = ~numeric & text.str.strip_chars().ne("").fill_null(False).to_numpy()
    if not there.any():
        return
    cells = text.filter(there)
    table.left_out[key] = len(cells)
    names = cells.unique(maintain_order=True)
    if len(names) == 1:
        table.constants[key] = names[0]
    if len(names) <= MOST_NAMES or any(map(is_step_key, key.split("/"))):
        code = {name: number for number, name in enumerate(names.to_list())}
        codes = np.array([code[name] for name in cells.to_list()], dtype=np.int64)
        table.text[key] = Labels(np.flatnonzero(there), codes, tuple(code))


def _format(columns: list[str], separator: str) -> str:
    keys = set(columns)
    if {"training_iteration", "time_this_iter_s"} & keys and any("episode_" in key for key in keys):
        return "rllib-progress"
    if any(key.startswith(("rollout/ep_", "time/total_timesteps")) for key in keys):
        return "sb3-progress"
    return "tsv" if separator in ("\t", *SPACES) else "csv"
