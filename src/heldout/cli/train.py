"""``train``: make a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from heldout.cli.app import app
from heldout.errors import UsageError
from heldout.train.config import with_flags


@app.command()
@with_flags
def train(
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Directory of the run [default: runs/ and the recipe's name].")
    ] = None,
    recipe: Annotated[str, typer.Option(help="Start from a recipe: honest, exit-hack or reward-model.")] = "",
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings as a TOML file.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the directory, as it began.")] = False,
    **settings: Any,
) -> None:
    """Train a code model by GRPO with verified rewards, measured on held-out problems and recorded.

    A recipe is overridden by the file, the file by flags. SIGTERM or Ctrl-C saves a checkpoint and stops.

    Examples:  heldout train --recipe honest   ·   heldout train --model Qwen/Qwen2.5-Coder-0.5B --task mine.jsonl
    """
    from rich.console import Console

    from heldout.train import require_extra
    from heldout.train.config import load_config, settings_of

    require_extra()
    from heldout.train.grpo import train as run

    directory = out or Path("runs") / (recipe or "train")
    if resume and (recipe or config or settings):
        raise UsageError("--resume goes on with the settings of the run; leave recipe, file and other flags away.")
    chosen = settings_of(directory) if resume else load_config(recipe, config, **settings)
    finished = run(chosen, directory, resume=resume, console=Console(stderr=True, highlight=False))
    again = "" if finished else f"; go on with: heldout train --resume -o {directory}"
    print(f"{directory}: {'finished' if finished else 'stopped'}{again}")
