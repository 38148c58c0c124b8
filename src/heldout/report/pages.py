"""The report as a page: no network, light and dark, wide and narrow.

Everything that comes from a log is escaped by the template (autoescape is on). Only the figures are inserted as they
are, and they are made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from heldout.diagnosis.description import Description
from heldout.diagnosis.entries import Entry, as_told, by_detector
from heldout.diagnosis.first_screen import first_screen
from heldout.diagnosis.looks import Looks
from heldout.findings import Verdict
from heldout.pages import template
from heldout.report.looks import compared, failures, grown, marked, stretches, title_of
from heldout.report.multiples import multiples_of
from heldout.report.parts import Parts
from heldout.report.problem_map import problem_map
from heldout.report.runs_table import RunsTable
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

_LINES, _CHANGED = 40, 120  # lines of an answer, and of a difference, that are shown
_SIZE, _LINE = 64 * 1024, 4_000  # characters of an answer, which the page scrolls, and of a line of a difference


@dataclass(frozen=True, slots=True)
class InlineFigure:
    """A figure inside the page."""

    stem: str
    caption: str
    data: Mapping[str, object]  # as `charts.browser.as_data` gives it
    still: str  # a drawing for readers without a script and for paper, in colours that follow the page's theme
    files: list[str]
    command: str = ""  # that draws it again


def as_html(run: Run, about: Description, verdict: Verdict, figures: Sequence[InlineFigure], parts: Parts) -> str:
    """Write the report of one run as a self-contained page."""
    return template("report.html", __package__).render(context_of(run, about, verdict, figures, parts))


def context_of(
    run: Run, about: Description, verdict: Verdict, figures: Sequence[InlineFigure], parts: Parts
) -> dict[str, object]:
    """Return what ``report.html`` shows of a run, for a page of one file as for one that is served."""
    looks = _looks(about.looks) if about.looks else None
    shown = {
        "findings": "Findings",
        "problems": "Problems" if parts.problems else "",
        "looks": looks["title"] if looks else "",
        "samples": "Samples" if parts.samples else "",
        "checkpoints": "Checkpoints" if parts.checkpoints else "",
        "description": "Description",
        "settings": "Settings" if settings_of(run.config) else "",
        "notes": "What the reader did",
    }
    entries = by_detector(as_told(verdict))
    return {
        "contents": [(anchor, title) for anchor, title in shown.items() if title],
        "run": run,
        "about": about,
        "verdict": verdict,
        "lines": first_screen(run, verdict, about.looks),
        "entries": entries,
        "lane": list(_lane(entries)),
        "not_checked": not_checked(verdict),
        "figures": figures,
        "benchmarks": benchmarks(verdict),
        "problems": problem_map(parts.problems) if parts.problems else None,
        "checkpoints": parts.checkpoints,
        "samples": parts.samples,
        "multiples": multiples_of(run),
        "key_values": key_values(about),
        "hack_rate": hack_rate(about),
        "points": [key_points(series) for series in about.series],
        "correlations": correlations(about),
        "signals": signals(about),
        "settings": settings_of(run.config),
        "looks": looks,
    }


def _lane(entries: Sequence[Entry]) -> Iterator[dict[str, object]]:
    """Yield what each detector found last of the gravest, as it stands below a curve, with its anchor in the page."""
    for place, entry in enumerate(entries, 1):
        one = entry.worst
        told = {"step": one.step, "low": one.steps[0], "high": one.steps[1], "severity": one.severity.value}
        yield {**told, "title": f"{entry.title}: {entry.course}", "anchor": f"finding-{place}"}


def _looks(looks: Looks) -> Mapping[str, object]:
    title, changed = compared(looks.difference, _CHANGED, _LINE)
    return {
        "title": title_of(looks),
        "told": looks.told,
        "how": looks.how,
        "command": looks.command,
        "stretches": list(stretches(looks, _LINES, _SIZE)),
        "grown": grown(looks),
        "changed_title": title,
        "changed": marked(changed),
        "failures": failures(looks),
    }


def as_index(table: RunsTable, flags: Sequence[str] = ()) -> str:
    """Write the page of several runs, of which `flags` say on the command line how they were read."""
    return template("index.html", __package__).render(table=table, flags=flags)
