"""Runs, verdicts, charts and comparisons as a notebook shows them, on a light ground and on a dark one.

Words take the notebook's own colours; a figure brings its ground with it, and follows the notebook's theme where that
is told by Jupyter or VS Code, else the browser's. Everything that comes from a log is escaped.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from heldout.charts import Chart, draw, dual_axis, reward_and_held_out, svg
from heldout.charts.palettes import PALETTES, as_variables
from heldout.diagnosis.entries import as_told, by_detector
from heldout.errors import HeldoutError
from heldout.findings import Verdict
from heldout.metrics import ROLES
from heldout.pages import template
from heldout.report.tables import not_checked
from heldout.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from heldout.compare.model import Comparison

MOST_METRICS = 12  # rows of the table of a run
# What the page of a notebook says of itself.
_DARK = (
    '[data-jp-theme-light="false"]',
    ".vscode-dark",
    '[data-theme="dark"]',
)
_LIGHT = ('[data-jp-theme-light="true"]', ".vscode-light", '[data-theme="light"]')
_FIGURE = "svg.heldout-figure"


def run_as_html(run: Run) -> str:
    """Show a run: what it is, its standard figure, and its metrics, those that play a part first."""
    parts = {key: role.replace("_", "-") for role, key in run.roles.items()}
    first = [run.roles[role] for role in ROLES if role in run.roles]
    keys = sorted(run.metrics, key=lambda key: first.index(key) if key in first else len(first) + (key not in parts))
    return template("run.html", __package__).render(
        run=run, figure=_figure_of(run), parts=parts, keys=keys[:MOST_METRICS], rest=len(keys) - MOST_METRICS
    )


def verdict_as_html(verdict: Verdict) -> str:
    """Show a verdict: its state and sentence, what was found besides, and what was not checked."""
    entries = by_detector(as_told(verdict))
    return template("verdict.html", __package__).render(
        verdict=verdict, entries=entries, unchecked=not_checked(verdict)
    )


def comparison_as_html(found: Comparison) -> str:
    """Show a comparison in the words and the table of the terminal."""
    from rich.console import Console

    from heldout.compare.terminal import show

    console = Console(record=True, file=io.StringIO(), width=100)
    show(console, found)
    return console.export_html(inline_styles=True, code_format='<pre style="line-height:1.3">{code}</pre>')


def chart_as_svg(chart: Chart) -> str:
    """Draw a chart whose colours follow the page that it is put into."""
    drawing = as_variables(svg(chart)).replace("<svg ", '<svg class="heldout-figure" ', 1)
    head, close, rest = drawing.partition(">")
    return f"{head}{close}<style>{_colours()}</style>{rest}"


def plot(run: Run, left: str, right: str | None, ax: Axes | None, **wanted: Any) -> Axes:
    """Draw the standard figure of a run, or of two of its metrics, on axes of matplotlib."""
    standard = (left, right) == ("reward", "held_out")
    return draw(reward_and_held_out(run, **wanted) if standard else dual_axis(run, left, right, **wanted), ax)


def _figure_of(run: Run) -> Markup:
    """The standard figure, or nothing where there is nothing to draw."""
    try:
        return Markup(chart_as_svg(reward_and_held_out(run)))  # the drawing is ours, and its words are escaped
    except HeldoutError:
        return Markup("")


def _colours() -> str:
    """Rules that give a figure the colours of the light palette or of the dark one."""
    light, dark = (_rule(PALETTES[theme]) for theme in ("light", "dark"))
    by_page = "".join(
        f"{', '.join(f'{page} {_FIGURE}' for page in pages)} {{{rule}}} "
        for pages, rule in ((_LIGHT, light), (_DARK, dark))
    )
    return f"{_FIGURE} {{{light}}} @media (prefers-color-scheme: dark) {{ {_FIGURE} {{{dark}}} }} {by_page}"


def _rule(palette: Mapping[str, str]) -> str:
    return " ".join(f"--chart-{role}: {colour};" for role, colour in palette.items())
