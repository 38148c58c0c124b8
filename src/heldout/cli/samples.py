"""``samples``: the answers behind the curves, and what two judges say of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

import typer

_ALL = 1_000_000  # more lines and characters than are kept of an answer


def samples(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory, a folder of rollouts, or a file.")],
    step: Annotated[int | None, typer.Option(help="Only answers of this training step.")] = None,
    rewarded: Annotated[bool, typer.Option("--rewarded", help="Only those that were paid as right ones are.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that fail the hidden tests.")] = False,
    problem: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this problem; several times for more.")
    ] = None,
    grep: Annotated[str | None, typer.Option(metavar="RE", help="Only answers in which this pattern is found.")] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what changed from the last answer to the problem that passes.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="So many different answers, the commonest first.")] = 20,
    full: Annotated[bool, typer.Option("--full", help="Show answers whole, up to 64 kB of each.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a program.")] = False,
) -> None:
    """List the different answers of a run with how often each was given, its reward, and what hidden tests say of it.

    Examples:  heldout samples runs/today --rewarded --failed   ·   heldout samples out/completions --step 120
    ·   heldout samples dump.jsonl --grep 'sys.exit|os._exit'
    """
    from rich.console import Console

    from heldout.readers.elsewhere import answers_at, errors_as_typed
    from heldout.remote.index import shown
    from heldout.rollouts.choosing import chosen
    from heldout.rollouts.listing import as_data, as_lines, listing
    from heldout.rollouts.reading import rollouts_of
    from heldout.store.lines import json_line
    from heldout.tricks.naming import family_of

    where = answers_at(run)
    with errors_as_typed(where):
        found = rollouts_of(where)
    everything = replace(found, source=shown(where))
    rows = chosen(everything, step=step, problems=problem or (), rewarded=rewarded, failed=failed, grep=grep)
    listed = listing(everything, rows, top, names=family_of, differ=diff)
    if as_json:
        sys.stdout.buffer.write(json_line(as_data(listed)))
        return
    text = "\n".join(as_lines(listed, _ALL, _ALL) if full else as_lines(listed))
    console = Console(highlight=False)
    if console.is_terminal and text.count("\n") >= console.height:
        with console.pager():
            console.print(text, markup=False, soft_wrap=True)
    else:
        print(text)
