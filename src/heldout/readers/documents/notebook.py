"""Jupyter notebooks: what the cells of a notebook put out while they trained.

A cell may hold the table that the trainer drew, or the text that was printed; several trainings in one notebook are
several runs, named by the number of their cell. No cell is executed.

What it cannot see: figures, widgets, and output that was cleared or not saved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from heldout.errors import NoMetrics, ReadError
from heldout.metrics import means
from heldout.readers.documents.drawn import logs_of_tables, trainings
from heldout.readers.documents.html_table import tables_in
from heldout.readers.documents.json_document import parse
from heldout.readers.log import Log, in_order_of_steps, noted
from heldout.readers.restarts import joined
from heldout.readers.source import BOM, Held, Source
from heldout.run import NoteKind
from heldout.text import counted

_NOTEBOOK = re.compile(rb'\s*\{\s*"(?:cells"\s*:\s*\[|metadata"\s*:|nbformat)')


def read(source: Source, logs_in: Callable[[Source], list[Log]]) -> list[Log] | None:
    """Read a notebook; `logs_in` finds logs in what a cell printed, and raises `ReadError` where there are none."""
    if not source.is_text or not _NOTEBOOK.match(source.head.removeprefix(BOM)):
        return None
    try:
        notebook = parse(source.data.removeprefix(BOM))
    except ValueError:
        return None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) and "cell_type" in cell for cell in cells):
        return None
    found = [
        (f"cell {number}", log)
        for number, cell in enumerate(cells, 1)
        for log in _logs_of(list(_outputs(cell)), source, logs_in)
    ]
    if not found:
        raise NoMetrics(
            f"{source.path.name}: a notebook of {len(cells)} cells, none of which shows a table of steps or printed "
            "metrics that heldout knows; run it and save it with its output, or give the log that the trainer wrote."
        )
    stepped = [(name, log) for name, log in found if not log.counted]
    without = len({name for name, log in found if log.counted}) if stepped else 0
    text = f"{counted(without, 'cell')} with numbers printed without a step taken for tries, not for trainings."
    said = noted(NoteKind.IGNORED, without, text)
    return [replace(log, notes=(*log.notes, *said)) for log in trainings(stepped or found)]


def _outputs(cell: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a cell put out: each time whether it is HTML or plain text, and the text."""
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        if output.get("output_type") == "stream":
            yield "plain", _text(output.get("text"))
        elif isinstance(data, dict) and "text/html" in data:
            yield "html", _text(data["text/html"])
        elif isinstance(data, dict) and "text/plain" in data:
            yield "plain", _text(data["text/plain"]) + "\n"


def _text(lines: Any) -> str:
    return "".join(map(str, lines)) if isinstance(lines, list) else str(lines or "")


def _logs_of(outputs: list[tuple[str, str]], source: Source, logs_in: Callable[[Source], list[Log]]) -> list[Log]:
    """Return the logs in the tables of a cell, with the evaluations that it printed beside; else in what it printed."""
    tables = [table for kind, text in outputs if kind == "html" for table in tables_in(text)]
    logs = logs_of_tables(tables, "notebook")
    text = "".join(text for kind, text in outputs if kind == "plain")
    printed = _printed(text, source, logs_in) if text.strip() else []
    if not logs:
        return printed
    evaluated = [found for log in printed if len(logs) == 1 and (found := _evaluations(log, logs[0]))]
    return [in_order_of_steps(joined([logs[0], *evaluated]))] if evaluated else logs


def _printed(text: str, source: Source, logs_in: Callable[[Source], list[Log]]) -> list[Log]:
    try:
        logs = logs_in(Held(source.path, f"{text}\n".encode("utf-8", "replace")))
    except ReadError:
        return []
    return [replace(log, format="notebook") for log in logs]


def _evaluations(log: Log, training: Log) -> Log | None:
    """Return what a log holds of evaluations, where it counts steps as a training does and goes no further."""
    columns = {
        key: column for key, column in log.columns.items() if _is_of_evaluation(key) and key not in training.columns
    }
    interval = int(np.diff(training.step).max(initial=1))
    if log.counted or not columns or int(log.step.max()) > int(training.step.max()) + interval:
        return None
    return replace(log, columns=columns)


def _is_of_evaluation(key: str) -> bool:
    return means(key, ("held_out", "held_out_length", "evaluation_detail"))
