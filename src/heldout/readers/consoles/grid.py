"""Tables that are printed: names beside their values, or a line of names over lines of values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from heldout.readers.consoles.line import VALUE, number_of

Cells = list[str]

# │ reward │ 0.5 │ of rich, | reward | 0.5 | of tabulate
_SIDES = "│┃║|"
_CELL = re.compile(r"[│┃║|]")
_RULE = re.compile(r"[\s│┃║|+\-=:─━┄═┏┓┗┛┡┩╇┳┻╋┼├┤┬┴┌┐└┘╭╮╰╯╞╡╪╒╕╘╛╤╧╟╢╔╗╚╝╠╣╦╩╬]{3,}")
_TOP = "┏┌╭╒╔"
_GAP = re.compile(r"[ ]{2,}|\t")
_NONE = frozenset(("", "-", "—", "n/a", "none", "null"))


def is_rule(line: str) -> bool:
    """Whether a line is one between rows."""
    return _RULE.fullmatch(line) is not None


def is_top(line: str) -> bool:
    """Whether a line is the first of a table."""
    return line.lstrip()[:1] in _TOP and is_rule(line)


def boxed(line: str) -> Cells | None:
    """Return the cells of a row that has sides, or None where it has none."""
    line = line.strip()
    if len(line) < 3 or line[0] not in _SIDES or line[-1] not in _SIDES:
        return None
    return [cell.strip() for cell in _CELL.split(line[1:-1])]


def columns(line: str) -> Cells:
    """Return what stands side by side in a line, between bars or wide gaps."""
    cells = _CELL.split(line) if _CELL.search(line) else _GAP.split(line.strip())
    return [cell.strip() for cell in cells]


def number_in(cell: str) -> float | None:
    """Return a cell as a number, None where it is none."""
    found = VALUE.fullmatch(cell)
    return number_of(found["number"], found["unit"] or "") if found else None


def are_names(cells: Sequence[str]) -> bool:
    """Whether cells may be the names of columns: all different, none a number."""
    words = [cell for cell in cells if cell]
    return len(words) > 1 and len(set(words)) == len(cells) and not any(cell[:1].isdigit() for cell in words)


def under(names: Sequence[str], cells: Sequence[str]) -> dict[str, float] | None:
    """Return a line of values under their names, None where it is no such line."""
    if len(names) != len(cells):
        return None
    values = [number_in(cell) for cell in cells]
    if any(value is None and cell.lower() not in _NONE for value, cell in zip(values, cells, strict=True)):
        return None
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def rows_of(block: Sequence[Cells]) -> list[dict[str, float]]:
    """Return what the rows of a table say: one dict for names beside values, one a line for names over values."""
    rows: list[dict[str, float]] = []
    names: Cells = []
    pairs: dict[str, float] = {}
    for cells in block:
        beside = list(zip(cells[::2], map(number_in, cells[1::2]), strict=False))
        if len(cells) % 2 == 0 and all(name and not name[0].isdigit() and value is not None for name, value in beside):
            new = {name: value for name, value in beside if value is not None}
            if new.keys() & pairs.keys():  # the next table begins, without a line between the two
                rows.append(pairs)
                pairs = {}
            pairs |= new
        elif names and (row := under(names, cells)):
            rows.append(row)
        elif are_names(cells):
            names = cells
    return [*rows, pairs] if pairs else rows
