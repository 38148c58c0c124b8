"""The command line: thin, and quick to start because each command imports what it needs when it runs."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from heldout import __version__
from heldout.cli.app import app
from heldout.errors import HeldoutError

# isort: off
from heldout.cli import report, chart, train, eval, watch, plan, bench  # each adds its command, in the order of --help
# isort: on

__all__ = ["app", "bench", "chart", "eval", "main", "plan", "report", "train", "watch"]


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
