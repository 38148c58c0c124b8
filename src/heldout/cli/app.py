"""The two Typer applications that commands are added to."""

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
bench_app = typer.Typer(no_args_is_help=True, help="Measure heldout against named alternatives on this machine.")
app.add_typer(bench_app, name="bench")
