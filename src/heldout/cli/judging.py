"""What the commands that judge answers by a task have in common: the task, and where programs run.

Each option is declared once, with one meaning.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Column = Annotated[
    list[str] | None,
    typer.Option(metavar="OURS=THEIRS", help="A column of the task is called otherwise, such as prompt=question."),
]
_TASK = typer.Option("--task", help="embedded, a .jsonl file of problems, or hf:OWNER/NAME.")
Task = Annotated[str, _TASK]
TaskOrNone = Annotated[str | None, _TASK]
_SPLIT = typer.Option(help="validation is for choosing, test for reporting.")
Split = Annotated[Literal["train", "validation", "test"], _SPLIT]
SplitOrNone = Annotated[Literal["train", "validation", "test"] | None, _SPLIT]
Limit = Annotated[int | None, typer.Option(min=1, help="Take the first so many problems of the split.")]
Seed = Annotated[int, typer.Option(min=0, help="Of what is drawn; the same gives the same.")]
Stop = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help="Cut answers here; several times for more, '' for nowhere [default: by task]."),
]
Sandbox = Annotated[
    str, typer.Option(help="What programs run in: auto (as each needs), monty (part of Python) or bubblewrap.")
]
Where = Annotated[
    str,
    typer.Option(
        metavar="CLUSTER",
        help="Do it on a cluster of Ray that sees the same files: ray://auto or ray://HOST:PORT [default: here].",
    ),
]
Seconds = Annotated[
    float | None, typer.Option(min=0.01, help="Processor seconds of each call [default: by task, else 2].")
]
Memory = Annotated[int | None, typer.Option(min=1, metavar="MIB", help="Of a program [default: by task, else 256].")]
Packages = Annotated[
    str | None, typer.Option(metavar="NAMES", help="What programs may import, with commas [default: numpy].")
]


def names_of(packages: str | None) -> list[str] | None:
    """Return what ``--packages`` names; None where it was not given."""
    return None if packages is None else [one.strip() for one in packages.split(",") if one.strip()]
