"""Long tables: a row for each value, with the name of its metric, its step, and the value, in any order.

MLflow's metric histories, Neptune's exports (Parquet), Aim's and ClearML's tables, and what ``melt`` makes of a table
are written so, as CSV, Parquet, a JSON list or JSON lines. Further columns may name the run, the time, and a context
such as ``train`` or ``val``, which is put before the metric's name.

What it cannot see: several values in one row, and steps that are no whole numbers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from heldout.metrics import meaning_of
from heldout.readers.documents.cells import Numbers
from heldout.readers.documents.json_document import parse
from heldout.readers.documents.json_lines import rows_of
from heldout.readers.log import Log, noted
from heldout.readers.single_values import MOST, Values, two_part_key, whole_step
from heldout.readers.source import BOM, Source, whole_lines
from heldout.readers.step_keys import RUN_KEYS, axis_of
from heldout.run import Note, NoteKind
from heldout.text import counted

FORMAT = "long-table"

# Names of columns, whole and in lower case. What may well be something else stands last, and is taken for the name of a
# metric only where a metric's name is in it.
_METRIC = ("metric.name", "metric_name", "metric name", "metric_key", "metric", "attribute_path", "tag", "key", "title")
_PERHAPS = ("name", "variable", "series", "scalar")
_VALUE = ("float_value", "metric_value", "metric.value", "value", "values")
_SECOND = {"metric": "variant", "title": "series"}  # the second part of a name, in ClearML's tables
_CONTEXT = re.compile(r"(?:metric[._])?context(?:[._]\w+)?|subset|split|phase")
_TIME = ("timestamp", "wall_time", "wall time", "time", "datetime", "date", "created_at")
_RUN = (*RUN_KEYS, "run.hash", "run_hash", "run.name", "run_uuid", "dir_name", "experiment_key", "task")
_MOST_METRICS = 5000  # more names are those of samples or problems
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))  # since 1970 above this many there are so many in a second

Cells = Mapping[str, Sequence[Any]]  # by column
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column says what."""

    metric: str
    value: str
    step: str
    time: str | None
    second: str | None
    context: tuple[str, ...]
    runs: tuple[str, ...]

    @property
    def is_sure(self) -> bool:
        """Whether the column of names can hardly be anything else."""
        return self.metric.lower() in _METRIC


def logs_of(numbers: Numbers, notes: Sequence[Note] = ()) -> list[Log] | None:
    """Return the runs in a table of columns; None where it has no row for each value."""
    numeric = {name for name, values in numbers.values.items() if values.null_count() < len(values)}
    texts = [name for name, column in numbers.text.items() if name not in numeric and not column.dtype.is_nested()]
    layout = _layout(texts, numeric, list(numbers.text))
    if layout is None:
        return None
    cells: dict[str, Sequence[Any]] = {name: numbers.values[name].to_list() for name in (layout.value, layout.step)}
    for name in (layout.metric, layout.second, *layout.context, *layout.runs):
        if name:
            cells[name] = numbers.text[name].to_list()
    if layout.time:
        cells[layout.time] = (numbers.values if layout.time in numeric else numbers.text)[layout.time].to_list()
    return _logs(layout, cells, notes)


def read(source: Source) -> list[Log] | None:
    """Read a JSON list, or JSON lines, of objects of one value each."""
    first = _first(source)
    if first is None or _layout_of(first) is None:
        return None
    try:
        rows, notes = _objects(source)
    except ValueError:
        return None
    columns = list(dict.fromkeys(key for row in rows for key in row))
    layout = _layout_of(first)
    if layout is None or not rows:
        return None
    return _logs(layout, {name: [row.get(name) for row in rows] for name in columns}, notes)


# JSON ----------------------------------------------------------------------------------------------------------------


def _first(source: Source) -> dict[str, Any] | None:
    """Return the first object, where a file begins with one or with a list of them."""
    text = source.head.removeprefix(BOM).lstrip()
    if not source.is_text or text[:1] not in (b"{", b"["):
        return None
    begin = text.find(b"{")
    if begin < 0 or text[1:begin].strip():
        return None
    try:
        found = json.JSONDecoder().raw_decode(text[begin:].decode("utf-8", "replace"))[0]
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _objects(source: Source) -> tuple[list[Mapping[str, Any]], list[Note]]:
    data = source.data.removeprefix(BOM)
    if data.lstrip()[:1] == b"[":
        try:
            found, lost = parse(data), 0
        except ValueError:
            whole = data.rfind(b"}") + 1
            found, lost = parse(data[:whole] + b"]"), len(data) - whole
        text = f"The file is cut: its last {lost} bytes are no complete entry and were dropped."
        notes = [Note(NoteKind.DROPPED, text, lost, end_lost=True)] if lost else []
        return [row for row in found if isinstance(row, dict)], notes
    rows, refused = rows_of(whole_lines(data, not source.growing))
    text = f"{counted(len(refused), 'line')} without a complete JSON object left out."
    return rows, noted(NoteKind.DROPPED, len(refused), text)


def _layout_of(row: Mapping[str, Any]) -> _Layout | None:
    numeric = {key for key, value in row.items() if isinstance(value, int | float) and not isinstance(value, bool)}
    return _layout([key for key, value in row.items() if isinstance(value, str | dict)], numeric, list(row))


# Layout --------------------------------------------------------------------------------------------------------------


def _layout(texts: Sequence[str], numeric: set[str], columns: Sequence[str]) -> _Layout | None:
    metric = _column(texts, (*_METRIC, *_PERHAPS))
    value = _column([name for name in columns if name in numeric], _VALUE)
    step = _step_column([name for name in columns if name in numeric and name != value])
    if metric is None or value is None or step is None:
        return None
    time = _column(columns, _TIME)
    others = numeric - {value, step, time}
    if any(_is_metric(name) for name in others):
        return None
    second = _column(texts, (_SECOND.get(metric.lower(), ""),))
    context = tuple(name for name in texts if _CONTEXT.fullmatch(name.lower()))
    taken = {metric, value, step, time, second, *context}
    runs = tuple(name for name in columns if name.lower() in _RUN and name not in taken)
    return _Layout(metric, value, step, time, second, context, runs)


def _column(columns: Iterable[str], wanted: Sequence[str]) -> str | None:
    known = {name.strip().lower(): name for name in columns}
    return next((known[name] for name in wanted if name in known), None)


def _step_column(columns: Sequence[str]) -> str | None:
    """Return the column that numbers the steps: the one that says so best, else ``x``."""
    counts = [(axis, name) for name in columns if (axis := axis_of(name)) is not None]
    return min(counts, key=lambda found: found[0])[1] if counts else _column(columns, ("x",))


def _is_metric(name: str) -> bool:
    match = meaning_of(name)
    return match is not None and match.meaning.name not in ("time", "progress", "evaluation_size", "tokens")


# Logs ----------------------------------------------------------------------------------------------------------------


def _logs(layout: _Layout, cells: Cells, notes: Sequence[Note]) -> list[Log] | None:
    names = _metric_names(layout, cells)
    distinct = set(names)
    if len(distinct) > _MOST_METRICS or not (layout.is_sure or any(_is_metric(name) for name in distinct)):
        return None
    found, cut = dict[str, Values](), len(names) > MOST
    settings: dict[str, dict[str, Any]] = {}
    labels = _labels(layout, cells, len(names))
    times = [_seconds(cell) for cell in cells[layout.time]] if layout.time else [math.nan] * len(names)
    rows = zip(labels, names, cells[layout.step], cells[layout.value], times, strict=True)
    for label, name, step, value, seconds in islice(rows, MOST):
        if step is None:
            settings.setdefault(label, {})[name] = value
        else:
            found.setdefault(label, Values()).add(name, whole_step(step), value, seconds)
    text = f"The table holds more than {MOST:,} values; those after them were not read. Export fewer runs."
    said = [*notes, *noted(NoteKind.DROPPED, cut, text)]
    return [
        values.log(FORMAT, name=label or None, config=settings.get(label), notes=[*said, *_several(len(found))])
        for label, values in found.items()
        if len(values)
    ] or None


def _several(runs: int) -> list[Note]:
    text = f"The table holds {runs} runs; each is read on its own."
    return noted(NoteKind.REPAIRED, runs if runs > 1 else 0, text)


def _metric_names(layout: _Layout, cells: Cells) -> list[str]:
    parts = [list(map(_context, cells[name])) for name in layout.context]
    names = ["" if cell is None else str(cell) for cell in cells[layout.metric]]
    if layout.second:
        seconds = [str(cell or "") for cell in cells[layout.second]]
        names = list(map(two_part_key, names, seconds))
    for part in reversed(parts):
        names = [
            name if not context or name.startswith((f"{context}/", f"{context}_")) else f"{context}/{name}"
            for context, name in zip(part, names, strict=True)
        ]
    return names


def _context(cell: Any) -> str:
    """Return a context as a word: as it is, or the values of an object, which may be written as JSON."""
    if isinstance(cell, str) and cell.lstrip()[:1] == "{":
        try:
            cell = parse(cell.encode())
        except ValueError:
            return str(cell)
    if isinstance(cell, Mapping):
        return "/".join(str(value) for value in cell.values() if value not in (None, ""))
    return "" if cell is None else str(cell)


def _labels(layout: _Layout, cells: Cells, rows: int) -> list[str]:
    """Return the run of every row: of the columns that name runs, as few as tell all of them apart."""
    varying = [name for name in layout.runs if len({str(cell) for cell in cells[name]}) > 1]
    if not varying:
        return [""] * rows
    together = list(zip(*(map(str, cells[name]) for name in varying), strict=True))
    whole = len(set(together))
    alone = next((name for name in varying if len({str(cell) for cell in cells[name]}) == whole), None)
    if alone:
        return [f"{alone}={cell}" for cell in cells[alone]]
    return [", ".join(f"{name}={cell}" for name, cell in zip(varying, row, strict=True)) for row in together]


def _seconds(cell: Any) -> float:
    """Return a time since 1970 in seconds, whatever it is written in; NaN where it is none."""
    if isinstance(cell, str):
        try:
            return datetime.fromisoformat(cell).timestamp()
        except (ValueError, OverflowError):
            return math.nan
    if not isinstance(cell, int | float):
        return math.nan
    return cell / next((scale for above, scale in _UNITS if cell > above), 1.0)
