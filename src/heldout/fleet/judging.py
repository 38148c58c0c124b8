"""From the place of a run to its rows: read and judged, nothing described and nothing drawn.

Functions here take and return plain values: engines call them in processes of their own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from heldout.diagnosis.verdict import diagnose
from heldout.errors import NoMetrics, NotUnderstood, ReadError
from heldout.fleet.cache import Found
from heldout.fleet.places import may_be_read
from heldout.readers import read_all
from heldout.report import write_report
from heldout.report.kept import with_answers
from heldout.report.rows import row_of


def rows_of(place: Path, planned: int | None = None) -> Found:
    """Return the rows of all runs in a place, each with the run's name; or why no run is there, which may be kept.

    What cannot be read for another reason is raised: it may be readable the next time, though nothing in it changes.
    `planned` is how many evaluations the whole run will have.
    """
    began = time.process_time()
    try:
        runs = read_all(place)
    except (NotUnderstood, NoMetrics) as error:
        if not may_be_read(place):
            raise
        return str(error)
    rows = []
    for run in runs:
        judged, _ = with_answers(run)
        row, ended = row_of(judged, diagnose(judged, horizon=planned)), time.process_time()
        rows.append((run.name, replace(row, seconds=round(ended - began, 4))))
        began = ended
    return tuple(rows)


def rows_at(path: str, planned: int | None = None) -> Found:
    """Return the same for a place that is given as text."""
    return rows_of(Path(path), planned)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A report that is to be written."""

    place: str
    run: str | None  # its name, where the place holds several
    name: str  # what it is called among all
    folder: str
    planned: int | None = None


def report_of(wanted: Wanted) -> None:
    """Write the whole report of a run, with its figures."""
    runs = [one for one in read_all(Path(wanted.place), run=wanted.run) if wanted.run in (None, one.name)]
    if len(runs) != 1:
        raise ReadError(f"{wanted.place} holds {len(runs)} runs of that name.")
    run, answers = with_answers(runs[0])
    run = replace(run, name=wanted.name)
    write_report(run, Path(wanted.folder), ("svg",), horizon=wanted.planned, rollouts=answers)
