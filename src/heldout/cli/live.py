"""``watch`` and ``plan``: while a run goes on, and before it does."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from heldout.cli.app import app
from heldout.cli.options import Eval, Length, OneRun, Problems, Reward, Samples, roles_of


@app.command()
def watch(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A log or directory; it need not be there yet.")],
    planned: Annotated[int | None, typer.Option(min=1, help="Evaluations that the whole run will have.")] = None,
    on: Annotated[
        Literal["warning", "watch", "likely", "confirmed"], typer.Option(help="From which finding on to act.")
    ] = "likely",
    command: Annotated[
        str, typer.Option("--run", metavar="CMD", help="Run this; HELDOUT_STEP, HELDOUT_KIND … say what was found.")
    ] = "",
    shell: Annotated[bool, typer.Option("--shell", help="Give --run to a shell.")] = False,
    stop_file: Annotated[Path | None, typer.Option(help="Make this file, for a training that looks for it.")] = None,
    signal: Annotated[str | None, typer.Option(metavar="PID[:SIG]", help="Signal this process, with TERM.")] = None,
    alert: Annotated[
        list[str] | None, typer.Option(help="env:NAME (a URL in the environment), mailto:ADDRESS or cmd:COMMAND.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep here what was found and done, for the next watch.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Look once, act, print, and end.")] = False,
    until_idle: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.0, help="End when so long nothing was written.")
    ] = None,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks, at least.")] = 1.0,
    reward: Reward = None,
    eval_key: Eval = None,
    length: Length = None,
    problems: Problems = None,
    samples: Samples = 1,
    name: Annotated[str | None, typer.Option("--name", help="Which run, where a log holds several.")] = None,
) -> None:
    """Follow a run while it goes on, and act on what is found: a command, a file, a signal, an alert.

    Examples:  heldout watch runs/today   ·   heldout watch train.log --on confirmed --stop-file STOP --planned 40
    """
    _load_numpy()
    from heldout.live.alerts import alert_of
    from heldout.live.rules import On, Rules
    from heldout.live.watch import Follower, Watch

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
        Follower(path, run=name, roles=roles_of(reward, eval_key, length), problems=problems, samples=samples),
        rules,
        planned=planned,
        alerts=[alert_of(one) for one in alert or []],
        state=state,
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
        del os.environ[name]  # what is started here, such as --run, has its own mind


@app.command()
def plan(
    path: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run: which of its checkpoints to evaluate next.")
    ] = None,
    problems: Problems = None,
    samples: Samples = 1,
    evals: Annotated[int, typer.Option("--evals", help="Evaluations of the whole run.")] = 20,
    budget: Annotated[int | None, typer.Option(help="Generations for the whole run: how to spend them.")] = None,
    rate: Annotated[float, typer.Option(help="Share of the problems that is expected to be solved.")] = 0.35,
    drop: Annotated[float, typer.Option(help="A fall that should be seen; 0.03 is three points.")] = 0.03,
    count: Annotated[int, typer.Option("--next", min=1, help="How many checkpoints to propose.")] = 4,
    eval_key: Eval = None,
    run: OneRun = None,
) -> None:
    """Plan evaluations: which fall a schedule can show, the cheapest one that shows it, or where to look in a run.

    Examples:  heldout plan --problems 200 --evals 20   ·   heldout plan --budget 20000   ·   heldout plan runs/today
    """
    from rich.console import Console

    from heldout.evaluation import terminal as shown
    from heldout.evaluation.next_checkpoints import next_checkpoints
    from heldout.evaluation.schedule import Schedule, best_for

    console = Console(highlight=False)
    if path is not None:
        from heldout.readers import read

        one = read(path, run=run, roles=roles_of(None, eval_key, None), problems=problems, samples=samples)
        shown.show_next(console, next_checkpoints(one, count))
        return
    if budget is not None:
        shown.show_budget(console, budget, best_for(budget, problems=problems, rate=rate))
    elif problems is not None:
        shown.show_schedule(console, Schedule(problems, samples, evals, rate))
    shown.show_cheapest(console, drop, rate, problems)
