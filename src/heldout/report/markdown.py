"""The report as Markdown, in the five parts of a figure description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from heldout.diagnosis.description import Description
from heldout.findings import Verdict
from heldout.metrics import heading_of
from heldout.report.tables import TextTable, benchmarks, correlations, key_points, key_values, not_checked, signals
from heldout.run import Run

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|~$"})


def as_markdown(run: Run, about: Description, verdict: Verdict, figures: Mapping[str, list[str]]) -> str:
    """Write the report as Markdown."""
    lines = (*_verdict(run, verdict, figures), *_findings(verdict), *_description(about), *_notes(run))
    return "\n".join(lines) + "\n"


def _verdict(run: Run, verdict: Verdict, figures: Mapping[str, list[str]]) -> Iterator[str]:
    yield f"# {_safe(run.name)}\n"
    yield f"**{verdict.state.value}** ({_safe(verdict.label)}). {_safe(verdict.sentence)}\n"
    yield from (f"- not checked: {_safe(line)}" for line in not_checked(verdict))
    yield from (f"- advice: {_safe(line)}" for line in verdict.advice)
    yield ""
    for title, files in figures.items():
        shown = next((file for file in files if file.endswith((".svg", ".png"))), None)
        if shown:
            yield f"![{_safe(title)}]({shown})\n"


def _findings(verdict: Verdict) -> Iterator[str]:
    yield "## Findings\n"
    for finding in verdict.findings:
        yield f"- **{finding.severity.value}**, step {finding.step}: {_safe(finding.seen)} {_safe(finding.against)} "
        yield f"  {_safe(finding.means)} {_safe(finding.advice)}"
    if not verdict.findings:
        yield "None."
    yield ""
    scores = benchmarks(verdict)
    if scores is not None:
        yield f"### {scores.title}\n"
        yield from _table(scores)
        yield ""


def _description(about: Description) -> Iterator[str]:
    yield f"## Overview\n\n{_safe(about.overview)}\n"
    yield "## Components\n"
    yield from (f"- {_safe(line)}" for line in about.components)
    yield "\n## Detailed analysis\n"
    yield from _table(key_values(about))
    for series in about.series:
        yield f"\n### {_safe(heading_of(series.key))}\n"
        yield f"{_safe(f'{series.trend} {series.recent} {series.noise}')}\n"
        yield from _table(key_points(series))
    if about.pairs:
        yield "\n### Correlations (95 % intervals)\n"
        yield from _table(correlations(about))
        yield "\n\\* levels are dominated by trends: two unrelated curves that both rise look like this too."
    if about.signals:
        yield "\n### Other signals\n"
        yield from _table(signals(about))
    yield "\n## Key observations\n"
    yield from (f"{rank}. {_safe(o.text)}" for rank, o in enumerate(about.observations, 1))
    yield "\n## Interpretation\n"
    yield from (f"{_safe(paragraph)}\n" for paragraph in about.interpretation)


def _notes(run: Run) -> Iterator[str]:
    yield "## What the reader did\n"
    yield from (f"- *{note.kind.value}*: {_safe(note.text)}" for note in run.notes)
    if not run.notes:
        yield "Nothing was repaired, dropped or assumed."


def _table(table: TextTable) -> Iterator[str]:
    yield "| " + " | ".join(_safe(cell) for cell in table.head) + " |"
    yield "|" + "|".join(["---"] + ["---:"] * (len(table.head) - 1)) + "|"
    yield from ("| " + " | ".join(_safe(cell) for cell in row) + " |" for row in table.rows)


def _safe(text: str) -> str:
    """Escape what Markdown or inline HTML would interpret: names in a log are untrusted."""
    return " ".join(text.split()).translate(_SPECIAL)
