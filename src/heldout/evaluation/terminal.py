"""``heldout plan`` on the terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from heldout.evaluation.next_checkpoints import NextCheckpoints
from heldout.evaluation.schedule import WITHIN, Schedule, advice, cheapest, doubled
from heldout.stats.search import WORTH
from heldout.text import counted


def show_schedule(console: Console, one: Schedule) -> None:
    """Print what a schedule can show, and what to spend on next."""
    console.print(f"{_cost(one)}:")
    table = Table()
    table.add_column("noticed within")
    table.add_column("of the run", justify="right")
    table.add_column("a lasting fall of", justify="right")
    for within in WITHIN:
        share = f"{100 * within / one.evaluations:.0f} %"
        table.add_row(counted(within, "evaluation"), share, _points(one.visible(within)))
    console.print(table)
    console.print(
        f"One rate has a standard deviation of {100 * one.sigma:.1f} points at {100 * one.rate:.0f} % solved. A "
        "fall that begins in the middle of the run is seen with 80 % power; a run that never falls alarms with 5 %, "
        "whenever one looks."
    )
    now = one.visible()
    grown = ", ".join(f"twice the {what} {_points(more.visible())}" for what, more in doubled(one).items())
    if math.isfinite(now):
        console.print(f"Within 15 % of the run: {_points(now)} now; {grown}.")
    console.print(advice(one))


def show_cheapest(console: Console, drop: float, rate: float, problems: int | None) -> None:
    """Print the cheapest schedule that sees a fall: without a limit to the problems, and with those that there are."""
    least = cheapest(drop, rate=rate)
    if least is None:
        console.print(
            f"No schedule of 20 to 40 evaluations sees a fall of {_points(drop)}: checkpoints jitter by more."
        )
        return
    console.print(f"Cheapest that sees a fall of {_points(drop)} within 15 % of the run: {_cost(least)}.")
    if problems is not None and problems < least.problems:
        limited = cheapest(drop, rate=rate, problems=problems)
        console.print(f"With {problems} problems: {_cost(limited)}." if limited else f"{problems} problems cannot.")


def show_budget(console: Console, budget: int, one: Schedule) -> None:
    """Print how to spend a budget."""
    seen = f"It sees a fall of {_points(one.visible())} within 15 % of the run."
    console.print(f"Spend {counted(budget, 'generation')} on {_cost(one)}. {seen}")
    if one.generations < 0.9 * budget:
        left = counted(budget - one.generations, "generation")
        console.print(f"That leaves {left} for fresh samples of the best checkpoints, at the end.")


def show_next(console: Console, found: NextCheckpoints) -> None:
    """Print which checkpoints to evaluate next."""
    console.print(f"{counted(found.saved, 'saved checkpoint')}, {counted(found.evaluated, 'step')} evaluated.")
    if found.best is not None:
        console.print(f"Keep so far: step {found.best}, estimated at {100 * found.estimate:.1f} %.")
    if not found.steps:
        console.print(
            f"Evaluate no more: none of the others promises {100 * WORTH:.2f} points. What cannot be told apart needs "
            "fresh samples on the same problems."
        )
        return
    table = Table(title="Evaluate next", title_justify="left")
    table.add_column("step", justify="right")
    table.add_column("expected gain, points", justify="right")
    for step, gain in zip(found.steps, found.gains, strict=True):
        table.add_row(str(step), "–" if math.isnan(gain) else f"{100 * gain:.2f}")
    console.print(table)
    console.print("Then ask again: each result changes what is worth evaluating.")


def _cost(one: Schedule) -> str:
    return (
        f"{counted(one.evaluations, 'evaluation')} of {counted(one.problems, 'problem')}, "
        f"{counted(one.samples, 'sample')} each ({counted(one.generations, 'generation')})"
    )


def _points(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f} points"
