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
from heldout.report.standing import standing_of
from heldout.run import Run
from heldout.store.layout import is_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How runs are read and judged, as for `heldout.read` and `heldout.diagnose`.

    Attributes
    ----------
    planned
        How many evaluations the whole run will have; those in its log if None.
    roles
        Which metric plays which part, as pairs, where names do not tell.
    problems, samples
        Of an evaluation, where the log does not tell.
    """

    planned: int | None = None
    roles: tuple[tuple[str, str], ...] = ()
    problems: int | None = None
    samples: int | None = None

    def read(self, place: Path, run: str | None = None) -> list[Run]:
        """Read all runs of a place, or the one of a name."""
        return read_all(place, run=run, roles=dict(self.roles), problems=self.problems, samples=self.samples)

    @property
    def as_recorded(self) -> bool:
        """Whether nothing is said that the run itself may tell otherwise."""
        return not self.roles and self.problems is None and self.samples is None


def rows_of(place: Path, way: Way = Way()) -> Found:
    """Return the rows of all runs in a place, each with the run's name; or why no run is there, which may be kept.

    What cannot be read for another reason is raised: it may be readable the next time, though nothing in it changes.
    """
    began = time.process_time()
    try:
        runs = way.read(place)
    except (NotUnderstood, NoMetrics) as error:
        if not may_be_read(place):
            raise
        return str(error)
    rows = []
    for run in runs:
        judged, _ = with_answers(run)
        row, ended = row_of(judged, diagnose(judged, horizon=way.planned)), time.process_time()
        rows.append((run.name, replace(row, seconds=round(ended - began, 4))))
        began = ended
    return tuple(rows)


def rows_at(path: str, way: Way = Way()) -> Found:
    """Return the same for a place that is given as text; of a run that goes on, what its guard says, if that holds."""
    place = Path(path)
    row = standing_of(place) if way.as_recorded and is_run(place) else None
    return ((row.name, row),) if row is not None else rows_of(place, way)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A report that is to be written."""

    place: str
    run: str | None  # its name, where the place holds several
    name: str  # what it is called among all
    folder: str
    way: Way


def report_of(wanted: Wanted) -> None:
    """Write the whole report of a run, with its figures."""
    runs = [one for one in wanted.way.read(Path(wanted.place), wanted.run) if wanted.run in (None, one.name)]
    if len(runs) != 1:
        raise ReadError(f"{wanted.place} holds {len(runs)} runs of that name.")
    run, answers = with_answers(runs[0])
    run = replace(run, name=wanted.name)
    write_report(run, Path(wanted.folder), ("svg",), horizon=wanted.way.planned, rollouts=answers)
