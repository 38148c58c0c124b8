"""Where a table of delimited text begins, how its lines split, and what its columns are called.

A table is known by several lines that split alike, with names above and numbers below; one line of a log that holds
commas is none. Before the header there may be a title, comments, or Excel's ``sep=;``; below it a row of units, or a
second row of names.

What it cannot see: a table that begins after the first few hundred lines of a file.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from heldout.metrics import meaning_of
from heldout.readers.documents.cells import is_missing, is_number
from heldout.readers.log import noted, some
from heldout.readers.step_keys import is_step_key, run_rank
from heldout.run import Note, NoteKind
from heldout.text import counted

SPACES = ("  ", " ")  # stand for runs of blanks, of two at least (then names may hold single ones) or of one

SEPARATORS = ("\t", ";", ",", "|")
_PREAMBLE = 30  # records before a header: a title, settings, comments
_LOOKED_AT = 50  # rows that must split like the header, nearly all of them
_NEARLY_ALL = 0.8  # a cut row, a footer or a comment among them is no reason to refuse a table
_LONGEST = 300  # characters of a name
_SHORT = 30  # characters of a unit, or of a name in a second row
_MOST_SECOND = 2  # rows of the header below its first one
_TIDY = re.compile(r"[\w ./@()\[\]%:+*-]{1,100}")  # a header without any row below it has to look like one
_ASKED = 200  # names that are looked up: each is compared with every known spelling
_DECLARED = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_RULE = re.compile(r"[\s|:+=-]*-[\s|:+=-]*")  # below the header, as databases print it
_UNIT = re.compile(r"[\[(<]?\s*(?:%|percent|pct)\s*[\])>]?", re.IGNORECASE)
# Of a progress bar, whose frame would split it into cells: a console draws several of them below each other.
_BAR = re.compile(r"\d/\d{1,12} \[\d{1,4}:\d\d")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the table in a text is written."""

    separator: str
    names: tuple[str, ...]  # none twice; empty for a column without one
    start: int  # lines of the file before the first row
    percent: frozenset[str] = frozenset()  # columns whose unit is said to be percent
    has_comments: bool = False  # whether lines that begin with # stand among the rows
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class _Record:
    cells: list[str]
    end: int  # number of the line after it

    @property
    def filled(self) -> list[str]:
        return [cell for cell in self.cells if cell]

    @property
    def is_comment(self) -> bool:
        return bool(self.cells) and self.cells[0].startswith("#")


def find(lines: Sequence[str]) -> Layout | None:
    """Return the layout of a table in these first lines of a text, all of them whole, or None where there is none."""
    declared = _DECLARED.fullmatch(lines[0].strip()) if lines else None
    found = [
        layout
        for separator in ((declared[1],) if declared else (*SEPARATORS, *SPACES))
        for layout in [_find(list(_records(lines, separator)), separator)]
        if layout is not None
    ]
    return max(found, key=lambda layout: len(layout.names), default=None)


def find_in_rows(rows: Sequence[Sequence[str]]) -> Layout | None:
    """Return the layout of a table whose cells are apart already; `Layout.start` counts its rows."""
    return _find([_Record([cell.strip() for cell in row], end) for end, row in enumerate(rows, 1)], "")


def split(line: str, separator: str) -> list[str]:
    """Return the cells of one line, as `find` reads them."""
    return next(_records([line], separator)).cells


def _records(lines: Sequence[str], separator: str) -> Iterator[_Record]:
    if separator in SPACES:
        between = re.compile(r"[ \t]{2,}|\t" if separator == "  " else r"[ \t]+")
        yield from (_Record(between.split(line.strip()), end) for end, line in enumerate(lines, 1))
        return
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator, skipinitialspace=True)
    while True:
        try:
            yield _Record([cell.strip() for cell in next(reader)], reader.line_num)
        except csv.Error:  # a cell that is very long
            line = lines[reader.line_num - 1]
            yield _Record([cell.strip() for cell in line.split(separator, _ASKED)[:_ASKED]], reader.line_num)
        except StopIteration:
            return


def _find(records: list[_Record], separator: str) -> Layout | None:
    for at, record in enumerate(records[:_PREAMBLE]):
        names = [name.lstrip("# ") for name in record.cells] if record.is_comment else record.cells
        if separator in SPACES and record.is_comment:
            names = [name for name in names if name]
        if not _are_names(names) or (separator == "|" and not (names[0] or names[-1])):  # that is Markdown
            continue
        if at == 0 and len(records) == 1:
            return _without_rows(names, record.end, separator)
        below = [other for other in records[at + 1 :] if other.cells != record.cells]  # some write it again and again
        if record.is_comment and not _begins_with_numbers(below, len(names)):
            continue
        layout = _below(names, record.end, below, separator)
        if layout is not None:
            before = sum(bool(other.filled) for other in records[:at])
            text = f"{counted(before, 'line')} above the header left out."
            return replace(layout, notes=(*noted(NoteKind.IGNORED, before, text), *layout.notes))
    return None


def _begins_with_numbers(records: list[_Record], size: int) -> bool:
    """Whether rows of numbers follow at once, as below a header that numpy has written as a comment."""
    first = next((record for record in records if record.filled and not record.is_comment), None)
    return first is not None and len(first.cells) == size == _numbers(first.cells)


def _are_names(cells: list[str]) -> bool:
    filled = [cell for cell in cells if cell]
    if len(filled) < 2 or filled[0][0] in "{[<|" or any(len(cell) > _LONGEST or _BAR.search(cell) for cell in filled):
        return False
    return not any(is_number(cell) or is_missing(cell) for cell in filled)


def _known(names: list[str]) -> bool:
    if any(is_step_key(name) or run_rank(name) is not None for name in names):
        return True
    return any(meaning_of(name) for name in names[:_ASKED] if name)


def _without_rows(names: list[str], end: int, separator: str) -> Layout | None:
    if (
        separator in SPACES
        or len(names) > _ASKED
        or not _known(names)
        or not all(_TIDY.fullmatch(name) for name in names if name)
    ):
        return None
    return Layout(separator, tuple(names), end)


def _below(names: list[str], end: int, records: list[_Record], separator: str) -> Layout | None:
    """Return the layout where the rows below these names fit them."""
    has_comments = any(record.is_comment for record in records)
    rows = [record for record in records if record.filled and not record.is_comment]
    if rows and _RULE.fullmatch("".join(rows[0].cells)):
        end, rows = rows[0].end, rows[1:]
    if separator in SPACES and rows and all(len(row.cells) == len(names) + 1 for row in rows):
        names = ["", *names]  # pandas and R print no name above the index
    percent: set[str] = set()
    said: list[Note] = []
    for _ in range(_MOST_SECOND):
        if not _is_second(rows):
            break
        names, units, note = _with_second(names, rows[0].cells)
        percent |= units
        end, rows, said = rows[0].end, rows[1:], [*said, *note]
    if not _fit(names, rows[:_LOOKED_AT], separator):
        return None
    unique, note = _unique(names)
    return Layout(separator, unique, end, frozenset(percent), has_comments, (*said, *note))


def _fit(names: list[str], rows: list[_Record], separator: str) -> bool:
    """Whether nearly all of the rows split like the header, and one column at least holds numbers."""
    if not rows or (separator in SPACES and len(rows) < 2):
        return False
    known, size = _known(names), len(names)
    if separator in SPACES:  # sentences have spaces, too
        good = [row for row in rows if len(row.cells) == size and 3 * _numbers(row.cells) >= 2 * size]
        return known and _nearly_all(good, rows) and not any(name.endswith((":", ",", "=")) for name in names)
    fewest = 2 if known else size  # of a row that ends early the last cells are missing
    good = [row for row in rows if len(row.cells) >= fewest and _numbers(row.cells)]
    if not _nearly_all(good, rows):
        return False
    columns = range(min(size, _ASKED))
    filled = [[row.cells[at] for row in good if at < len(row.cells) and row.cells[at]] for at in columns]
    return any(_nearly_all([cell for cell in cells if is_number(cell)], cells) for cells in filled if cells)


def _nearly_all(good: Sequence[object], whole: Sequence[object]) -> bool:
    return len(good) >= _NEARLY_ALL * len(whole) or (len(whole) > 2 and len(good) == len(whole) - 1)


def _numbers(cells: Sequence[str]) -> int:
    return sum(map(is_number, cells))


def _is_second(rows: list[_Record]) -> bool:
    """Whether the first of the rows belongs to the header: words above columns of numbers."""
    later = [row for row in rows[1:] if _numbers(row.cells)]
    if not later or _numbers(rows[0].cells) or len(later) < _NEARLY_ALL * (len(rows) - _MOST_SECOND):
        return False
    cells = rows[0].cells
    if len(rows[0].filled) == 1 and cells[0]:  # pandas writes the name of its index below two rows of names
        return all(row.cells[0] and is_number(row.cells[0]) for row in later)
    above = [at for at, cell in enumerate(later[0].cells) if is_number(cell) and at < len(cells)]
    words = [at for at in above if cells[at] and not is_missing(cells[at]) and len(cells[at]) <= _SHORT]
    return bool(words) and 2 * len(words) >= len(above)


def _with_second(names: list[str], second: list[str]) -> tuple[list[str], set[str], list[Note]]:
    """Return the names with a second row taken in, the columns in percent, and what was assumed."""
    second = (second + [""] * len(names))[: len(names)]
    if len([cell for cell in second if cell]) == 1 and second[0]:
        return [second[0], *names[1:]], set(), []
    above = list(names)
    for at in range(1, len(above)):  # a cell that spans several columns is written once
        above[at] = above[at] or above[at - 1]
    joined = [f"{name}/{cell}" if name and cell else name or cell for name, cell in zip(above, second, strict=True)]
    if len(set(filter(None, names))) < len([name for name in above if name]) and len(set(joined)) == len(joined):
        return joined, set(), [Note(NoteKind.ASSUMED, "The header has two rows; their names were joined.")]
    percent = {name for name, cell in zip(names, second, strict=True) if _UNIT.fullmatch(cell)}
    text = f"The row below the header ({some([cell for cell in second if cell])}) was taken for units."
    return names, percent, [Note(NoteKind.ASSUMED, text)]


def _unique(names: list[str]) -> tuple[tuple[str, ...], list[Note]]:
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(f"{name} ({seen[name]})" if name and seen[name] > 1 else name)
    twice = [name for name, times in seen.items() if name and times > 1]
    text = f"More than one column is called {some(twice)}: the first keeps the name, the others are numbered."
    return tuple(unique), noted(NoteKind.ASSUMED, len(twice), text)
