"""``chart``, and pages of the manual: ``metrics``, ``detectors`` and ``tricks``, made from what they are about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from heldout.cli.reading import Reading, with_reading


@with_reading()
def chart(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A log, a run directory, or example:NAME.")],
    left: Annotated[str, typer.Option(help="Metric on the left axis: a key, or reward, held_out, length.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write: .svg, .png or .pdf.")],
    right: Annotated[
        list[str] | None, typer.Option(help="Metric on the right axis; may be given up to four times.")
    ] = None,
    width: Annotated[
        float, typer.Option(min=4.0, max=60.0, help="Width in centimetres; a paper's column is 8.5.")
    ] = 16.0,
    theme: Annotated[Literal["light", "dark"], typer.Option(help="Colours for a light or a dark page.")] = "light",
    title: Annotated[str, typer.Option(help="A title above the figure.")] = "",
    window: Annotated[float | None, typer.Option(min=1.0, help="Smoothing window in steps.")] = None,
    *,
    reading: Reading,
) -> None:
    """Draw any two metrics of a run against each other.

    Example:  heldout chart runs/today --left reward --right held_out -o figure.pdf --width 8.5
    """
    from heldout.charts import dual_axis, save

    drawn = dual_axis(reading.one(path), left, right or None, window=window)
    save(drawn.with_title(title) if title else drawn, out, width_cm=width, theme=theme)
    print(out)


def metrics(
    path: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="A log: the columns that it holds, as `columns` lists them.")
    ] = None,
) -> None:
    """Print what every metric name means, and the keys under which trainers log it (Markdown); or what a log holds."""
    if path is not None:
        from heldout.cli.columns import listed

        listed(path, Reading())
        return
    from heldout.metrics import as_markdown

    print(as_markdown(), end="")


def detectors() -> None:
    """Print what every detector asks, what it cannot see, and how often it is wrong (Markdown)."""
    from heldout.detectors import DETECTORS
    from heldout.detectors.question import as_markdown

    print(as_markdown(DETECTORS), end="")


def tricks() -> None:
    """Print what every family of tricks does, which rewards pay it, and what to change (Markdown)."""
    from heldout.tricks.page import as_markdown

    print(as_markdown(), end="")
