"""The report on the terminal: the six answers, the findings, and what the curves do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from heldout.diagnosis.description import Description
from heldout.diagnosis.entries import Entry, as_told, by_detector
from heldout.diagnosis.first_screen import Line, first_screen
from heldout.diagnosis.looks import Looks
from heldout.findings import Severity, Verdict
from heldout.pages.tables import TextTable
from heldout.report.looks import compared, failures, grown, stretches, title_of
from heldout.report.rows import Row
from heldout.report.tables import benchmarks, correlations, hack_rate, key_values, not_checked
from heldout.run import Note, NoteKind, Run
from heldout.settings import settings_of
from heldout.text import counted, visible

_MARK = {
    NoteKind.REPAIRED: "yellow",
    NoteKind.DROPPED: "red",
    NoteKind.UNKNOWN: "cyan",
    NoteKind.ASSUMED: "magenta",
    NoteKind.MISSING: "red",
    NoteKind.IGNORED: "bright_black",
}
_MOST = 6
_FEW_LINES, _MOST_LINES = 6, 40  # of an answer that are shown
_FEW, _MANY = 400, 2_000  # and characters of it
_CHANGES = {"-": "red", "+": "green", "…": "dim"}  # how lines of a difference are shown


def show(console: Console, run: Run, about: Description, verdict: Verdict, *, verbose: bool = False) -> None:
    """Print the summary of one run; `verbose` for all that was found, held against what, and all that can be done."""
    console.print()
    name, where = visible(run.name), visible(f"  {run.format} · {run.source}")
    console.print(Text(name, style="bold"), Text(where, style="dim"), soft_wrap=True)
    show_answers(console, verdict, first_screen(run, verdict, about.looks))
    _looks(console, about.looks, verbose)
    _findings(console, by_detector(as_told(verdict)), verbose)
    if verbose:
        _listed(console, "About the evaluation", verdict.advice, numbered=False)
    settings = list(settings_of(run.config).items())
    if settings:
        told = ", ".join(f"{name} = {value}" for name, value in settings[: None if verbose else _MOST])
        console.print(Padding(Text.assemble(("Settings  ", "bold"), told), (0, 0, 1, 0)))
    _listed(console, "Not checked", not_checked(verdict), numbered=False)
    console.print(Padding(Text(visible(about.overview)), (0, 0, 1, 0)))
    scores = benchmarks(verdict)
    if scores is not None:
        _table(console, scores)
    _table(console, key_values(about))
    if (rates := hack_rate(about)) is not None:
        _table(console, rates)
    if about.pairs:
        _table(console, correlations(about))
    _listed(console, "Key observations", [one.text for one in about.observations] or ["Nothing stands out."])
    _listed(console, "Interpretation", about.interpretation, numbered=False)
    _notes(console, run.notes)


def show_row(console: Console, row: Row) -> None:
    """Print one of many runs in a line: its state, what to keep, and the fall."""
    state = row.state
    told = f"{state.sign} {state.value}" if state else "not judged"
    keep = f"keep {row.keep.step} at {row.kept_at[0]} ({row.kept_at[1]})" if row.keep else row.label
    fall = f"fell by {row.fall.text}" if row.fall else ""
    words = [
        (f"{told:28}", row.colour),
        (visible(row.name), "bold"),
        (f"  {' · '.join(filter(None, (keep, fall)))}", ""),
    ]
    console.print(Text.assemble(*words), soft_wrap=True)


def show_answers(console: Console, verdict: Verdict, lines: Sequence[Line]) -> None:
    """Print the six answers in a frame, and below it what to type, whole, so that it can be copied."""
    answers = Panel(Group(headed(verdict), "", grid(lines)), border_style=verdict.colour, padding=(0, 1))
    console.print(Padding(answers, (1, 0)))
    for line in lines:
        show_command(console, line.how, line.command)


def show_command(console: Console, how: str, command: str) -> None:
    """Print what to type, whole, and what that does; nothing where there is no command."""
    if command:
        console.print(Text(f"  {how}:", style="dim"))
        console.print(Text(f"  {command}"), soft_wrap=True)
        console.print()


def headed(verdict: Verdict) -> Text:
    """The state in its colour, and its label."""
    return Text.assemble((verdict.state.value, f"bold {verdict.colour}"), (f"  {verdict.label}", "dim"))


def marked(severity: Severity) -> str:
    """The style of a severity: red where something is wrong."""
    return "bold red" if severity in (Severity.ALARM, Severity.WARNING) else "bold yellow"


def grid(lines: Sequence[Line]) -> Table:
    """Set the six answers beside their questions."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for line in lines:
        table.add_row(line.question, Text(line.answer))
    return table


def _findings(console: Console, entries: Sequence[Entry], verbose: bool) -> None:
    """Print an entry for each detector, the gravest first: when, and what was seen."""
    shown = [entry for entry in entries if verbose or entry.worst.severity is not Severity.NOTICE]
    for entry in shown:
        worst = entry.worst
        head = (f"{worst.severity.value:8s}", marked(worst.severity))
        console.print(_indented(Text.assemble(head, (entry.title, "bold"), f"  {entry.course}")))
        more = (worst.against, worst.means, worst.advice) if verbose else ()
        console.print(Padding(Text(" ".join(filter(None, (worst.seen, *more)))), (0, 0, 0, 10)))
    if len(shown) < len(entries):
        text = f"{counted(len(entries) - len(shown), 'notice')} in the report, or with --verbose"
        console.print(_indented(Text(text, style="dim")))
    if entries:
        console.print()


def _looks(console: Console, looks: Looks | None, verbose: bool) -> None:
    """Print the commonest answers of each stretch; `verbose` also what grew, and how answers failed over time."""
    if looks is None:
        return
    console.print(Text(title_of(looks), style="bold"))
    if not looks.stretches:
        console.print(_indented(Text(looks.told)))
        show_command(console, looks.how, looks.command)
    for stretch in stretches(looks, *(_MOST_LINES, _MANY) if verbose else (_FEW_LINES, _FEW)):
        console.print(_indented(Text.assemble((stretch.title, "bold"), f"  {stretch.said}")))
        first = sorted(stretch.answers, key=lambda one: stretch.hacked and not one.hacked)[:1]
        for answer in stretch.answers if verbose else first:
            console.print(Padding(Text(answer.head, style="red" if answer.hacked else "dim"), (0, 0, 0, 4)))
            rest = (f"… {answer.text.rest}",) if answer.text.rest else ()
            _barred(console, (*answer.text.lines, *rest))
    console.print()
    title, changed = compared(looks.difference, _MOST_LINES, _FEW)
    if changed and verbose:
        console.print(Text(title, style="bold"))
        _barred(console, changed, _CHANGES)
        console.print()
    for table in filter(None, (grown(looks), failures(looks)) if verbose else ()):
        _table(console, table)


def _barred(console: Console, lines: Sequence[str], styles: Mapping[str, str] | None = None) -> None:
    """Print untrusted lines behind a bar, also where they are wrapped: none can pass for one of ours.

    `styles` are by the first character of a line.
    """
    for line in lines:
        for part in Text(line, style=(styles or {}).get(line[:1], "")).wrap(console, max(console.width - 8, 20)):
            console.print(Text.assemble("    │ ", part), soft_wrap=True)


def show_files(console: Console, files: Sequence[Path]) -> None:
    """Print where the report lies."""
    for file in files:
        console.print(Text("→ ", style="dim"), Text(visible(str(file)), style="bold"), sep="", soft_wrap=True)


def _table(console: Console, table: TextTable) -> None:
    drawn = Table(title=table.title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for index, head in enumerate(table.head):
        drawn.add_column(head, justify="left" if index == 0 else "right", style="" if index else "bold")
    for row in table.rows:
        drawn.add_row(*(escape(cell) for cell in row))
    console.print(Padding(drawn, (0, 0, 0 if table.note else 1, 0)))
    if table.note:
        console.print(Padding(Text(table.note, style="dim"), (0, 0, 1, 0)))


def _listed(console: Console, title: str, lines: Sequence[str], *, numbered: bool = True) -> None:
    if not lines:
        return
    console.print(Text(title, style="bold"))
    for rank, line in enumerate(lines[:_MOST], 1):
        console.print(_indented(Text(f"{rank}. {line}" if numbered else line)))
    if len(lines) > _MOST:
        console.print(_indented(Text(f"… and {len(lines) - _MOST} more in the report", style="dim")))
    console.print()


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2))


def _notes(console: Console, notes: Sequence[Note]) -> None:
    if not notes:
        return
    console.print(Text("What the reader did", style="bold"))
    for note in notes:
        console.print(_indented(Text.assemble((f"{note.kind.value:9s}", _MARK[note.kind]), note.text)))
    console.print()
