"""What the readers of console output share: entries found in text that grows, the form of a number, what was lost.

A format states how its entries look (`Console.scan`) and how their steps are found; `pairs_console` is the shortest
example. `Source.fed_text` feeds the text with colours taken out and a line for each state of a progress bar, so that a
finished log and one that grows are read by the same code.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from heldout.readers.log import Table, TableBuilder, noted
from heldout.readers.source import CUT_HERE, LINE_LIMIT
from heldout.run import Note, NoteKind
from heldout.stats.arrays import Buffer, IntArray
from heldout.text import counted

# Possessive, as every quantifier of a console format is, or bounded: no text makes a search slower than linear.
NUMBER = r"(?:[-+]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?\d++)?+|[-+]?+(?:nan|NaN|inf))"

_LONGER = re.compile(rf"^[^\n{CUT_HERE}]{{{LINE_LIMIT + 1}}}", re.MULTILINE)
_MARGIN = 4096  # characters; longer than any line of metrics, so nothing further behind changes what was found
_CONTEXT = 2  # characters before a place that patterns look back at, such as the "('" before verl's "step:"


class Entry(NamedTuple):
    """One thing that was found: a line, a dict, a progress bar."""

    row: dict[str, Any] | None  # its metrics; None where there are none to use
    end: int  # where it ends in the text
    certain: bool  # whatever follows, it stays what it is
    lost: int = 0  # how many of its parts could not be read
    cut: bool = False  # the log ends within it
    place: tuple[int, ...] = ()  # the numbers from which the format finds its step


class CutLines:
    """Counts the lines of metrics that W&B cut: they have all the characters that it keeps, and no line has more."""

    def __init__(self) -> None:
        self.count = 0
        self._longer = False

    def feed(self, text: str) -> None:
        """Take in the next lines."""
        self._longer = self._longer or _LONGER.search(text) is not None

    def notes(self, also: int = 0) -> list[Note]:
        """Say how many there are, with others that may yet change."""
        count = 0 if self._longer else self.count + also
        text = f"ends at exactly {LINE_LIMIT} characters, where W&B cuts what is printed; what followed is lost."
        if count != 1:
            text = text.replace("ends", "end", 1)
        return noted(NoteKind.DROPPED, count, f"{counted(count, 'line')} of metrics {text}")


class Console(ABC):
    """Finds entries piece by piece, so that they are those of the whole output.

    What stands at the end may go on in the next piece; it is looked for again then.
    """

    lost_note = "Metric dicts that were cut or garbled were left out."
    cut_note = "The file ends within a line; its last value was left out."

    def __init__(self) -> None:
        self.base = 0  # where in the whole output the text begins that `scan` is given
        self.cut = False  # the log ends within an entry
        self._kept: list[Entry] = []
        self._pending: list[Entry] = []  # found at the end, and may yet change
        self._lost = 0
        self._text, self._at = "", 0
        self._lines = CutLines()
        self._cut_later = 0  # lines that were cut, of those that are pending

    @abstractmethod
    def scan(self, text: str, at: int) -> Iterator[Entry]:
        """Yield each entry of a text from a place on."""

    def feed(self, text: str, last: bool) -> None:
        """Take in the next piece: whole lines, but for the last one where the log ends for good."""
        self._lines.feed(text)
        text = self._text + text
        found: list[Entry] = []
        self._pending = []
        keep = self._at
        for entry in self.scan(text, self._at):
            if self._pending or not (entry.certain or last or entry.end + _MARGIN <= len(text)):
                self._pending.append(entry)
            else:
                found.append(entry)
                keep = entry.end
        if not self._pending:
            keep = max(keep, text.rfind("\n", 0, max(len(text) - _MARGIN, 0)) + 1)
        start = max(keep - _CONTEXT, 0)
        self._text, self._at = text[start:], keep - start
        self.base += start
        self.cut = any(entry.cut for entry in found)
        self._lost += sum(entry.lost for entry in found)
        self._lines.count += sum(_is_cut(entry, text) for entry in found)
        self._cut_later = sum(_is_cut(entry, text) for entry in self._pending)
        self.keep(found)

    def keep(self, entries: Sequence[Entry]) -> None:
        """Keep entries that are certain."""
        self._kept += entries

    @property
    def entries(self) -> list[Entry]:
        """Every entry so far."""
        return [*self._kept, *self._pending]

    def notes(self) -> list[Note]:
        """Say what was lost, and whether the log ends within an entry."""
        lost = self._lost + sum(entry.lost for entry in self._pending)
        notes = self._lines.notes(self._cut_later) + noted(NoteKind.DROPPED, lost, self.lost_note.format(lost))
        return notes + noted(NoteKind.DROPPED, int(self.cut), self.cut_note)


class TableConsole(Console):
    """Turns the rows of entries into columns at once, so that a large log is never held as objects."""

    places_wide = 0  # how many numbers a place has

    def __init__(self) -> None:
        super().__init__()
        self._rows = TableBuilder()
        self._places = Buffer(np.empty((0, self.places_wide), dtype=np.int64))

    def keep(self, entries: Sequence[Entry]) -> None:
        """Keep the rows and places of those that have metrics."""
        rows, places = _metrics(entries)
        if rows:
            self._rows.add(rows)
            self._places.extend(places)

    def table(self) -> Table:
        """Return every row so far."""
        return self._rows.build(_metrics(self._pending)[0])

    def places(self) -> IntArray:
        """Return the place of every row so far, shape (rows, `places_wide`)."""
        pending = np.array(_metrics(self._pending)[1], dtype=np.int64)
        return np.concatenate([self._places.values, pending.reshape(-1, self.places_wide)])


def followed(text: str, end: int, within: int = 400) -> bool:
    """Whether something other than blanks stands behind a place, or so many blanks that it matters no more."""
    return len(text) - end >= within or bool(text[end : end + within].strip())


def steps_over_epochs(places: Sequence[tuple[float, float]]) -> tuple[list[float], list[Note]]:
    """Return the step of each (epoch, step): steps that begin again at each epoch go on from the epoch before."""
    steps: list[float] = []
    offsets: dict[float, float] = {}
    moved, before = 0, None
    for epoch, step in places:
        if before is None:
            offsets[epoch] = 0
        elif epoch not in offsets:  # an epoch that was seen already is a restart: it keeps its place
            restarted = step <= before[1]
            offsets[epoch] = offsets[before[0]] + (before[1] + 1 - step if restarted else 0)
        before = epoch, step
        steps.append(step + offsets[epoch])
        moved += offsets[epoch] != 0
    text = "Steps begin again at each epoch in this log; they were made to go on from the epoch before."
    return steps, noted(NoteKind.ASSUMED, moved, text)


def _is_cut(entry: Entry, text: str) -> bool:
    """Whether W&B cut the line in which an entry ends."""
    end = text.find("\n", max(entry.end - 1, 0))
    return (entry.row is not None or entry.lost > 0) and text.endswith(CUT_HERE, 0, end if end >= 0 else len(text))


def _metrics(entries: Sequence[Entry]) -> tuple[list[dict[str, Any]], list[tuple[int, ...]]]:
    useful = [(entry.row, entry.place) for entry in entries if entry.row is not None]
    return [row for row, _ in useful], [place for _, place in useful]
