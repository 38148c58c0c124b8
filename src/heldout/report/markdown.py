"""The report as Markdown.

Everything that comes from a log is escaped by `_safe`, or stands in a fence that it cannot close.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from heldout.diagnosis.description import Description
from heldout.diagnosis.entries import Entry, as_told, by_detector
from heldout.diagnosis.first_screen import first_screen
from heldout.diagnosis.looks import Looks
from heldout.findings import Verdict
from heldout.metrics import heading_of
from heldout.pages.tables import TextTable
from heldout.report.looks import compared, failures, grown, stretches, title_of
from heldout.report.parts import Parts
from heldout.report.tables import (
    benchmarks,
    correlations,
    hack_rate,
    key_points,
    key_values,
    not_checked,
    signals,
)
from heldout.run import Run
from heldout.settings import settings_of

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|~$"})
_LINES, _CHANGED, _SIZE = 40, 120, 4_000  # lines of an answer and of a difference that are shown, and characters


def shown(files: Sequence[str]) -> str | None:
    """Return the first of a figure's files that a page can show."""
    return next((file for file in files if file.endswith((".svg", ".png"))), None)


def as_markdown(run: Run, about: Description, verdict: Verdict, figures: Mapping[str, list[str]], parts: Parts) -> str:
    """Write the report as Markdown."""
    lines = (
        *_verdict(run, verdict, figures, about.looks),
        *_findings(verdict),
        *_listed("Not checked", not_checked(verdict)),
        *_problems(parts),
        *_looks(about.looks),
        *_checkpoints(parts),
        *_description(about),
        *_settings(run),
        *_notes(run),
    )
    return "\n".join(lines) + "\n"


def _verdict(run: Run, verdict: Verdict, figures: Mapping[str, list[str]], looks: Looks | None) -> Iterator[str]:
    yield f"# {_safe(run.name)}\n"
    yield f"**{verdict.state.value}** ({_safe(verdict.label)})\n"
    for line in first_screen(run, verdict, looks):
        yield f"- **{line.question}** {_safe(line.answer)}"
        if line.command:
            yield f"  {_safe(line.how)}: {_as_code(line.command)}"
    yield ""
    for title, files in figures.items():
        image = shown(files)
        if image:
            yield f"![{_safe(title)}]({image})\n"


def _looks(looks: Looks | None) -> Iterator[str]:
    if looks is None:
        return
    yield f"## {title_of(looks)}\n\n{_safe(looks.told)}\n"
    if looks.command:
        yield f"{_safe(looks.how)}: {_as_code(looks.command)}\n"
    for stretch in stretches(looks, _LINES, _SIZE):
        yield f"### {_safe(stretch.title)}\n\n{_safe(stretch.said)}\n"
        for answer in stretch.answers:
            yield f"- {_safe(answer.head)}\n"
            yield from _fenced(answer.text.lines, answer.text.rest, "  ")
    for table in filter(None, (grown(looks), failures(looks))):
        yield f"### {table.title}\n"
        yield from _table(table)
        yield ""
    title, changed = compared(looks.difference, _CHANGED, _SIZE)
    if changed:
        yield f"### {_safe(title)}\n"
        yield from _fenced(changed, "", kind="diff")


def _problems(parts: Parts) -> Iterator[str]:
    if parts.problems is not None:
        yield from _listed("Problems", parts.problems.told)


def _checkpoints(parts: Parts) -> Iterator[str]:
    if parts.checkpoints is not None:
        yield "## Checkpoints\n"
        yield from _table(parts.checkpoints.table)
        yield ""


def _fenced(lines: Sequence[str], rest: str, indent: str = "", kind: str = "text") -> Iterator[str]:
    """Write untrusted lines as a block of code, in a fence that none of them can close."""
    fence = "`" * max(3, 1 + max((len(run) for line in lines for run in re.findall("`+", line)), default=0))
    yield f"{indent}{fence}{kind}"
    yield from (f"{indent}{line}" for line in lines)
    yield f"{indent}{fence}"
    yield f"{indent}… {rest}\n" if rest else ""


def _findings(verdict: Verdict) -> Iterator[str]:
    yield "## Findings\n"
    entries = by_detector(as_told(verdict))
    yield from (line for entry in entries for line in _entry(entry))
    if not entries:
        yield "None."
    yield ""
    scores = benchmarks(verdict)
    if scores is not None:
        yield f"### {scores.title}\n"
        yield from _table(scores)
        yield ""
    yield from _listed("About the evaluation", verdict.advice, level=3)


def _entry(entry: Entry) -> Iterator[str]:
    worst = entry.worst
    yield f"- **{worst.severity.value}**, {_safe(entry.title)}: {_safe(entry.course)}. {_safe(worst.seen)}"
    yield f"  {_safe(' '.join(filter(None, (worst.against, worst.means, worst.advice))))}"


def _listed(title: str, lines: Sequence[str], level: int = 2) -> Iterator[str]:
    if lines:
        yield f"{'#' * level} {title}\n"
        yield from (f"- {_safe(line)}" for line in lines)
        yield ""


def _description(about: Description) -> Iterator[str]:
    yield f"## Overview\n\n{_safe(about.overview)}\n"
    yield "## Components\n"
    yield from (f"- {_safe(line)}" for line in about.components)
    yield "\n## Detailed analysis\n"
    yield from _table(key_values(about))
    for series in about.series:
        yield f"\n### {_safe(heading_of(series.key))}\n"
        yield f"{_safe(f'{series.trend} {series.noise}')}\n"
        yield from _table(key_points(series))
    if (rates := hack_rate(about)) is not None:
        yield f"\n### {rates.title}\n"
        yield from _table(rates)
    if about.pairs:
        yield "\n### Correlations (95 % intervals)\n"
        yield from _table(correlations(about))
    if about.signals:
        yield "\n### Other signals\n"
        yield from _table(signals(about))
    yield "\n## Key observations\n"
    yield from (f"{rank}. {_safe(o.text)}" for rank, o in enumerate(about.observations, 1))
    yield "\n## Interpretation\n"
    yield from (f"{_safe(paragraph)}\n" for paragraph in about.interpretation)


def _settings(run: Run) -> Iterator[str]:
    settings = settings_of(run.config)
    if settings:
        yield "## Settings\n"
        yield from _table(TextTable("Settings", ("Setting", "Value"), tuple(settings.items())))
        yield ""


def _notes(run: Run) -> Iterator[str]:
    yield "## What the reader did\n"
    yield from (f"- *{note.kind.value}*: {_safe(note.text)}" for note in run.notes)
    if not run.notes:
        yield "Nothing was repaired, dropped or assumed."


def _table(table: TextTable) -> Iterator[str]:
    yield "| " + " | ".join(_safe(cell) for cell in table.head) + " |"
    yield "|" + "|".join(["---"] + ["---:"] * (len(table.head) - 1)) + "|"
    yield from ("| " + " | ".join(_safe(cell) for cell in row) + " |" for row in table.rows)
    if table.note:
        yield f"\n{_safe(table.note)}"


def _as_code(text: str) -> str:
    """Write text as code, in more backquotes than it holds in a row: nothing in it is interpreted."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}"


def _safe(text: str) -> str:
    """Escape what Markdown or inline HTML would interpret: names in a log are untrusted."""
    return " ".join(text.split()).translate(_SPECIAL)
