"""``bench …``: the benchmarks of a checkout; they are no part of the installed package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import typer

import heldout
from heldout.errors import UsageError


def bench(context: typer.Context) -> None:
    """Measure heldout against named alternatives on this machine; wants a checkout of the repository."""
    checkout = Path(heldout.__file__).resolve().parents[2]
    if not (checkout / "benchmarks" / "commands.py").is_file():
        raise UsageError(
            "The benchmarks are no part of the installed package; they live in the folder benchmarks of heldout's "
            "repository: clone it, install it with pip install -e '.[dev,bench]', and run this command again."
        )
    sys.path.insert(0, str(checkout))
    commands = importlib.import_module("benchmarks.commands")
    commands.app(args=context.args, prog_name="heldout bench")
