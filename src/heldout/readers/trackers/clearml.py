"""ClearML's scalars as JSON (``Task.get_reported_scalars()``, and what the page lets one download).

``{title: {series: {"name": series, "x": [iterations], "y": [values]}}}``; the metric is ``title/series``, with
``train`` or ``val`` in front, or the title alone where both are the same.

What it cannot see: what ClearML measures of the machine (titles that begin with ``:monitor:``), and times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heldout.readers.documents.json_document import parse
from heldout.readers.log import Log, noted
from heldout.readers.single_values import Values, stored_number, two_part_key, whole_step
from heldout.readers.source import BOM, Source
from heldout.run import NoteKind

FORMAT = "clearml"

_MACHINE = ":monitor:"


def read(source: Source) -> list[Log] | None:
    """Read the scalars of one task."""
    head = source.head.removeprefix(BOM).lstrip()
    if head[:1] != b"{" or b'"x"' not in head or b'"y"' not in head:
        return None
    try:
        document = parse(source.data.removeprefix(BOM))
    except ValueError:
        return None
    found = list(_scalars(document))
    if not found:
        return None
    values, machine, uneven = Values(), 0, 0
    for title, series, points in found:
        if title.startswith(_MACHINE):
            machine += 1
            continue
        uneven += abs(len(points["x"]) - len(points["y"]))
        key = two_part_key(title, series)
        for step, value in zip(points["x"], points["y"], strict=False):
            values.add(key, whole_step(step), stored_number(value))
    notes = [
        *noted(NoteKind.IGNORED, machine, "What ClearML measures of the machine was left out."),
        *noted(NoteKind.DROPPED, uneven, "Points without a partner in x or y were dropped."),
    ]
    return [values.log(FORMAT, notes=notes)]


def _scalars(document: Any) -> Iterator[tuple[str, str, dict[str, list[Any]]]]:
    """Yield title, series and points, if nothing else is in the document."""
    if not isinstance(document, dict) or not all(isinstance(one, dict) and one for one in document.values()):
        return
    leaves = [(title, series, points) for title, one in document.items() for series, points in one.items()]
    if all(
        isinstance(points, dict) and _is_list(points.get("x")) and _is_list(points.get("y")) for _, _, points in leaves
    ):
        yield from leaves


def _is_list(found: Any) -> bool:
    return isinstance(found, list) and not any(isinstance(cell, dict | list) for cell in found[:1])
