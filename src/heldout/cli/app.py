"""The Typer application that commands are added to."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="heldout",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="What reinforcement learning of code models really does: the reward, the held-out pass rate, and what the two "
    "curves mean.",
)
