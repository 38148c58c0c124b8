"""Numbers as people and spreadsheets write them: ``0,45``, ``1,000``, ``22.4 %``, ``1 000``, ``n/a``.

``1,000`` is a thousand in one country and one in another. A cell that can be read one way only is read that way; the
others follow the rest of their column, then the rest of the table, then what stands between the cells: semicolons are
written where commas stand in numbers. Where nothing tells, the cell is left out, and that is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from heldout.readers.log import noted, some
from heldout.readers.step_keys import is_step_key, run_rank
from heldout.run import Note, NoteKind
from heldout.text import counted

if TYPE_CHECKING:
    import polars as pl

MISSING = ("na", "n/a", "#n/a", "<na>", "none", "null", "nil", "-", "--", "–", "—", "?", "no log", "missing")

_LONGEST = 40  # bytes of a number
_UNCLEAR = "left out, as nothing tells a decimal comma from grouped thousands; write them with a decimal point"
_SAMPLE = 2000  # cells of a column that say how its numbers are written
_BETWEEN = r" _'’\x{a0}\x{202f}\x{2009}"  # what groups the thousands beside comma and point, in both conventions
_TAIL = r"(?:[eE][+-]?\d+)?[ \x{a0}\x{202f}]?%?$"


class Decimal(Enum):
    """Which sign stands before the decimals; the other one groups thousands."""

    POINT = "."
    COMMA = ","

    @property
    def other(self) -> Decimal:
        """The other convention."""
        return Decimal.COMMA if self is Decimal.POINT else Decimal.POINT

    @property
    def pattern(self) -> str:
        """What a number looks like, for polars."""
        groups = rf"[1-9]\d{{0,2}}(?:[{_BETWEEN}{re.escape(self.other.value)}]\d{{3}})+"
        return rf"^[+-]?(?:{groups}|\d*)(?:{re.escape(self.value)}\d*)?{_TAIL}"


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in ("", *MISSING)


def is_number(cell: str) -> bool:
    """Whether a cell is a number, however it is written."""
    return _NUMBER.fullmatch(cell.strip()) is not None


_PLAIN = r"(?:\d[\d.,_'’\u00a0\u202f ]*|[.,]\d+)(?:[eE][+-]?\d+)?[ \u00a0\u202f]?%?"
_NUMBER = re.compile(rf"[+−-]?(?:{_PLAIN}|inf(?:inity)?|nan)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The columns of a table as numbers."""

    values: dict[str, pl.Series]  # null where there is no number
    text: dict[str, pl.Series]  # the columns as written, null where a cell says that it is missing
    notes: list[Note]
    said: frozenset[str] = frozenset()  # columns of which the notes say what text they hold beside numbers


@dataclass(frozen=True, slots=True)
class _Written:
    """How the cells of one column can be read."""

    text: pl.Series  # null where a cell says that it is missing
    missing: int  # cells that say so
    percent: pl.Series  # whether a cell is in percent
    plain: pl.Series  # the values of those that a program wrote
    by: dict[Decimal, pl.Series]  # the values in each convention, null where a cell does not follow it

    @property
    def is_unclear(self) -> pl.Series:
        """Whether a cell says one thing with a decimal comma and another with a decimal point."""
        point, comma = self.by.values()
        return (point.is_not_null() & comma.is_not_null() & (point != comma)).fill_null(False)

    def only(self, decimal: Decimal) -> int:
        """How many of the first cells follow this convention and not the other."""
        one, other = (self.by[which].head(_SAMPLE) for which in (decimal, decimal.other))
        return int((one.is_not_null() & other.is_null()).sum())


def numbers_of(frame: pl.DataFrame, separator: str = "", percent: frozenset[str] = frozenset()) -> Numbers:
    """Return the columns of a table as numbers.

    Parameters
    ----------
    frame
        Columns of text, or of numbers, which stay what they are.
    separator
        What stands between the cells; empty where that is not known.
    percent
        Columns whose header says that they are in percent.
    """
    import polars as pl

    found = Numbers({}, {name: frame[name] for name in frame.columns}, [])
    written: dict[str, _Written] = {}
    for name, column in found.text.items():
        if column.dtype.is_nested():
            found.values[name] = pl.Series([None] * len(column), dtype=pl.Float64)
            continue
        plain = found.values[name] = column.cast(pl.Float64, strict=False)
        if column.dtype == pl.String and (name in percent or _is_doubtful(column, plain, separator)):
            written[name] = _written(column, name in percent)
    usual = _usual(list(written.values()), separator)
    said = _Said()
    for name, cells in written.items():
        found.values[name] = _values(cells, _decimal(name, cells, usual))
        found.text[name] = cells.text
        said.add(name, cells, found.values[name])
    for name, column in found.values.items():
        nans = column.is_nan() if found.text[name].dtype == pl.String else None
        if nans is not None and 2 * int(nans.sum()) > len(column) - column.null_count():
            found.values[name] = column.set(nans.fill_null(False), None)  # what is not measured at most steps
            found.text[name] = found.text[name].set(nans.fill_null(False), None)
            said.missing[name] = said.missing.get(name, 0) + int(nans.sum())
    return Numbers(found.values, found.text, said.notes(), frozenset(said.lost))


def _is_doubtful(column: pl.Series, plain: pl.Series, separator: str) -> bool:
    """Whether a column holds more than numbers with a point, or its points may group thousands."""
    if plain.null_count() > column.null_count() or separator == ";":
        return True
    return is_step_key(column.name) and not all_whole(plain)


def all_whole(values: pl.Series) -> bool:
    """Whether all numbers of a column are whole; what is none does not count."""
    finite = values.filter(values.is_finite())
    return bool((finite.floor() == finite).all())


def _written(column: pl.Series, in_percent: bool) -> _Written:
    import polars as pl

    cell = column.str.strip_chars()
    missing = cell.str.len_bytes().le(_LONGEST) & cell.str.to_lowercase().is_in(["", *MISSING])
    missing = missing.fill_null(False)
    text = pl.select(pl.when(~missing).then(column)).to_series().alias(column.name)
    # A text is no number however it begins: what is long is not looked at.
    short = pl.select(pl.when(~missing & (cell.str.len_bytes() <= _LONGEST)).then(cell)).to_series()
    short = short.str.replace("−", "-", literal=True)
    percent = short.is_not_null() if in_percent else short.str.ends_with("%").fill_null(False)
    by = {decimal: _in(short, percent, decimal) for decimal in Decimal}
    plain = short.cast(pl.Float64, strict=False)
    return _Written(text, int((missing & (cell != "")).sum()), percent, plain, by)


def _in(cell: pl.Series, percent: pl.Series, decimal: Decimal) -> pl.Series:
    """Return the values of the cells that follow a convention."""
    import polars as pl

    bare = cell.str.replace_all(rf"[%{_BETWEEN}{re.escape(decimal.other.value)}]", "")
    bare = bare.str.replace(decimal.value, ".", literal=True) if decimal is Decimal.COMMA else bare
    digits = pl.when(percent).then(bare + "e-2").otherwise(bare)  # exactly what is written, without a division
    value = digits.cast(pl.Float64, strict=False)
    return pl.select(pl.when(cell.str.contains(decimal.pattern)).then(value)).to_series()


def _usual(columns: list[_Written], separator: str) -> Decimal | None:
    """Return the convention of a table, where its columns agree or what stands between its cells tells."""
    shown = {decimal for decimal in Decimal if any(column.only(decimal) for column in columns)}
    if len(shown) == 1:
        return shown.pop()
    return {";": Decimal.COMMA, ",": Decimal.POINT}.get(separator)


def _decimal(name: str, column: _Written, usual: Decimal | None) -> Decimal | None:
    """Return the convention for those cells of a column that can be read in both."""
    point, comma = (column.only(decimal) for decimal in Decimal)
    decimal = usual if point == comma else Decimal.POINT if point > comma else Decimal.COMMA
    if is_step_key(name):  # steps are whole
        whole = [one for one in Decimal if all_whole(column.by[one].drop_nulls())]
        if len(whole) == 1 and column.by[whole[0]].null_count() <= min(by.null_count() for by in column.by.values()):
            return whole[0]
    return decimal


def _values(column: _Written, decimal: Decimal | None) -> pl.Series:
    import polars as pl

    first, second = (column.by[which] for which in ((decimal or Decimal.POINT), (decimal or Decimal.POINT).other))
    unclear = column.is_unclear if decimal is None else pl.lit(False)
    return pl.select(pl.when(~unclear).then(pl.coalesce(first, second, column.plain))).to_series()


@dataclass(slots=True)
class _Said:
    """What is said of how numbers were read, once for all columns."""

    otherwise: dict[str, tuple[str, float]] = field(default_factory=dict)  # column → a cell and its value
    percent: list[str] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=dict)
    lost: dict[str, Note] = field(default_factory=dict)

    def add(self, name: str, column: _Written, values: pl.Series) -> None:
        """Take in what was done with one column."""
        there = values.is_not_null()
        lost = column.text.filter(~there & column.text.is_not_null())
        unclear = lost.filter(column.is_unclear.filter(~there & column.text.is_not_null()))
        if len(unclear):
            self.lost[name] = _lost(unclear, f"in column {name!r} {_UNCLEAR}", "number")
        elif 0 < len(lost) <= int(there.sum()) and not is_step_key(name) and run_rank(name) is None:
            self.lost[name] = _lost(lost, f"in column {name!r} without a number left out", "cell")
        if not there.any():
            return
        if column.missing:
            self.missing[name] = column.missing
        if column.percent.any():
            self.percent.append(name)
        changed = there & ~column.percent & column.plain.ne_missing(values)
        if changed.any():
            at = int(changed.arg_max() or 0)
            self.otherwise[name] = str(column.text[at]).strip(), float(values[at])

    def notes(self) -> list[Note]:
        """Return a sentence for each kind of thing that was done."""
        cell, value = next(iter(self.otherwise.values()), ("", 0.0))
        grouped = f"Numbers are written with a decimal comma or in groups: {cell!r} was read as {value:.15g}"
        shares = "Cells in percent were read as shares, 22.4% as 0.224"
        missing, where = sum(self.missing.values()), some(list(self.missing))
        return [
            *noted(NoteKind.ASSUMED, len(self.otherwise), f"{grouped} (in {some(list(self.otherwise))})."),
            *noted(NoteKind.ASSUMED, len(self.percent), f"{shares} (in {some(self.percent)})."),
            *noted(NoteKind.IGNORED, missing, f"{counted(missing, 'cell')} marked as missing in {where}."),
            *self.lost.values(),
        ]


def _lost(cells: pl.Series, text: str, noun: str) -> Note:
    seen = some([repr(cell) for cell in cells.unique(maintain_order=True).head(4).to_list()])
    return Note(NoteKind.DROPPED, f"{counted(len(cells), noun)} {text}: {seen}.", len(cells))
