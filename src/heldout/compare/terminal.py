"""A comparison on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from heldout.compare import words
from heldout.compare.model import Comparison, Part
from heldout.text import visible


def show(console: Console, found: Comparison) -> None:
    """Print a comparison: levels, differences, what they mean, and what cannot be said."""
    console.print()
    differ = words.differ_in(found)
    console.print(Text.assemble((words.title(found), "bold"), f"   {differ}" if differ else ""))
    _dim(console, words.subject(found))
    console.print(_numbers(found))
    _dim(console, words.methods(found))
    for text in _sentences(found):
        console.print(Text(visible(text)))
    _benchmarks(console, found)
    _listed(console, "Cannot say", words.cannot_say(found))
    _listed(console, "Notes", found.notes)
    if found.quote:
        console.print(Text("\nTo quote a number, measure it on problems that did not choose the checkpoint:"))
        console.print(Text(f"  {found.quote}"), soft_wrap=True)


def _numbers(found: Comparison) -> Table:
    """Levels of every recipe and their differences, a column for each point."""
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    points = words.columns(found)
    for head in ("", *(words.heading(found, at) for at in points), "seeds scatter (sd)"):
        table.add_column(head, overflow="fold")
    for recipe in found.recipes:
        cells = [words.level(found, recipe.levels.get(at)) for at in points]
        table.add_row(*(Text(cell) for cell in (f"  {words.name(recipe.name)}", *cells, words.scatter(found, recipe))))
    for a, b in dict.fromkeys((one.a, one.b) for one in found.differences):
        asked = {one.at: words.measured(found, one) for one in found.differences if (one.a, one.b) == (a, b)}
        pair = "difference" if len(found.recipes) == 2 else f"{words.name(a)} - {words.name(b)}"
        table.add_row(*(Text(cell) for cell in (f"  {pair}", *(asked.get(at, "") for at in points), "")))
    return table


def _sentences(found: Comparison) -> Iterator[str]:
    for one in found.differences:
        if one.at == found.at or len(found.recipes) == 2:
            yield f"{'→' if one.at == found.at else ' '} {words.conclusion(found, one)}"
            yield from (f"  {text}" for text in words.otherwise(found, one))
    for text in (*(words.over_steps(found, curve) for curve in found.curves), words.states(found), words.best(found)):
        if text:
            yield f"  {text}"
    for part in found.problems:
        if part.at == found.at:
            yield f"  {problems(part)}"
    told = list(words.parting(found))
    if len(found.recipes) == 2 and told:
        yield f"  They part in {'; '.join(told)} (each with an error of 5 % for all its steps)."


def problems(part: Part) -> str:
    """Say how many problems each solves, and how many turn by chance."""
    chance = f" ({part.by_chance:.0f} turn either way from one evaluation to the next)" if part.by_chance > 0 else ""
    return (
        f"Problems: only {words.name(part.a)} solves {part.only_a}, only {words.name(part.b)} {part.only_b}{chance}; "
        f"both {part.both}, neither {part.neither}."
    )


def _benchmarks(console: Console, found: Comparison) -> None:
    if not found.benchmarks:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    for head in ("  ", "benchmark, last", "problems", "difference", "p, paid for all"):
        table.add_column(head, overflow="fold")
    for pair, *cells in words.benchmarks(found):
        table.add_row(*(Text(cell) for cell in (f"  {pair}", *cells)))
    console.print()
    console.print(table)
    for text in words.trimmed(found):
        console.print(Text(f"  {text}"))


def _dim(console: Console, text: str) -> None:
    if text:
        console.print(Text(visible(text), style="dim"))
    console.print()


def _listed(console: Console, title: str, lines: tuple[str, ...]) -> None:
    if lines:
        console.print(Text(f"\n{title}", style="bold"))
    for line in lines:
        console.print(Padding(Text(f"- {visible(line)}"), (0, 0, 0, 2)))
