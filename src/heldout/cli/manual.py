"""Pages of the manual: ``metrics``, ``detectors`` and ``tricks``, made from what they are about."""

from __future__ import annotations

from typing import Annotated

import typer

from heldout.cli.reading import Reading


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
