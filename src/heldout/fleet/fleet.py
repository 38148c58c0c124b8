"""Many runs judged: on processes of this machine, or wherever else an engine works; and what is written of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import polars as pl

from heldout.copies import same_marks
from heldout.engines import Engine, Local
from heldout.errors import HeldoutError, UsageError
from heldout.fleet.cache import Cache, Found
from heldout.fleet.frame import flagged_of, frame_of, order_of, record_of
from heldout.fleet.judging import Way, rows_at
from heldout.fleet.paths import places_of
from heldout.fleet.places import DEPTH, Place, changed_of, digest, stamps_of
from heldout.report.rows import Row
from heldout.text import visible

Figures = Literal["flagged", "all", "none"]
Progress = Callable[[int, int], None]  # told how many are done, and of how many

FDR = 0.05  # share of false ones among the flagged, on average
LIVE = 120.0  # seconds since a log was written to in which its run counts as going on
PRELOADED = ("heldout.fleet.judging",)


@dataclass(frozen=True, slots=True)
class Member:
    """Where a run of a fleet lies."""

    path: str
    run: str | None  # its name, where the place holds several
    stamp: str  # of the place, as it was judged
    changed: float  # seconds of the epoch
    name: str  # told apart from all others
    severity: int


@dataclass(slots=True)
class _Gathered:
    """What is known of the runs so far: a few hundred bytes of each, the rest lies packed in the cache."""

    members: list[Member] = field(default_factory=list)
    records: list[tuple[Any, ...]] = field(default_factory=list)
    older: int = 0  # places that were not written to since a date
    measured: dict[int, str] = field(default_factory=dict)  # by what was measured, the first run of it

    def take(self, place: Place, stamp: str, changed: float, found: Found | HeldoutError) -> None:
        """Take in what was found in a place."""
        if isinstance(found, str | HeldoutError):
            found = ((place.name, Row(name=place.name, error=_reason(place, str(found)))),)
        for run, row in found:
            name, which = (place.name, None) if len(found) == 1 else (f"{place.name}/{run}", run)
            self.members.append(Member(str(place.path), which, stamp, changed, name, row.severity))
            self.records.append(record_of(replace(row, name=name), str(place.path), self._copy_of(row, name)))

    def _copy_of(self, row: Row, name: str) -> str | None:
        """Return the run that had the same measurements, None where there was none or they tell too little."""
        if not same_marks(row.marks, row.marks):
            return None
        first = self.measured.setdefault(hash(row.marks), name)
        return first if first != name else None


class Fleet:
    """Runs that were judged; made by `judge`.

    Attributes
    ----------
    rows
        One row a run, the surest fall first, then the gravest; what could not be read last. A polars frame with the
        columns of ``fleet.frame.COLUMNS``.
    members
        Where each of them lies, in the same order.
    older
        How many places were left out, because nothing was written to them since a date.
    figures
        Which runs get a report with figures: flagged, all or none.
    """

    def __init__(self, gathered: _Gathered, kept: Cache, engine: Engine, figures: Figures, way: Way) -> None:
        rows = frame_of(gathered.records)
        order = order_of(rows, [member.severity for member in gathered.members])
        self.rows: pl.DataFrame = rows[order]
        self.members: Sequence[Member] = [gathered.members[at] for at in order]
        self.older, self.figures = gathered.older, figures
        self.kept, self.engine, self.way = kept, engine, way

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        """Say how many runs there are, and of how many a fall is sure."""
        return f"<Fleet of {len(self)} runs, {len(self.flagged())} flagged>"

    def flagged(self, fdr: float = FDR) -> pl.DataFrame:
        """Which runs are down, now that so many were asked?

        Parameters
        ----------
        fdr
            The share of false ones among them that is allowed on average, by the procedure of Benjamini and Hochberg.

        Returns
        -------
        polars.DataFrame
            Their rows, the surest first.
        """
        if not 0.0 < fdr < 1.0:
            raise UsageError(f"fdr is {fdr:g}; it must be between 0 and 1, such as 0.05.")
        return flagged_of(self.rows, fdr)

    @property
    def judged(self) -> pl.DataFrame:
        """The rows of all runs that could be read, which stand first."""
        return self.rows.drop_nulls("state")

    @property
    def failures(self) -> Mapping[str, str]:
        """What could not be read, and why."""
        return dict(self.rows.filter(pl.col("state").is_null()).select("run", "error").iter_rows())

    def first(self, count: int) -> Iterator[Row]:
        """Yield what a page shows of the first runs, in the order of the rows; of what was not read, nothing."""
        for member, p in zip(self.members, self.judged["adjusted_p"].head(count).to_list(), strict=False):
            row = self._row(member)
            live = not row.ended and time.time() - member.changed < LIVE
            yield replace(row, name=member.name, changed=member.changed, adjusted_p=p, live=live)

    def _row(self, member: Member) -> Row:
        """Return what was kept of a run; it is judged again where another call has kept something else since."""
        found = self.kept.get(member.path, member.stamp)
        if found is None:
            try:
                found = rows_at(member.path, self.way)
            except HeldoutError as error:
                found = str(error)
        if isinstance(found, str):
            return Row(name=member.name, error=visible(found))
        return next((row for run, row in found if member.run in (None, run)), Row(name=member.name))

    def write(self, folder: str | Path, *, top: int = 50, progress: Progress | None = None) -> list[Path]:
        """Write the tables, the page, and reports of the runs that get one.

        Parameters
        ----------
        folder
            Where they go: ``fleet.parquet``, ``fleet.csv``, ``index.html`` and ``reports``.
        top
            How many reports are written at most, those of the first rows.
        progress
            Told how many reports are done, and of how many.

        Returns
        -------
        list of Path
            The page and the two tables.

        Raises
        ------
        UsageError
            When the folder cannot be written.
        """
        from heldout.fleet.writing import write  # what draws is loaded where something is drawn

        return write(self, Path(folder), top, progress)


def judge(
    paths: str | Path | Sequence[str | Path],
    *,
    engine: Engine | None = None,
    figures: Figures = "flagged",
    planned: int | None = None,
    roles: Mapping[str, str] | None = None,
    problems: int | None = None,
    samples: int | None = None,
    since: float | None = None,
    depth: int = DEPTH,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Fleet:
    """Which of many runs have fallen, how far, and which checkpoint of each is to be kept?

    Each is read and judged as `heldout.diagnose` does, without figures; what cannot be read is a failure of its own and
    stops no other.

    Parameters
    ----------
    paths
        Folders of runs, logs, patterns such as ``runs/*/seed-*``, or ``@runs.txt`` for a file with a path a line.
    engine
        Who does the work: processes of this machine if not given.
    figures
        Which runs `Fleet.write` writes a whole report of: flagged, all or none.
    planned
        How many evaluations each run will have; those in its log if not given.
    roles, problems, samples
        As for `heldout.read`, of each run.
    since
        Only runs that were written to at this time or later, in seconds of the epoch.
    depth
        How many folders deep runs are looked for.
    cache
        A folder where rows are kept, so that the next call reads only runs that have changed; nowhere if not given.
    progress
        Told how many places are done, and of how many.

    Raises
    ------
    UsageError
        When a path cannot be looked up, or `figures` is none of the three.

    Examples
    --------
    >>> import heldout.fleet
    >>> heldout.fleet.judge([], figures="none").rows.is_empty()
    True
    """
    if figures not in ("flagged", "all", "none"):
        raise UsageError(f"figures is {figures!r}; it must be flagged, all or none.")
    places = places_of([paths] if isinstance(paths, str | Path) else paths, depth)
    kept = Cache(None if cache is None else Path(cache), for_now=True)
    engine = Local(preload=PRELOADED) if engine is None else engine
    way = Way(planned=planned, roles=tuple((roles or {}).items()), problems=problems, samples=samples)
    gathered = _Gathered()
    for name, why in places.left.items():
        gathered.take(Place(Path(name), name), "", 0.0, why)
    total = len(places.found)
    for done, found in enumerate(_found(places.found, since, engine, kept, way), 1):
        if found is None:
            gathered.older += 1
        else:
            gathered.take(*found)
        if progress is not None:
            progress(done, total)
    return Fleet(gathered, kept, engine, figures, way)


def _reason(place: Place, why: str) -> str:
    """Return why a place was not read; the row says itself where that is."""
    for known in {str(place.path), place.name}:
        why = re.sub(rf"(?<!\S){re.escape(known)}: ", "", why)
    return visible(why.replace(f"{place.path}/", "").removeprefix("no training log was found. "))


_Judged = tuple[Place, str, float, Found | HeldoutError]


def _found(
    places: Sequence[Place], since: float | None, engine: Engine, kept: Cache, way: Way
) -> Iterator[_Judged | None]:
    """Yield what is in each place, from the cache where nothing in it has changed; None for what is too old."""
    asked: dict[str, tuple[Place, str, float]] = {}
    for place in places:
        stamps = stamps_of(place.path)
        stamp, changed = f"{digest(stamps)} {way}", changed_of(stamps)
        known = kept.get(str(place.path), stamp)
        if since is not None and changed < since:
            yield None
        elif known is not None:
            yield place, stamp, changed, known
        else:
            asked[str(place.path)] = place, stamp, changed
    for path, found in engine.map(partial(rows_at, way=way), list(asked)):
        place, stamp, changed = asked.pop(path)
        if not isinstance(found, HeldoutError):
            kept.put(path, stamp, found)
        yield place, stamp, changed, found
