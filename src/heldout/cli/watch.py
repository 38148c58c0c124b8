"""``watch``: follow a run while it goes on, and act."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

import typer

from heldout.cli.reading import Reading, with_reading
from heldout.errors import SeveralRuns, UsageError

if TYPE_CHECKING:
    from heldout.live.several import Place, Several
    from heldout.live.watch import Watch


@with_reading()
def watch(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="A log or directory, which need not be there yet; or many runs."),
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

    Of several paths, and of a folder with several runs, each run is followed, and shown in a line, the gravest first.

    Examples:  heldout watch runs/today   ·   heldout watch train.log --on confirmed --stop-file STOP --planned 40
    """
    _load_numpy()
    from heldout.cli.reading import checked_margin, fresh
    from heldout.live.alerts import alert_of
    from heldout.live.pulse import Pulse
    from heldout.live.rules import On, Rules
    from heldout.live.several import Several
    from heldout.live.watch import Watch

    chosen = On(on)
    if len(paths) > 1 and not join:
        _refuse_of_one({"--stop-file": stop_file, "--signal": signal, "--run": reading.run}, len(paths))
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
    alerts, made = [alert_of(one) for one in alert or []], fresh(detector or [])
    follow = partial(Watch, rules=rules, planned=planned, margin=checked_margin(margin), alerts=alerts)

    def one_of(place: Place) -> Watch:
        follower = replace(reading, run=place.run).follower(str(place.path))
        memory = None if state is None else state / quote(place.name, safe="")
        pulse = Pulse(stalled_after)
        return follow(follower, detectors=made(), state=memory, pulse=pulse, beside=place.name)

    several = Several(paths, one_of)
    try:
        if join or len(paths) == 1:
            alone = follow(reading.follower(paths), detectors=made(), state=state, pulse=Pulse(stalled_after))
            _follow(alone, once, interval, until_idle)
        else:
            _follow(several, once, interval, until_idle)
    except SeveralRuns:
        if join or reading.run or stop_file or signal or not several.paths[0].is_dir():
            raise
        _follow(several, once, interval, until_idle)


def _refuse_of_one(given: Mapping[str, object], count: int) -> None:
    """Refuse what can be meant of a single run only."""
    for flag, value in given.items():
        if value:
            raise UsageError(
                f"{flag} is for one run, and {count} paths were given; give one, or --join if they are of one run. "
                "A --command is told by HELDOUT_RUN which run was found."
            )


def _follow(watching: Watch | Several, once: bool, interval: float, until_idle: float | None) -> None:
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
