"""``plan``: which evaluations to make, before a run and after it."""

from __future__ import annotations

from typing import Annotated

import typer

from heldout.cli.reading import Reading, with_reading


@with_reading("reward", "length")
def plan(
    path: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run: which of its checkpoints to evaluate next.")
    ] = None,
    planned: Annotated[int, typer.Option(help="Evaluations that the whole run will have.")] = 20,
    budget: Annotated[int | None, typer.Option(help="Generations for the whole run: how to spend them.")] = None,
    rate: Annotated[float, typer.Option(help="Share of the problems that is expected to be solved.")] = 0.35,
    drop: Annotated[float, typer.Option(help="A fall that should be seen; 0.03 is three points.")] = 0.03,
    count: Annotated[int, typer.Option("--next", min=1, help="How many checkpoints to propose.")] = 4,
    *,
    reading: Reading,
) -> None:
    """Plan evaluations: which fall a schedule can show, the cheapest one that shows it, or where to look in a run.

    Examples:  heldout plan --problems 200 --planned 20   ·   heldout plan --budget 20000   ·   heldout plan runs/today
    """
    from rich.console import Console

    from heldout.evaluation import plan as plans

    console, problems = Console(highlight=False), reading.problems
    if path is not None:
        plans.show_next(console, plans.next_checkpoints(reading.one(path), count))
        return
    if budget is not None:
        plans.show_budget(console, budget, plans.best_for(budget, problems=problems, rate=rate))
    elif problems is not None:
        plans.show_schedule(console, plans.Schedule(problems, reading.samples or 1, planned, rate))
    plans.show_cheapest(console, drop, rate, problems)
