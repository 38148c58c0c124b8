"""An audit on the terminal: what was found, the worst first, each with a text that shows it and what to change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from heldout.audit.audit import LIMITS, Audit
from heldout.audit.parts import Example, Kind
from heldout.audit.words import TITLES, Entry, besides, clear, entries, how_often, score_text
from heldout.text import counted, visible

_LINES, _CHARACTERS = 12, 400  # of a text that are shown
_MOST = 12  # entries of a kind


def show(console: Console, audit: Audit, files: Mapping[Example, str] | None = None) -> None:
    """Print an audit; `files` says in which file the text of an example lies."""
    head(console, audit)
    found = entries(audit.results)
    for kind, some in found.items():
        console.print(Text(f"\n{TITLES[kind]}", style="bold"))
        for entry, following in zip(some[:_MOST], [*some[1:_MOST], None], strict=False):
            _entry(console, entry, files or {}, fix=following is None or following.fix != entry.fix)
        if len(some) > _MOST:
            _line(console, f"and {len(some) - _MOST} more, with --json or -o")
    if not found:
        console.print(Text("\nNothing was found in what was checked.", style="bold"))
    _listed(console, "Checked, and not found", list(clear(audit.results)))
    _listed(console, "Besides", besides(audit.results))
    _listed(console, "Not possible", audit.not_possible)
    _listed(console, "Limits", LIMITS)


def head(console: Console, audit: Audit) -> None:
    """Print what was audited, how it is called, and between which numbers it moves."""
    console.print()
    drawn = f"{counted(len(audit.known), 'problem')} of {audit.problems}, {audit.with_truth} with a known solution"
    told = f"  on {visible(audit.task)}: {drawn}"
    console.print(Text.assemble((visible(audit.reward), "bold"), (told, "dim")), soft_wrap=True)
    _line(console, f"called: {visible(audit.plan)}")
    _line(console, scale_told(audit))
    if audit.ended:
        console.print(Padding(Text(audit.ended, style="bold yellow"), (0, 0, 0, 2)))
    pace = "" if math.isnan(audit.pace) else f", {1000 * audit.pace:.3g} ms each (median)"
    _line(console, f"asked about {counted(audit.calls, 'answer')}{pace}; seed {audit.seed}, {audit.seconds:.0f} s")


def scale_told(audit: Audit) -> str:
    """Say what a right answer and nothing get."""
    if math.isnan(audit.right):
        none = "No right answer is paid: does the reward read what it is given" if audit.with_truth else ""
        none = f"{none} (see how it is called; --messages, --column)?" if none else "No right answer is known."
        return f"{none} 1 is taken for what one should get; empty and random texts get {audit.nothing:.4g}."
    return (
        f"right answers get {audit.right:.4g}, empty and random texts {audit.nothing:.4g} (medians); "
        f"right ones get most {audit.wrapping}"
    )


def _entry(console: Console, entry: Entry, files: Mapping[Example, str], *, fix: bool) -> None:
    worst = entry.worst
    style = "bold red" if worst.kind in (Kind.PAID, Kind.REJECTED) else "bold yellow"
    console.print(Text.assemble("  ", (visible(entry.title), style), f"  {how_often(worst)}"), soft_wrap=True)
    said = " ".join(filter(None, (visible(worst.seen), entry.does, visible(entry.also))))
    console.print(Padding(Text(said), (0, 0, 0, 4)))
    if worst.examples:
        _example(console, worst.examples[0], files)
    if entry.fix and fix:
        console.print(Padding(Text.assemble(("Change: ", "bold"), visible(entry.fix)), (0, 0, 0, 4)))


def _example(console: Console, example: Example, files: Mapping[Example, str]) -> None:
    got = score_text(example.outcome.score, example.outcome.kind)
    right = "" if example.right is None else f", a right answer {example.right:.4g}"
    why = f"; {visible(example.why)}" if example.why else ""
    where = f"; {files[example]}" if example in files else ""
    told = f"    problem {visible(example.problem)}: this text gets {got}{right}{why}{where}"
    console.print(Text(told, style="dim"), soft_wrap=True)
    for line in shortened(example.text):
        console.print(Text(f"      │ {line}"), soft_wrap=True)


def shortened(text: str) -> list[str]:
    """Return the first lines of a text, with what a terminal would obey as codes; it says so where more follow."""
    lines = text[:_CHARACTERS].split("\n")
    shown = [visible(line) for line in lines[:_LINES]]
    if not text:
        return ["(empty)"]
    if len(text) > _CHARACTERS or len(lines) > _LINES:
        shown.append(f"… ({counted(len(text), 'character')} in all)")
    return shown


def _listed(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(Text(f"\n{title}", style="bold"))
        for line in lines:
            _line(console, visible(line))


def _line(console: Console, text: str) -> None:
    console.print(Padding(Text(text), (0, 0, 0, 2)))
