"""What a reader returns, a `Log`: the rows as they were written, before anything is put in order.

And how it comes to one: from rows of mixed cells to columns of numbers, which may grow, the same for every format that
logs row by row.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import numpy as np

from heldout.judged import Judged
from heldout.readers.step_keys import is_step_key
from heldout.run import NO_STEPS, Evaluation, Note, NoteKind
from heldout.stats.arrays import BoolArray, Buffer, FloatArray, IntArray
from heldout.text import counted

CLOCK = "wall_time"  # the column with the time of each row in seconds, where a tracker stores it

_DEEPEST = 12  # levels of nesting; deeper than any trainer's, shallower than the interpreter's stack
_LONGEST = 200  # characters of a text that may name a run or a step
MOST_NAMES = 1000  # different values of a column of text that are kept: runs are found by them, prompts are not


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The values of one key, and the rows they stand in."""

    row: IntArray  # of each value, strictly increasing, shape (n,)
    value: FloatArray  # NaN and infinities are kept as they were logged, shape (n,)


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """One run's log as written: rows in the order of writing, each at a step, and sparse columns over the rows.

    A missing cell has no entry in its column. Restarts, repeated steps and non-finite values are all still there;
    `heldout.readers.assemble` puts them in order in one place, for every format.
    """

    format: str  # its id in `heldout.readers.formats.FORMATS`
    step: IntArray  # of every row, shape (R,); strings such as "10/438" have been parsed already
    columns: Mapping[str, Column]  # by key; the step column itself is not among them
    # Which uninterrupted piece of writing a row belongs to, from 0, shape (R,): see `heldout.readers.restarts`. None
    # where the format does not tell; sessions are then found from the steps that jump back.
    session: IntArray | None = None
    # Session → the step from which on it says that nothing holds that was logged before it, whatever it logs itself.
    purged: Mapping[int, int] = field(default_factory=dict)
    name: str | None = None  # the run's own, where the log has one
    config: Mapping[str, Any] = field(default_factory=dict)  # settings found in the log
    notes: tuple[Note, ...] = ()  # what the reader dropped, assumed or did not understand
    # Pattern of keys → the column that numbers the rows in which they stand, where the log says so ("eval/*").
    axes: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None  # the tracker's own, by which a run that was taken up again is known
    begun: float | None = None  # when this part of the run was, in seconds since 1970, where the log says so
    roles: Mapping[str, str] = field(default_factory=dict)  # role → key, where the log says which key plays which part
    # Held-out measurements problem by problem, in the order of writing. Their rates are among the rows, in a column
    # named `Evaluation.key`; what a restart supersedes there is superseded here.
    measured: tuple[Evaluation, ...] = ()
    checkpoints: Mapping[int, str] = field(default_factory=dict)  # step → where it lies, of those that exist
    counted: bool = False  # whether nothing numbers the rows, so that steps are their order of writing
    judged: Judged | None = None  # training answers that hidden tests judged too, each step as it was written last
    maybe_training: bool = False  # whether nothing says that what was measured is held out, and not trained on

    def only(self, keep: BoolArray) -> Log:
        """Return a log of some of the rows, given as a mask of shape (R,)."""
        number = np.cumsum(keep) - 1
        columns = {}
        for key, column in self.columns.items():
            held = keep[column.row]
            columns[key] = Column(number[column.row[held]], column.value[held])
        session = None if self.session is None else self.session[keep]
        return replace(self, step=self.step[keep], columns=columns, session=session)

    def with_rows(self, step: IntArray, columns: Mapping[str, Column], session: IntArray | None = None) -> Log:
        """Return the log with more rows behind its own; a column that it has already is replaced.

        Where it tells sessions and none are given, the rows are one of their own, which supersedes nothing.
        """
        first, sessions = len(self.step), self.session
        if sessions is not None:
            later = np.full(len(step), sessions.max(initial=-1) + 1) if session is None else session
            sessions = np.concatenate([sessions, later]).astype(np.int64)
        more = {key: Column(column.row + first, column.value) for key, column in columns.items()}
        return replace(self, step=np.concatenate([self.step, step]), columns={**self.columns, **more}, session=sessions)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The cells of one column of text, each by the number of its name."""

    row: IntArray  # of each cell, strictly increasing, shape (n,)
    code: IntArray  # which of the names stands there, shape (n,)
    names: tuple[str, ...]


@dataclass(slots=True)
class Table:
    """Rows in order of writing, as columns."""

    rows: int = 0
    columns: dict[str, Column] = field(default_factory=dict)  # of numbers; nested keys are joined with "/"
    text: dict[str, Labels] = field(default_factory=dict)  # short texts of few different values, and labels of steps
    constants: dict[str, Any] = field(default_factory=dict)  # text columns that never change: settings
    left_out: Counter[str] = field(default_factory=Counter)  # cells of each key that were neither numbers nor needed

    def notes(self) -> list[Note]:
        """Say which keys hold no numbers."""
        changing = {key: n for key, n in self.left_out.items() if key not in self.constants}
        text = f"{counted(len(changing), 'column')} without numbers (text, lists) left out: {some(list(changing))}."
        return noted(NoteKind.IGNORED, sum(changing.values()), text)


class TableBuilder:
    """Collects rows block by block, so that a large log is never held as objects at once."""

    def __init__(self, *, null_is_nan: bool = False) -> None:
        self.null_is_nan = null_is_nan  # take null for a NaN that was logged, not for a missing cell
        self._table = Table()
        self._columns: dict[str, tuple[Buffer[np.int64], Buffer[np.float64]]] = {}
        self._labels: dict[str, _Labelling] = {}
        self._parts: dict[str, list[Column]] = {}  # of the rows that are being added

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows; nested mappings become keys joined with "/"."""
        self._collect(rows, np.arange(self._table.rows, self._table.rows + len(rows)), "", 0)
        for key, parts in self._parts.items():
            self._extend(key, _joined(parts))
        self._parts.clear()
        self._table.rows += len(rows)

    def append(self, table: Table) -> None:
        """Append a table that holds nothing but numbers."""
        for key, column in table.columns.items():
            self._extend(key, Column(column.row + self._table.rows, column.value))
        self._table.rows += table.rows

    def build(self, pending: Sequence[Mapping[str, Any]] = ()) -> Table:
        """Return everything added so far, and behind it rows that may yet change; more may be added afterwards.

        Columns come in the order of the rows in which they are first seen.
        """
        if pending:
            other = self._copy()
            other.add(pending)
            return other.build()
        first = sorted(self._columns.items(), key=lambda column: int(column[1][0].values[0]))
        columns = {key: Column(row.values, value.values) for key, (row, value) in first}
        known = self._table
        text = {key: labels.build() for key, labels in self._labels.items() if labels.names}
        return Table(known.rows, columns, text, dict(known.constants), Counter(known.left_out))

    def _extend(self, key: str, column: Column) -> None:
        if key not in self._columns:
            self._columns[key] = Buffer(np.empty(0, dtype=np.int64)), Buffer(np.empty(0, dtype=np.float64))
        row, value = self._columns[key]
        row.extend(column.row)
        value.extend(column.value)

    def _copy(self) -> TableBuilder:
        other = TableBuilder(null_is_nan=self.null_is_nan)
        other._table = self.build()
        other._columns = {key: (row.copy(), value.copy()) for key, (row, value) in self._columns.items()}
        other._labels = {key: labels.copy() for key, labels in self._labels.items()}
        return other

    def _collect(self, rows: Sequence[Mapping[str, Any]], index: IntArray, prefix: str, depth: int) -> None:
        """Take rows apart by their set of keys: a log has few such sets, and then whole columns convert at once."""
        layouts = set(map(tuple, rows))
        if len(layouts) == 1:
            self._same_keys(layouts.pop(), rows, index, prefix, depth)
            return
        groups: dict[tuple[str, ...], list[int]] = {}
        for position, row in enumerate(rows):
            groups.setdefault(tuple(row), []).append(position)
        for keys, members in groups.items():
            self._same_keys(keys, [rows[i] for i in members], index[members], prefix, depth)

    def _same_keys(
        self, keys: tuple[str, ...], rows: Sequence[Mapping[str, Any]], index: IntArray, prefix: str, depth: int
    ) -> None:
        for key in keys:
            name = f"{prefix}{key}"
            try:
                value = np.fromiter(map(itemgetter(key), rows), np.float64, len(rows))
            except (TypeError, ValueError, OverflowError):
                value = None
            if value is None or np.isnan(value).any():  # numpy turns None into NaN, which is another thing here
                self._mixed(name, [row[key] for row in rows], index, depth)
            else:
                self._parts.setdefault(name, []).append(Column(index, value))

    def _mixed(self, key: str, cells: Sequence[Any], where: IntArray, depth: int) -> None:
        """Sort out a column that holds more than numbers."""
        numbers: list[tuple[int, float]] = []
        nested: list[tuple[int, Mapping[str, Any]]] = []
        for position, cell in enumerate(cells):
            if isinstance(cell, Mapping):
                nested.append((position, cell))
                continue
            number = math.nan if cell is None and self.null_is_nan else as_float(cell)
            if number is not None:
                numbers.append((position, number))
            elif cell is not None and cell != "":
                self._text(key, int(where[position]), cell)
        if nested and depth < _DEEPEST:
            at = where[[position for position, _ in nested]]
            self._collect([row for _, row in nested], at, f"{key}/", depth + 1)
        if numbers:
            at = where[[position for position, _ in numbers]]
            self._parts.setdefault(key, []).append(Column(at, np.array([number for _, number in numbers])))

    def _text(self, key: str, row: int, cell: Any) -> None:
        known = self._table.constants
        if self._table.left_out[key] == 0:
            known[key] = cell
        elif key in known and known[key] != cell:
            del known[key]
        self._table.left_out[key] += 1
        if isinstance(cell, str) and len(cell) <= _LONGEST:
            if key not in self._labels:
                self._labels[key] = _Labelling(any(map(is_step_key, key.split("/"))))
            self._labels[key].add(row, cell)


class _Labelling:
    """The text of one column, as long as it has few different values; labels of steps may all differ."""

    def __init__(self, steps: bool) -> None:
        self.steps = steps
        self.names: dict[str, int] = {}  # each with its number; none where there were too many
        self._row, self._code = array("q"), array("q")
        self._given_up = False

    def add(self, row: int, name: str) -> None:
        if self._given_up:
            return
        self._code.append(self.names.setdefault(name, len(self.names)))
        self._row.append(row)
        if len(self.names) > MOST_NAMES and not self.steps:
            self._given_up = True
            self.names, self._row, self._code = {}, array("q"), array("q")

    def build(self) -> Labels:
        row, code = np.array(self._row, dtype=np.int64), np.array(self._code, dtype=np.int64)
        order = np.argsort(row, kind="stable")  # rows with other keys in between came as a part of their own
        return Labels(row[order], code[order], tuple(self.names))

    def copy(self) -> _Labelling:
        other = _Labelling(self.steps)
        other.names, other._given_up = dict(self.names), self._given_up
        other._row, other._code = self._row[:], self._code[:]
        return other


def table_of(rows: Sequence[Mapping[str, Any]], *, null_is_nan: bool = False) -> Table:
    """Return rows in order of writing as a table."""
    builder = TableBuilder(null_is_nan=null_is_nan)
    builder.add(rows)
    return builder.build()


def log_of(evaluations: Sequence[Evaluation], format: str, notes: Sequence[Note] = ()) -> Log:
    """Return a log that holds evaluations only, in one session: there is no training whose restart could undo them."""
    return attached(Log(format, NO_STEPS, {}, session=NO_STEPS, notes=tuple(notes)), evaluations)


def attached(
    log: Log,
    evaluations: Sequence[Evaluation],
    also: Sequence[Mapping[str, Any]] = (),
    session: IntArray | None = None,
) -> Log:
    """Add held-out measurements, in the order of writing, to a log, as rows behind its own.

    Restarts and repeated steps are then put in order as for any metric. `also` is what else is known of each: numbers
    by key, perhaps nested. `session` is the one of each; see `Log.with_rows`.
    """
    if not evaluations:
        return log
    cells: dict[str, list[tuple[int, float]]] = {}
    for row, evaluation in enumerate(evaluations):
        cells.setdefault(evaluation.key, []).append((row, evaluation.rate))
        for key, value in numbers_of(also[row] if also else {}):
            cells.setdefault(f"eval/{evaluation.benchmark}/{key}", []).append((row, value))
    columns = {
        key: Column(np.array([row for row, _ in pairs], dtype=np.int64), np.array([value for _, value in pairs]))
        for key, pairs in cells.items()
    }
    notes = [
        Note(NoteKind.ASSUMED, f"{key!r} was logged as a metric too; what the evaluations say was kept.")
        for key in columns.keys() & log.columns.keys()
    ]
    step = np.array([evaluation.step for evaluation in evaluations], dtype=np.int64)
    measured = (*log.measured, *evaluations)
    return replace(log.with_rows(step, columns, session), measured=measured, notes=(*log.notes, *notes))


def in_order_of_steps(log: Log) -> Log:
    """Return a log with its rows in order of their steps; those of one step stay in the order of writing."""
    order = np.argsort(log.step, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    columns = {key: _joined([Column(place[column.row], column.value)]) for key, column in log.columns.items()}
    session = None if log.session is None else log.session[order]
    return replace(log, step=log.step[order], columns=columns, session=session)


def layouts_of(columns: Mapping[str, Column], rows: int) -> IntArray:
    """Return a number for the set of keys in each row, shape (R,): equal ones have equal numbers."""
    layout = np.zeros(rows, dtype=np.int64)
    drawn = np.random.default_rng(0).integers(2**62, size=len(columns))  # sums of random numbers differ for all sets
    for number, column in zip(drawn, columns.values(), strict=True):
        layout[column.row] ^= number
    return layout


def noted(kind: NoteKind, count: int, text: str) -> list[Note]:
    """Return a note about so many of something, or none where there are none."""
    return [Note(kind, text, count)] if count else []


def left_alone(what: str, kinds: Mapping[str, int], called: str, keys: Sequence[str]) -> Note:
    """Say of how many values of each kind no use was made, and under which keys or tags they stand."""
    listed = ", ".join(f"{kind}: {count:,}" for kind, count in kinds.items())
    named = ", ".join(keys[:4]) + (" …" if len(keys) > 4 else "")
    text = f"Values that are not {what} were left alone ({listed}), {called}: {named}."
    return Note(NoteKind.IGNORED, text, sum(kinds.values()))


def as_float(cell: Any) -> float | None:
    """Return a cell as a number, or None where it is none."""
    if isinstance(cell, (bool, int, float, str)):
        try:
            return float(cell)
        except (ValueError, OverflowError):
            return None
    return None


def numbers_of(cells: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, float]]:
    """Return the numbers of a mapping, those of nested ones under joined keys; text is none, whatever it says."""
    for key, value in cells.items():
        if isinstance(value, Mapping):
            yield from numbers_of(value, f"{prefix}{key}/")
        elif not isinstance(value, str) and (number := as_float(value)) is not None:
            yield f"{prefix}{key}", number


def some(keys: Sequence[str], most: int = 8) -> str:
    """List keys in a sentence, shortened to a few."""
    shown = ", ".join(key if len(key) <= 60 else f"{key[:57]}…" for key in keys[:most])
    return shown if len(keys) <= most else f"{shown} and {len(keys) - most} more"


def _joined(parts: list[Column]) -> Column:
    row = np.concatenate([part.row for part in parts])
    value = np.concatenate([part.value for part in parts])
    if np.any(np.diff(row) < 0):  # rows with other keys in between came as a part of their own
        order = np.argsort(row, kind="stable")
        row, value = row[order], value[order]
    return Column(row.astype(np.int64, copy=False), value)
