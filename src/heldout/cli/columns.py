"""``columns``: what a log holds, and what is taken for what."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from heldout.cli.reading import Reading, with_reading


@with_reading()
def columns(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A log, a run directory, or example:NAME.")],
    *,
    reading: Reading,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a program.")] = False,
) -> None:
    """List every column of a log: values, steps, range, the part that it plays and why, and what might be meant.

    Examples:  heldout columns runs/today   ·   heldout columns own.csv --eval my_score   ·   heldout columns a --json
    """
    listed(path, reading, as_json=as_json)


def listed(path: str, reading: Reading, *, as_json: bool = False) -> None:
    """Print the columns of every run that a log holds."""
    from heldout.report import columns
    from heldout.text import visible

    runs, unread = reading.every(path)
    for why in unread:
        print(f"heldout: {visible(why)}", file=sys.stderr)
    if as_json:
        sys.stdout.buffer.write(columns.as_json(runs, reading.roles) + b"\n")
        return
    print("\n\n".join(columns.as_text(run, reading.roles) for run in runs))
