"""``eval``: measure policies on held-out problems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from heldout.cli.reading import SAMPLES


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL [MODEL_B]", help="A model's folder or name, or saved samples (SAMPLES.jsonl)."),
    ],
    task: Annotated[
        str, typer.Option("--task", help="embedded, a .jsonl file of problems, or hf:OWNER/NAME.")
    ] = "embedded",
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="validation is for choosing, test for reporting.")
    ] = "validation",
    samples: Annotated[int, SAMPLES] = 1,
    k: Annotated[
        list[int] | None, typer.Option("-k", min=1, help="Also estimate pass@k; may be given several times.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take the first so many problems of the split.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sampling; the same for both models.")] = 0,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the sampling; 0 takes the likeliest token.")] = 1.0,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Longest completion, in tokens.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Completions that are generated together.")] = 256,
    chat: Annotated[bool, typer.Option("--chat", help="Give prompts in the model's chat template.")] = False,
    sandbox: Annotated[str, typer.Option(help="Where programs run: monty or bubblewrap.")] = "monty",
    step: Annotated[
        int | None, typer.Option(min=0, help="Training step of the model; else the number its name ends with, or 0.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Also record the outcome of every problem, and the samples.")
    ] = None,
) -> None:
    """Measure a model, or saved samples, on held-out problems: pass@k with its interval; two models are compared.

    Examples:  heldout eval runs/today/policy --split test   ·   heldout eval a b --samples 4   ·   heldout eval s.jsonl
    """
    from heldout.evaluation.command import Request
    from heldout.evaluation.command import main as measure

    policy = {
        "seed": seed,
        "temperature": temperature,
        "max_new_tokens": max_new_tokens,
        "batch_size": batch_size,
        "chat": chat,
    }
    measure(models, Request(task, split, limit, samples, k or [], sandbox, policy, step), out)
