"""A fleet in the terminal: at most forty lines."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from heldout.fleet.fleet import Fleet
from heldout.fleet.frame import fallen_of
from heldout.fleet.words import head_of, lines_of, states_of
from heldout.report.terminal import show_row
from heldout.text import excerpt

LISTED, FAILURES = 20, 8  # runs, and what was not read; the files have all
_WIDTH = 160  # characters of a failure


def show(console: Console, fleet: Fleet) -> None:
    """Print what was found: the sentences, the states, the runs that are down, what could not be read."""
    console.print(Text(head_of(fleet), style="bold"))
    for line in lines_of(fleet):
        console.print(Text(line, style="dim"), soft_wrap=True)
    states = (Text(f"{state.sign} {state.value} {count}", style=state.colour) for state, count in states_of(fleet))
    console.print(Text("  ").join(states), soft_wrap=True)
    fallen = len(fallen_of(fleet.rows))
    for row in fleet.first(min(fallen, LISTED)):
        show_row(console, row)
    if fallen > LISTED:
        console.print(Text(f"… and {fallen - LISTED} more", style="dim"))
    failures = list(fleet.failures.items())
    for name, why in failures[:FAILURES]:
        told = excerpt(f"not read  {name}: {why}", _WIDTH)
        console.print(Text(told, style="yellow"), soft_wrap=True)
    if len(failures) > FAILURES:
        console.print(Text(f"… and {len(failures) - FAILURES} more that could not be read", style="dim"))
