"""The command line: thin, and quick to start because each command imports what it needs when it runs."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from heldout import __version__
from heldout.cli import bench, chart, eval, plan, report, train, watch
from heldout.errors import HeldoutError

app = typer.Typer(
    name="heldout",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="What reinforcement learning of code models really does: the reward, the held-out pass rate, and what the two "
    "curves mean.",
)
# In the order of --help: what most people come for stands first.
app.command("report")(report.report)
app.command("chart")(chart.chart)
app.command("metrics")(chart.metrics)
app.command("detectors")(chart.detectors)
app.command("train")(train.train)
app.command("eval")(eval.evaluate)
app.command("watch")(watch.watch)
app.command("plan")(plan.plan)
# What stands behind it belongs to the benchmarks, also --help.
_ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True}
app.command("bench", context_settings=_ANYTHING, add_help_option=False)(bench.bench)


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
    try:
        app()
    except HeldoutError as error:
        print(f"heldout: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)
