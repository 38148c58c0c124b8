"""``fleet``: many runs judged without figures, ranked."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from heldout.cli.judging import Where
from heldout.cli.reading import Reading, with_reading
from heldout.errors import UsageError
from heldout.interrupts import until_interrupted

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from heldout.fleet import Fleet

FLAGGED = "flagged"
_CACHE = ".heldout-fleet"  # beside what is written; a folder that no reader looks into


@with_reading("run")
def fleet(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Folders of runs, logs, patterns, or @FILE with a path on each line."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the tables, the page and reports go.")] = Path(
        "heldout-fleet"
    ),
    workers: Annotated[int | None, typer.Option(min=1, help="Processes [default: as many as cores].")] = None,
    where: Where = "",
    figures: Annotated[
        Literal["flagged", "all", "none"], typer.Option(help="Which runs get a whole report with figures.")
    ] = "flagged",
    top: Annotated[int, typer.Option(min=1, help="Of the flagged, the first so many get one.")] = 50,
    planned: Annotated[int | None, typer.Option(min=1, help="Evaluations that the whole run will have.")] = None,
    depth: Annotated[int, typer.Option(min=0, max=12, help="How many folders deep runs are looked for.")] = 4,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only runs that were written to since, such as 2026-11-01.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="STATE", help="Exit with code 3 where a run is flagged, or in this state: over-optimised …"
        ),
    ] = None,
    watch: Annotated[
        float | None, typer.Option(min=1.0, metavar="SECONDS", help="Look again and again, until Ctrl-C.")
    ] = None,
    *,
    reading: Reading,
) -> None:
    """Judge many runs without figures: which have fallen, among so many, and which checkpoint of each to keep?

    Examples:  heldout fleet runs   ·   heldout fleet 'sweeps/*/seed-*' -o out   ·   heldout fleet @runs.txt --figures
    none --fail-on flagged   ·   heldout fleet runs --watch 60
    """
    from rich.console import Console

    from heldout.engines import Local
    from heldout.engines.ray import OnRay
    from heldout.fleet.fleet import PRELOADED, judge
    from heldout.fleet.paths import since as date
    from heldout.fleet.terminal import show
    from heldout.report.terminal import show_files

    state = _checked(fail_on)
    asked: dict[str, Any] = {
        "engine": OnRay(where, workers) if where else Local(workers, preload=PRELOADED),
        "figures": figures,
        "planned": planned,
        "roles": reading.roles,
        "problems": reading.problems,
        "samples": reading.samples,
        "depth": depth,
        "since": None if since is None else date(since),
        "cache": out / _CACHE,
    }
    console = Console(highlight=False)
    found: Fleet | None = None

    def look() -> None:
        nonlocal found
        before = found
        with _Progress(console) as progress:
            found = judge(paths, **asked, progress=progress.on("Judging"))
            files = found.write(out, top=top, progress=progress.on("Reports"))
        if before is None or not _states(found).equals(_states(before)):
            show(console, found)
            show_files(console, files)

    def look_again_and_again(pause: float) -> None:
        while True:
            look()
            time.sleep(pause)

    if watch is None:
        look()
    else:
        until_interrupted(lambda: look_again_and_again(watch))
    if found is None or not len(found.judged):
        raise typer.Exit(2)
    if state is not None and _fails(found, state):
        raise typer.Exit(3)


_EVERY = 30.0  # seconds between two lines off a terminal


class _Progress:
    """Two bars, which vanish once they are full; off a terminal a line every so often, on standard error."""

    def __init__(self, console: Console) -> None:
        from rich.progress import Progress

        self._bars = Progress(console=console, transient=True, disable=not console.is_terminal)

        self._said = time.monotonic()

    def __enter__(self) -> _Progress:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def on(self, what: str) -> Any:
        """Return what moves one of them."""
        bar = self._bars.add_task(what, total=None, visible=False)

        def moved(done: int, total: int) -> None:
            self._bars.update(bar, completed=done, total=total, visible=True)
            if self._bars.disable and time.monotonic() - self._said > _EVERY:
                self._said = time.monotonic()
                typer.echo(f"{what}: {done} of {total}", err=True)

        return moved


def _checked(state: str | None) -> str | None:
    """Return what is asked for, or refuse it in a sentence."""
    from heldout.findings import State

    known = (FLAGGED, *(one.value for one in State))
    if state is not None and state not in known:
        raise UsageError(f"--fail-on is {state!r}; it must be one of: {', '.join(known)}.")
    return state


def _states(found: Fleet) -> pl.DataFrame:
    """How each run stands."""
    return found.rows.select("run", "state", "label")


def _fails(found: Fleet, state: str) -> bool:
    """Whether a run is in a state; a fall counts where it stands among all runs."""
    from heldout.fleet.frame import FELL

    states = found.flagged()["state"] if state in (FLAGGED, *FELL) else found.rows["state"]
    return len(states) > 0 if state == FLAGGED else state in states.to_list()
