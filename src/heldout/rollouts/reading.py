"""Rollouts of anybody's: columns at once, texts when they are asked for.

`rollouts_of` reads our run directories, and what TRL, verl, SkyRL, OpenRLHF, verifiers and prime-rl write; see
`heldout.rollouts.formats`. What was left out, repaired or guessed is in its notes.

What it cannot see: several answers in one row, which are counted and left out.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from heldout.errors import UsageError
from heldout.readers.documents.json_lines import shown
from heldout.readers.log import Column, Log, noted
from heldout.readers.restarts import without_superseded
from heldout.rollouts.files import (
    BATCH,
    File,
    found_at,
    hidden_file,
    in_order_of_writing,
    opened,
    parquet_rows,
    row_in,
)
from heldout.rollouts.formats import Row
from heldout.rollouts.outcomes import Outcomes, outcomes_in
from heldout.rollouts.rollout import Rollouts
from heldout.rollouts.tables import STALE, Layout, Place, Table, answer_of, integers, prompt_of
from heldout.run import Note, NoteKind
from heldout.stats.arrays import BoolArray, FloatArray, IntArray
from heldout.text import counted

_TOGETHER = 512  # rows whose texts are held at one time
_WINDOWS = 4  # pieces of Parquet that are held
_NULL = "heldout: no answer"  # a column of its own, which no file has


def rollouts_of(path: str | Path) -> Rollouts:
    """Which rollouts are at this place?

    Parameters
    ----------
    path
        A run directory, a folder of rollouts, or one of their files.

    Returns
    -------
    Rollouts
        In order of steps; its `texts` is a `Stored`. Outcomes that were added afterwards (``hidden.jsonl``) are in it.
        Rows that a resumed run wrote again are there once. Where rows name no problem, it is named by its prompt.

    Raises
    ------
    UsageError
        When nothing there is a rollout; the message says what is there.
    """
    place = Path(path)
    found = found_at(place)
    said = outcomes_in(hidden_file(place))
    files = in_order_of_writing(found.files)
    table, notes = Table(), [*found.notes, *said.notes]
    for number, file in enumerate(files):
        notes += _Reading(file, number, said, table).read()
    if not len(table):
        why = "; ".join(f"{counted(count, 'row')} {reason}" for reason, count in table.dropped.most_common(3))
        raise UsageError(f"{path} holds no rollouts: {why or 'no row of it is whole'}.")
    notes += _about(table, files)
    return _in_order(str(path), files, table, notes)


class Stored:
    """Texts that lie in files of JSON lines or Parquet."""

    def __init__(self, files: Sequence[File], table: Table, order: IntArray) -> None:
        self._files, self._table, self._order = files, table, order
        self._windows: OrderedDict[tuple[int, int], list[dict[str, Any]]] = OrderedDict()

    def place(self, row: int) -> tuple[str, int]:
        """Return the file, relative to the folder that was named, and the number of the row in it, from 0."""
        at = int(self._order[row])
        return self._files[self._table.file[at]].name, self._table.row[at]

    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, str]]:
        """Yield prompt and answer of these rows, in the order that is asked for; a few of them are held at a time."""
        for start in range(0, len(rows), _TOGETHER):
            some = [int(self._order[row]) for row in rows[start : start + _TOGETHER]]
            by_file: dict[int, list[int]] = {}
            for row in some:
                by_file.setdefault(self._table.file[row], []).append(row)
            texts: dict[int, tuple[str, str]] = {}
            for number, several in by_file.items():
                texts |= self._of_file(number, sorted(set(several)))
            yield from (texts[row] for row in some)

    def _of_file(self, number: int, rows: Sequence[int]) -> dict[int, tuple[str, str]]:
        file = self._files[number]
        if file.is_parquet:
            return {row: self._in_parquet(number, self._table.row[row]) for row in rows}
        with opened(file.path) as lines:
            return {row: self._in_lines(file, lines, self._table.offset[row]) for row in rows}

    def _in_lines(self, file: File, lines: IO[bytes], offset: int) -> tuple[str, str]:
        lines.seek(offset)
        found = row_in(lines.readline())[0]
        if found is None:
            raise UsageError(f"{file.path} was changed while it was read; read it again.")
        return self._texts(file, file.format.unpack(found))

    def _in_parquet(self, number: int, row: int) -> tuple[str, str]:
        file, window = self._files[number], (number, row // BATCH)
        at = self._table.layout(file.format, file.keys)
        if window not in self._windows:
            columns = [key for key in dict.fromkeys((at.prompt, at.text)) if key]
            piece = pl.scan_parquet(file.path).select(columns).slice(window[1] * BATCH, BATCH).collect()
            self._windows[window] = piece.to_dicts()
            if len(self._windows) > _WINDOWS:
                self._windows.popitem(last=False)
        self._windows.move_to_end(window)
        return self._texts(file, self._windows[window][row % BATCH], at)

    def _texts(self, file: File, row: Row, at: Layout | None = None) -> tuple[str, str]:
        at = at or self._table.layout(file.format, tuple(row))
        return prompt_of(row, at), answer_of(row, at) or ""


# --- the rows of one file


@dataclass(slots=True)
class _Reading:
    """Reads one file into a table."""

    file: File
    number: int
    said: Outcomes
    table: Table

    @property
    def step(self) -> int | None:
        """The step of rows that name none."""
        named = self.table.layout(self.file.format, self.file.keys).step
        return 0 if self.file.step is None and not named else self.file.step

    def read(self) -> list[Note]:
        """Return what was dropped or strange."""
        before, first = (self.table.dropped.copy(), self.table.noticed.copy()), len(self.table)
        notes = self._parquet() if self.file.is_parquet else self._lines()
        judged = self.said.of(self.file.name)
        if judged and self.table.noticed[STALE] == before[1][STALE]:  # else the file was written anew since
            self.table.all_judged(first, max(judged))
        for kind, tally, old in (
            (NoteKind.DROPPED, self.table.dropped, before[0]),
            (NoteKind.REPAIRED, self.table.noticed, before[1]),
        ):
            left = "left out" if kind is NoteKind.DROPPED else "kept"
            for why, count in (tally - old).items():
                notes += noted(kind, count, f"{self.file.name}: {counted(count, 'row')} {why} ({left}).")
        return notes

    def _lines(self) -> list[Note]:
        outcomes, step = self.said.of(self.file.name), self.step
        refused, last, spoilt, cut = 0, b"", 0, ""
        number, offset = 0, 0
        try:
            with opened(self.file.path) as lines:
                for number, line in enumerate(lines):
                    row, wrong = row_in(line) if not line.isspace() else (None, False)
                    spoilt += wrong
                    if row is not None:
                        flat = self.file.format.unpack(row)
                        at = self.table.layout(self.file.format, tuple(flat))
                        place = Place(self.number, number, offset)
                        self.table.add(flat, at, place, step, outcomes.get(number))
                    elif not line.isspace():
                        refused, last = refused + 1, line[:100]
                    offset += len(line)
        except (EOFError, zlib.error, OSError) as error:
            cut = f"{self.file.name}: cannot be read beyond line {number + 1} ({error}); what stands before was used."
        text = f"{self.file.name}: {counted(refused, 'line')} cut or broken and left out, the last of them"
        strange = f"{self.file.name}: {counted(spoilt, 'row')} with bytes that are no UTF-8, each shown as \ufffd."
        return [
            *noted(NoteKind.DROPPED, refused, f"{text} {shown(last)}."),
            *noted(NoteKind.REPAIRED, spoilt, strange),
            *noted(NoteKind.DROPPED, int(bool(cut)), cut),
        ]

    def _parquet(self) -> list[Note]:
        at = self.table.layout(self.file.format, self.file.keys)
        outcomes, step = self.said.of(self.file.name), self.step
        unread = set() if at.doubtful or not at.problem else {at.prompt}
        try:
            if not outcomes and pl.read_parquet_schema(self.file.path)[at.text] == pl.String:
                unread.add(at.text)  # whatever else it is has to be looked at: it may be no answer
            columns: list[Any] = [key for key in self.file.keys if key not in unread]
            columns += [pl.col(at.text).is_null().alias(_NULL)] if at.text in unread else []
            for number, row in enumerate(parquet_rows(self.file.path, columns)):
                if row.pop(_NULL, False):
                    row[at.text] = None
                self.table.add(row, at, Place(self.number, number), step, outcomes.get(number))
        except (OSError, pl.exceptions.PolarsError) as error:
            return [Note(NoteKind.DROPPED, f"{self.file.name}: cannot be read ({str(error).splitlines()[0]}).")]
        return []


# --- all of them


def _about(table: Table, files: Sequence[File]) -> list[Note]:
    """Say what was guessed."""
    notes = []
    if table.is_summed:
        text = f"The rows have no reward of their own: the sum of their parts was taken ({', '.join(table.parts)})."
        notes.append(Note(NoteKind.ASSUMED, text, len(table.parts)))
    if not table.tells_problems:
        text = (
            "The rows name neither a problem nor a prompt, so which of them answer the same problem is not known; the "
            "answers of a step count as one group."
        )
        notes.append(Note(NoteKind.ASSUMED, text, len(table)))
    if not any(file.step is not None for file in files) and not table.tells_steps:
        text = "Neither the rows nor the names of the files tell a step; all were taken as step 0."
        notes.append(Note(NoteKind.ASSUMED, text, len(table)))
    return notes


def _in_order(source: str, files: Sequence[File], table: Table, notes: list[Note]) -> Rollouts:
    """Return the rollouts in order of steps, without those that a resumed run wrote again."""
    step = integers(table.step)
    keep = _still_holding(step, notes)
    names, problem, note = table.problems()
    if note:
        notes.append(Note(NoteKind.ASSUMED, note))
    order = np.flatnonzero(keep)[np.argsort(step[keep], kind="stable")]
    number = {name: table.column(values)[order] for name, values in table.number.items()}
    rows = order.tolist()
    return Rollouts(
        source=source,
        format=files[0].format.title,
        problems=names,
        step=step[order],
        problem=problem[order],
        group=_groups(step[order], problem[order]) if note else table.groups()[order],
        reward=number["reward"],
        hidden=number["hidden"],
        kind=[table.kind[row] for row in rows],
        tokens=number["tokens"],
        advantage=number["advantage"],
        stop=[table.stop[row] for row in rows],
        kept_with=_chance(number["kept_with"]),
        judged_with=_chance(number["judged_with"]),
        group_rewarded=number["group_rewarded"],
        texts=Stored(files, table, order),
        parts={name: table.column(values)[order] for name, values in table.parts.items()},
        notes=tuple(notes),
        paid=_paid(number["rewarded"]),
    )


def _groups(step: IntArray, problem: IntArray) -> IntArray:
    """Number the pairs of step and problem."""
    pairs = np.stack([step, problem], axis=1)
    return np.asarray(np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def _chance(values: FloatArray) -> FloatArray:
    """Chances, 1 where none is given."""
    return np.where(np.isnan(values), 1.0, values)


def _paid(said: FloatArray) -> BoolArray | None:
    """Return which answers the run itself counted as rewarded, None where it does not say that of all."""
    return None if np.isnan(said).any() else said > 0.0


def _still_holding(step: IntArray, notes: list[Note]) -> BoolArray:
    """Return which rows hold, shape (R,), in order of writing: not those of steps that were begun anew later."""
    block = np.cumsum(np.diff(step, prepend=step[:1]) != 0)  # rows of one step were written together
    steps = step[np.flatnonzero(np.diff(block, prepend=-1))]
    rows = np.arange(len(steps))
    held, said = without_superseded(Log("rollouts", steps, {"reward": Column(rows, np.ones(len(steps)))}))
    keep = np.isin(block, held.columns["reward"].row)
    lost = int(np.count_nonzero(~keep))
    text = f"{counted(lost, 'row')} at steps that the run, taken up again, wrote anew were superseded."
    notes += noted(NoteKind.REPAIRED, lost, text) if lost else said
    return keep
