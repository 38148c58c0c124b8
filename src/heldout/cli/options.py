"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Logs, run directories, or example:NAME.")]
Reward = Annotated[str | None, typer.Option("--reward", metavar="KEY", help="Which metric is the training reward.")]
Eval = Annotated[str | None, typer.Option("--eval", metavar="KEY", help="Which metric is the held-out score.")]
Length = Annotated[str | None, typer.Option("--length", metavar="KEY", help="Which metric is the response length.")]
Problems = Annotated[int | None, typer.Option("--problems", min=1, help="Held-out problems per evaluation.")]
Samples = Annotated[int, typer.Option("--samples", min=1, help="Samples per held-out problem.")]
OneRun = Annotated[str | None, typer.Option("--run", metavar="NAME", help="Which run, where a log holds several.")]


def roles_of(reward: str | None, held_out: str | None, length: str | None) -> dict[str, str]:
    """Return what the user said about which metric plays which part."""
    return {role: key for role, key in (("reward", reward), ("held_out", held_out), ("length", length)) if key}
