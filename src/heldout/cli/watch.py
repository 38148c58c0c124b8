"""``watch``: follow a run while it goes on, and act."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from heldout.cli.reading import Reading, with_reading
from heldout.errors import UsageError


@with_reading()
def watch(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="A log or directory; it need not be there yet.")
    ],
    join: Annotated[bool, typer.Option("--join", help="The paths are of one run: read them as one.")] = False,
    planned: Annotated[int | None, typer.Option(min=1, help="Evaluations that the whole run will have.")] = None,
    on: Annotated[
        Literal["warning", "watch", "likely", "hack", "confirmed", "stall"],
        typer.Option(help="From which finding on to act."),
    ] = "likely",
    command: Annotated[
        str, typer.Option(metavar="CMD", help="Run this; HELDOUT_STEP, HELDOUT_KIND … say what was found.")
    ] = "",
    shell: Annotated[bool, typer.Option("--shell", help="Give --command to a shell.")] = False,
    stop_file: Annotated[Path | None, typer.Option(help="Make this file, for a training that looks for it.")] = None,
    signal: Annotated[str | None, typer.Option(metavar="PID[:SIG]", help="Signal this process, with TERM.")] = None,
    alert: Annotated[
        list[str] | None, typer.Option(help="env:NAME (a URL in the environment), mailto:ADDRESS or cmd:COMMAND.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Largest change per quarter of the run that is level, in points of a share, else as logged."),
    ] = None,
    detector: Annotated[
        list[str] | None, typer.Option(metavar="MODULE:NAME", help="Ask this detector too; or path/to/file.py:NAME.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep here what was found and done, for the next watch.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Look once, act, print, and end.")] = False,
    until_idle: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.0, help="End when so long nothing was written.")
    ] = None,
    stalled_after: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=1.0, help="So long a silence is a stall [default: by its pauses]."),
    ] = None,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks, at least.")] = 1.0,
    *,
    reading: Reading,
) -> None:
    """Follow a run while it goes on, and act on what is found: a command, a file, a signal, an alert.

    Examples:  heldout watch runs/today   ·   heldout watch train.log --on confirmed --stop-file STOP --planned 40
    """
    if len(paths) > 1 and not join:
        raise UsageError(f"{len(paths)} paths were given, and one run is followed; if they are of one run, add --join.")
    _load_numpy()
    from heldout.cli.reading import checked_margin, fresh
    from heldout.live.alerts import alert_of
    from heldout.live.pulse import Pulse
    from heldout.live.rules import On, Rules
    from heldout.live.watch import Watch

    chosen = On(on)
    rules = Rules(
        alert=chosen,
        stop=chosen if stop_file or signal else On.NEVER,
        run=command,
        run_on=chosen,
        shell=shell,
        stop_file=str(stop_file or ""),
        signal=signal or "",
        dry_run=dry_run,
    )
    watching = Watch(
        reading.follower(paths),
        rules,
        planned=planned,
        margin=checked_margin(margin),
        detectors=fresh(detector or [])(),
        alerts=[alert_of(one) for one in alert or []],
        state=state,
        pulse=Pulse(stalled_after),
    )
    if once:
        watching.once()
    else:
        watching.follow(interval=interval, until_idle=until_idle)


def _load_numpy() -> None:
    """Load numpy so that its BLAS has one thread: others go on spinning after each evaluation, beside the training."""
    name = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(name)
    os.environ.setdefault(name, "1")
    importlib.import_module("numpy")
    if before is None:
        del os.environ[name]  # what is started here, such as --command, has its own mind
