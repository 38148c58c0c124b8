"""``report``: the verdict on logs that somebody wrote."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from heldout.cli.reading import Reading, with_reading
from heldout.errors import ReadError
from heldout.text import visible

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

    from heldout.findings import Verdict
    from heldout.run import Run

# What the processes that draw a report's figures need; each of them also looks at the main module.
_DRAWING = (
    "heldout.charts.drawing",
    "heldout.charts.matplotlib_backend",
    "matplotlib.backends.backend_svg",
    "heldout.cli",
)
_MOST_DRAWERS = 8
_MOST_PAGES = 12  # whose places are printed; of more the index's
_MANY = 30  # runs of which each is read when it is its turn, where that can be told beforehand

FailOn = Literal["over-optimised", "warning"]


@with_reading()
def report(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Logs, run directories, or example:NAME.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the reports go.")] = Path("heldout-report"),
    *,
    reading: Reading,
    formats: Annotated[
        str, typer.Option(help="Formats of the figures: svg, png, pdf, separated by commas.")
    ] = "svg,png",
    join: Annotated[bool, typer.Option("--join", help="The paths are of one run: read them as one.")] = False,
    planned: Annotated[int | None, typer.Option(min=1, help="Evaluations that the whole run will have.")] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Largest change per quarter of the run that is level, in points of a share, else as logged."),
    ] = None,
    detector: Annotated[
        list[str] | None, typer.Option(metavar="MODULE:NAME", help="Ask this detector too; or path/to/file.py:NAME.")
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="Exit with code 3 on this: an over-optimised run, or any warning.")
    ] = None,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Without names, places, users, hosts and dates: runs are A, B, C.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Print every finding in full, and what is advised on the evaluation."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only where the reports lie.")] = False,
) -> None:
    """Judge a run: the verdict, the figures, and what the curves do, as a page, Markdown, JSON and a summary here.

    Examples:  heldout report runs/today   ·   heldout report a.csv b.jsonl -o out   ·   heldout report example:kimi-dev
    ·   heldout report train.log scores.json --join
    """
    from contextlib import nullcontext

    with _drawers() or nullcontext() as pool:  # before anything else is loaded
        from rich.console import Console
        from rich.progress import track

        from heldout.anonymous import Letters, masked
        from heldout.cli.reading import checked_margin, fresh
        from heldout.report import folder_names, write_index, write_report
        from heldout.report.kept import with_answers
        from heldout.report.terminal import show, show_files, show_row

        console = Console(highlight=False)
        asked = fresh(detector or [])
        checked_margin(margin)
        known, refused, beside = _read_each(paths, reading, join)
        several = len(known) + len(refused) > 1
        if len(known) > _MANY:
            print(f"{len(known)} runs: heldout fleet judges them without figures, and ranks them.", file=sys.stderr)
        chosen = [name.strip() for name in formats.split(",") if name.strip()]
        letters = Letters() if anonymous else None
        named = list(zip(folder_names([one.name for one in known]), known, strict=True))
        del known  # each is let go once it is reported: a thousand of them are not held together
        rows, pages, files, failed = [], [], [], False
        quick = track(_taken(named), "Reporting", len(named), console=console, transient=True, disable=len(named) < 4)
        for name, one in quick:
            try:
                run, answers = with_answers(replace(one.read(), name=one.name))
            except ReadError as error:
                beside.append(str(error))
                continue
            if letters is not None:
                run = letters.of(run)
                name, answers = run.name, answers and replace(answers, source=run.name)
            folder = out / name if several else out
            written = write_report(run, folder, chosen, pool, planned, asked(), margin, answers)
            rows.append(written.row(out))
            pages.append(written.page)
            files += written.files
            failed = failed or (fail_on is not None and _fails(written.verdict, fail_on))
            if verbose or not (quiet or several):
                show(console, run, written.about, written.verdict, verbose=verbose)
            elif not quiet:
                show_row(console, rows[-1])
    for why in (*beside, *refused.values()):
        print(f"heldout: {visible(why)}", file=sys.stderr)
    left = refused | {f"beside {number}": why for number, why in enumerate(beside, 1)}
    if letters is not None:
        left = {f"log {number}": masked(why, letters.removed) for number, why in enumerate(left.values(), 1)}
    if several and rows:
        pages = [write_index(rows, left, out, [] if anonymous else reading.flags), *pages]
    for line in letters.told([*files, *pages[:several]]) if letters else ():
        print(line)
    show_files(console, pages[:1] if len(pages) > _MOST_PAGES else pages)
    if refused or not rows:
        raise typer.Exit(2)
    if failed:
        raise typer.Exit(3)


@dataclass(frozen=True, slots=True)
class _Known:
    """A run that was read, or will be."""

    name: str
    source: str
    read: Callable[[], Run]


def _taken(named: list[tuple[str, _Known]]) -> Iterator[tuple[str, _Known]]:
    """Yield runs in order, each without keeping it."""
    named.reverse()
    while named:
        yield named.pop()


def _drawers() -> ProcessPoolExecutor | None:
    """Start processes that will draw figures; None where there is one core, or no way to fork.

    Most of a report's time goes into loading the library that draws, and into drawing. A fork server loads it once
    beside the reading and describing; the processes that draw are forked from it.
    """
    workers = min(len(os.sched_getaffinity(0)), _MOST_DRAWERS) if sys.platform == "linux" else 1
    if workers < 2:
        return None
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import forkserver, get_context

    context = get_context("forkserver")
    context.set_forkserver_preload(list(_DRAWING))
    forkserver.ensure_running()
    return ProcessPoolExecutor(workers, mp_context=context)


def _read_each(paths: list[str], reading: Reading, join: bool) -> tuple[list[_Known], dict[str, str], list[str]]:
    """Read every path, or all as one run; with several, what cannot be read is reported and the others go on.

    Return the runs, why of each path that was not read, and what else was left of the folders that were.
    """
    from heldout.readers import shown

    runs: list[_Known] = []
    beside: list[str] = []
    refused: dict[str, str] = {}
    for path in [paths] if join and len(paths) > 1 else paths:
        try:
            apart = _apart(path, reading)
            if apart:
                runs += apart
                continue
            found, unread = reading.every(path)
        except ReadError as error:
            if join or len(paths) == 1:
                raise
            refused[shown(path)] = str(error)
            continue
        runs += [_Known(run.name, run.source, partial(_same, run)) for run in found]
        beside += unread
    return _told_apart(runs), refused, beside


def _same(run: Run) -> Run:
    return run


def _apart(path: str | list[str], reading: Reading) -> list[_Known]:
    """Return the runs of a folder that holds many directories of runs, and nothing else; each is read in its turn."""
    from heldout.readers.elsewhere import local, look
    from heldout.readers.folders.walk import walked
    from heldout.store.layout import is_run

    if isinstance(path, list) or reading.run is not None:
        return []
    root = local(path)
    look(root)
    if not root.is_dir():
        return []
    walk = walked(root)
    if len(walk.candidates) <= _MANY or walk.unseen or not all(map(is_run, walk.candidates)):
        return []
    names = [one.relative_to(root).as_posix() for one in walk.candidates]
    return [
        _Known(name, str(one), partial(reading.one, str(one))) for name, one in zip(names, walk.candidates, strict=True)
    ]


def _told_apart(runs: list[_Known]) -> list[_Known]:
    """Give runs of one name from several paths names that differ."""
    from heldout.readers.folders.names import distinct
    from heldout.remote.index import here

    where = [here(run.source).expanduser().resolve() for run in runs]
    where = [path.with_suffix("") if path.is_file() else path for path in where]
    names = distinct([run.name for run in runs], where)
    return [replace(run, name=name) for run, name in zip(runs, names, strict=True)]


def _fails(verdict: Verdict, on: FailOn) -> bool:
    """Whether a verdict is what the user wants to hear of by exit code."""
    from heldout.diagnosis.entries import as_told

    if verdict.fell:
        return True
    return on == "warning" and any(finding.severity in ("warning", "alarm") for finding in as_told(verdict))
