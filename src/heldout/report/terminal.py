"""The report on the terminal: key values, observations, interpretation, and what the reader did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from heldout.diagnosis.description import Description
from heldout.findings import COLOUR, Severity, Verdict
from heldout.report.settings import settings_of
from heldout.report.tables import TextTable, benchmarks, correlations, key_values, not_checked
from heldout.run import Note, NoteKind, Run
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


def show(console: Console, run: Run, about: Description, verdict: Verdict) -> None:
    """Print the summary of one run."""
    console.print()
    console.print(Text(run.name, style="bold"), Text(f"  {run.format} · {run.source}", style="dim"), soft_wrap=True)
    _verdict(console, verdict)
    console.print(Padding(Text(about.overview), (0, 0, 1, 0)))
    scores = benchmarks(verdict)
    if scores is not None:
        _table(console, scores)
    _table(console, key_values(about))
    if about.pairs:
        _table(console, correlations(about))
    settings = list(settings_of(run.config).items())[:_MOST]
    if settings:
        told = ", ".join(f"{name} = {value}" for name, value in settings)
        console.print(Padding(Text.assemble(("Settings  ", "bold"), told), (0, 0, 1, 0)))
    _listed(console, "Key observations", [observation.text for observation in about.observations])
    _listed(console, "Interpretation", about.interpretation, numbered=False)
    _notes(console, run.notes)


def _verdict(console: Console, verdict: Verdict) -> None:
    """Print the verdict first, and what was not checked as loudly as the rest."""
    colour = COLOUR.get(verdict.state, "yellow")
    lines = [Text.assemble((verdict.state.value, f"bold {colour}"), (f"  {verdict.label}", "dim"))]
    lines.append(Text(verdict.sentence))
    lines += [Text(line, style="italic") for line in verdict.advice]
    lines += [Text.assemble(("not checked: ", "bold yellow"), line) for line in not_checked(verdict)]
    console.print(Padding(Panel(Group(*lines), border_style=colour, padding=(0, 1)), (1, 0)))
    shown = [finding for finding in verdict.findings if finding.severity is not Severity.NOTICE]
    for finding in shown[-_MOST:]:
        mark = "red" if finding.severity in (Severity.ALARM, Severity.WARNING) else "yellow"
        head = (f"{finding.severity.value} ", f"bold {mark}")
        console.print(_indented(Text.assemble(head, f"step {finding.step}: {finding.seen} {finding.means}")))
    if len(shown) < len(verdict.findings) or len(shown) > _MOST:
        more = len(verdict.findings) - len(shown[-_MOST:])
        console.print(_indented(Text(f"{counted(more, 'more finding')} in the report", style="dim")))
    if verdict.findings:
        console.print()


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
    console.print(Padding(drawn, (0, 0, 1, 0)))


def _listed(console: Console, title: str, lines: Sequence[str], *, numbered: bool = True) -> None:
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
