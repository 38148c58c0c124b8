"""What is written of a fleet: two tables, one page, and reports of the runs that get one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from heldout.errors import HeldoutError, UsageError
from heldout.fleet.fleet import Fleet, Member
from heldout.fleet.frame import for_spreadsheets
from heldout.fleet.judging import Wanted, report_of
from heldout.fleet.words import head_of, lines_of, states_of
from heldout.pages import template
from heldout.report import folder_names
from heldout.report.leftovers import INDEX, remove_reports
from heldout.report.runs_table import ranked_table
from heldout.report.sparkline import Spark
from heldout.store.lines import replacing
from heldout.text import counted

PARQUET, CSV, REPORTS = "fleet.parquet", "fleet.csv", "reports"
SHOWN, DRAWN = 1000, 300  # rows of the page, and how many have a drawing; the tables have all of them
_FAILURES = 200  # that the page lists


def write(fleet: Fleet, folder: Path, top: int, progress: Callable[[int, int], None] | None) -> list[Path]:
    """Write a fleet into a folder, see `Fleet.write`."""
    page, parquet, csv = folder / INDEX, folder / PARQUET, folder / CSV
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(parquet) as new:
            fleet.rows.write_parquet(new)
        with replacing(csv) as new:
            for_spreadsheets(fleet.rows).write_csv(new)
        _write_page(page, fleet, {}, {})  # reports take long, and may be cut short
        _write_page(page, fleet, *_reports(fleet, folder, top, progress))
    except OSError as error:
        raise UsageError(
            f"{folder}: the fleet cannot be written there ({error.strerror or error}); choose another with -o."
        ) from error
    return [page, parquet, csv]


def _reports(
    fleet: Fleet, folder: Path, top: int, progress: Callable[[int, int], None] | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Write the reports that are asked for and not there yet; return the page of each run, and what failed why."""
    chosen = _chosen(fleet, top)
    names = folder_names([member.name for member in chosen])
    wanted: dict[Wanted, Member] = {}
    for member, name in zip(chosen, names, strict=True):
        own = Wanted(member.path, member.run, member.name, str((folder / REPORTS / name).absolute()), fleet.way)
        if fleet.kept.get(own.folder, member.stamp) != member.name or not (Path(own.folder) / "report.html").is_file():
            wanted[own] = member
    failed: dict[str, str] = {}
    for done, (own, why) in enumerate(fleet.engine.map(report_of, list(wanted)), 1):
        if isinstance(why, HeldoutError):
            failed[own.name] = f"no report was written of it: {why}"
        else:
            fleet.kept.put(own.folder, wanted[own].stamp, own.name)
        if progress is not None:
            progress(done, len(wanted))
    _remove_others(folder / REPORTS, set(names))
    pages = {member.name: f"{REPORTS}/{name}/report.html" for member, name in zip(chosen, names, strict=True)}
    return {run: page for run, page in pages.items() if run not in failed}, failed


def _chosen(fleet: Fleet, top: int) -> Sequence[Member]:
    """Return the runs that get a report; they stand first among the rows."""
    counts = {"none": 0, "flagged": min(len(fleet.flagged()), top), "all": len(fleet.judged)}
    return fleet.members[: counts[fleet.figures]]


def _remove_others(reports: Path, names: set[str]) -> None:
    """Remove what heldout wrote of runs that get no report any more."""
    with suppress(OSError):
        remove_reports(reports, {path.name for path in reports.iterdir()} - names)
        reports.rmdir()


def _write_page(path: Path, fleet: Fleet, pages: Mapping[str, str], failed: Mapping[str, str]) -> None:
    with replacing(path) as new:
        new.write_text(_page(fleet, pages, failed), encoding="utf-8")


def _page(fleet: Fleet, pages: Mapping[str, str], failed: Mapping[str, str]) -> str:
    rows = [replace(row, page=pages.get(row.name, "")) for row in fleet.first(SHOWN)]
    rows[DRAWN:] = [replace(row, spark=Spark()) for row in rows[DRAWN:]]
    table = replace(ranked_table(rows), counts=tuple(states_of(fleet)))
    failures = [*fleet.failures.items(), *failed.items()]
    return template("fleet.html", __package__).render(
        head=head_of(fleet), lines=list(_lines(fleet)), table=table, failures=failures[:_FAILURES]
    )


def _lines(fleet: Fleet) -> Iterator[str]:
    yield from lines_of(fleet)
    more = len(fleet.judged) - SHOWN
    if more > 0:
        yield f"The first {SHOWN} are shown; {counted(more, 'more run')} in {PARQUET} and {CSV}."
