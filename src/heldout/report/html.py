"""The report as one page: no network, light and dark, wide and narrow.

Everything that comes from a log is escaped by the template (autoescape is on); only the figures are inserted as they
are, and they are made here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

import heldout
from heldout.charts.palettes import stylesheet
from heldout.diagnosis.description import Description
from heldout.findings import Verdict
from heldout.metrics import heading_of
from heldout.report.tables import benchmarks, correlations, key_points, key_values, not_checked, signals
from heldout.run import Run


@dataclass(frozen=True, slots=True)
class InlineFigure:
    """A figure inside the page: for wide screens and for narrow ones, in colours that follow the page's theme."""

    title: str
    caption: str
    wide: str
    narrow: str
    files: list[str]


def as_html(run: Run, about: Description, verdict: Verdict, figures: Sequence[InlineFigure]) -> str:
    """Write the report of one run as a self-contained page."""
    return _template("report.html").render(
        run=run,
        about=about,
        verdict=verdict,
        not_checked=not_checked(verdict),
        figures=figures,
        benchmarks=benchmarks(verdict),
        key_values=key_values(about),
        points=[key_points(series) for series in about.series],
        correlations=correlations(about),
        signals=signals(about),
    )


def as_index(entries: Sequence[Mapping[str, str]], refused: Mapping[str, str]) -> str:
    """Write the page that links to several reports."""
    return _template("index.html").render(entries=entries, refused=refused)


def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("heldout.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["heading"] = heading_of
    environment.globals |= {"version": heldout.__version__, "chart_colours": stylesheet()}
    return environment.get_template(name)
