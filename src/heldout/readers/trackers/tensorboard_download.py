"""What TensorBoard lets one download beside a chart: one tag of one run, as CSV or as JSON.

CSV has the header ``Wall time,Step,Value``, JSON is a list of ``[wall time, step, value]``. The tag stands in the
file's name alone, ``run-<run>-tag-<tag>.csv``, with an underscore for each slash.

What it cannot see: points that TensorBoard left out (it keeps at most a thousand of a tag), and what the tag is where
the file was renamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heldout.readers.documents.json_document import parse
from heldout.readers.log import Log, noted
from heldout.readers.single_values import Values
from heldout.readers.source import BOM, Source, whole_lines
from heldout.run import NoteKind

FORMAT = "tensorboard-download"

_HEADER = re.compile(rb'"?Wall time"?,"?Step"?,"?Value"?\r?\n', re.IGNORECASE)
_NUMBER = rb"\s*-?[\d.]+(?:[eE][-+]?\d+)?\s*"
_VALUE = rb"\s*(?:-?[\d.]+(?:[eE][-+]?\d+)?|-?Infinity|NaN|null|\"\w+\")\s*"
_LIST = re.compile(rb"\s*\[\s*\[%s,%s,%s\]" % (_NUMBER, _NUMBER, _VALUE))
_NAME = re.compile(r"(?:run-)?(?P<run>.*?)-tag-(?P<tag>.+?)(?: ?\(\d+\))?")  # a second download is called "… (1)"
_NO_RUN = (".", "")


def read(source: Source) -> list[Log] | None:
    """Read one download."""
    head = source.head.removeprefix(BOM)
    if _HEADER.match(head):
        rows = _lines(source)
    elif _LIST.match(head):
        rows = _listed(source)
    else:
        return None
    run, tag = named(source.path)
    values, lost = Values(), 0
    for row in rows:
        if row is None:
            lost += 1
        else:
            values.add(tag, row[1], row[2], row[0])
    notes = noted(NoteKind.DROPPED, lost, f"{lost} lines that are no wall time, step and value were dropped.")
    return [values.log(FORMAT, name=run, notes=notes)]


def named(path: Path) -> tuple[str | None, str]:
    """Return the run and the tag in a file's name; the whole name is the tag where it has another form."""
    found = _NAME.fullmatch(path.stem)
    if found is None:
        return None, path.stem
    return None if found["run"] in _NO_RUN else found["run"], found["tag"]


def _lines(source: Source) -> Iterator[tuple[float, int, float] | None]:
    data = source.data.removeprefix(BOM)
    lines = whole_lines(data, last=False).split(b"\n")[1:-1]
    for line in lines:
        yield _row(line.replace(b'"', b"").split(b","))
    if not source.growing and not data.endswith(b"\n"):  # the last value of a cut line may have had more digits
        yield None


def _listed(source: Source) -> Iterator[tuple[float, int, float] | None]:
    try:
        rows = parse(source.data.removeprefix(BOM))
    except ValueError:  # a cut list: the rows before the cut
        whole = source.data.removeprefix(BOM)
        try:
            rows = [*parse(whole[: whole.rfind(b"]") + 1] + b"]"), None]
        except ValueError:
            rows = [None]
    for row in rows:
        yield _row(row) if isinstance(row, list) else None


def _row(cells: list[Any]) -> tuple[float, int, float] | None:
    try:
        wall, step, value = (float(cell) for cell in cells)
        return (wall, int(step), value) if step.is_integer() else None
    except (TypeError, ValueError, OverflowError):
        return None
