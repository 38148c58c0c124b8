"""``audit``: what hidden tests say of the answers that a run kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from heldout.cli.reading import pair, typed_text


def audit(
    what: Annotated[
        str, typer.Argument(metavar="RUN", help="A run directory, a folder of rollouts, or one of their files.")
    ],
    task: Annotated[
        str | None,
        typer.Option("--task", help="embedded, a .jsonl file of problems, or hf:OWNER/NAME."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="OURS=THEIRS", help="A column of the task is called otherwise, such as prompt=question."),
    ] = None,
    regrade: Annotated[
        str | None,
        typer.Option(metavar="REWARD", help="Score the answers by another reward: tests, module:function, a command …"),
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT", help="Cut answers here; several times for more, '' for nowhere [default: by task]."
        ),
    ] = None,
    sandbox: Annotated[
        str, typer.Option(help="Where programs run: auto (as each needs), monty (part of Python) or bubblewrap.")
    ] = "auto",
    seconds: Annotated[
        float | None, typer.Option(min=0.01, help="Processor seconds of each call [default: by task, else 2].")
    ] = None,
    memory: Annotated[
        int | None, typer.Option(min=1, metavar="MIB", help="Of a program [default: by task, else 256].")
    ] = None,
    packages: Annotated[
        str | None, typer.Option(metavar="NAMES", help="What programs may import, with commas [default: numpy].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a program.")] = False,
) -> None:
    """Judge the answers that a run kept by hidden tests, those of the run's own task if none is named.

    The outcomes are added beside the rollouts.

    Examples:  heldout audit runs/today --task problems.jsonl   ·   heldout audit runs/today --regrade mine:reward
    """
    from heldout.audit.run_command import Request, main
    from heldout.sandbox.base import limits_given

    request = Request(
        Path(what),
        task,
        dict(pair("column", text) for text in column or []),
        regrade,
        None if stop is None else [typed_text(text) for text in stop if text],
        sandbox,
        limits_given({"seconds": seconds, "memory": memory}),
        None if packages is None else [one.strip() for one in packages.split(",") if one.strip()],
        as_json=as_json,
    )
    main(request)
