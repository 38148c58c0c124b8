"""The command line: thin, and quick to start because each command imports what it needs when it runs."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from typing import Annotated, NoReturn

import typer

from heldout import __version__
from heldout.cli import (
    audit,
    bench,
    chart,
    columns,
    compare,
    eval,
    fleet,
    manual,
    plan,
    report,
    samples,
    serve,
    train,
    watch,
)
from heldout.errors import HeldoutError
from heldout.ranks import ranks
from heldout.text import visible

_WAIT = 30.0  # seconds in which a launcher ends a job of which one process has failed

app = typer.Typer(
    name="heldout",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="What reinforcement learning of code models really does: the reward, the held-out pass rate, and what the two "
    "curves mean.",
)
# In the order of --help: what most people come for stands first.
app.command("report", short_help="Judge a run: verdict, figures, and what the curves do.")(report.report)
app.command("samples", short_help="List the answers behind the curves, and what two judges say.")(samples.samples)
app.command("compare", short_help="Compare runs: which recipe is better, and how sure?")(compare.compare)
app.command("fleet", short_help="Judge many runs at once: which have fallen, and which to keep.")(fleet.fleet)
app.command("serve", short_help="Show the runs of a folder in the browser, live.")(serve.serve)
app.command("chart", short_help="Draw a run, or seeds, for a paper or a slide.")(chart.chart)
app.command("columns", short_help="List what a log holds and what is taken for what.")(columns.columns)
app.command("metrics", short_help="Print what every metric name means.")(manual.metrics)
app.command("detectors", short_help="Print what every detector asks.")(manual.detectors)
app.command("tricks", short_help="Print what every family of tricks does.")(manual.tricks)
app.command("train", cls=train.Grouped, short_help="Train a code model by GRPO, measured and recorded.")(train.train)
app.command("eval", short_help="Measure a model on held-out problems: pass@k.")(eval.evaluate)
app.command("audit", short_help="Audit a reward before training, or what a run kept.")(audit.audit)
app.command("watch", short_help="Follow a run while it goes on, and act on findings.")(watch.watch)
app.command("plan", short_help="Plan evaluations: which fall can they show?")(plan.plan)
# What stands behind it belongs to the benchmarks, also --help.
_ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True}
_BENCH = "Measure heldout against named alternatives."
app.command("bench", short_help=_BENCH, context_settings=_ANYTHING, add_help_option=False)(bench.bench)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"heldout {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def main() -> NoReturn:
    """Run the command line; a user's mistake is one sentence and exit code 2, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows few characters is shown the codes of others
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except HeldoutError as error:
        _refuse(str(error))
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            _leave_the_pipe()
        raise
    except BrokenPipeError:
        _leave_the_pipe()
    except OSError as error:  # a full disk, a folder that may not be written to
        _refuse(f"{error.filename or 'The output'}: {error.strerror or error}.")
    sys.exit(0)


def _refuse(why: str) -> NoReturn:
    """Print a refusal and end.

    What all processes of a job are refused for, the first one says, and its launcher ends the others while they wait;
    what only one of them meets is said by that one, with its rank.
    """
    here = ranks()
    if not here.first:
        time.sleep(_WAIT)
        why = f"rank {here.rank}: {why}"
    print(f"heldout: {visible(why)}", file=sys.stderr)
    sys.exit(2)


def _leave_the_pipe() -> NoReturn:
    """End as a program does whose reader, such as head, has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(128 + signal.SIGPIPE)
