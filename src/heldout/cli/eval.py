"""``eval``: measure policies on held-out problems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from heldout.cli.judging import (
    Column,
    Limit,
    Memory,
    Packages,
    Sandbox,
    Seconds,
    Seed,
    Split,
    Stop,
    Task,
    Where,
    names_of,
)
from heldout.cli.reading import SAMPLES, pair, typed_text


def evaluate(
    context: typer.Context,
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL [MODEL_B]",
            help="Folder, name, http://HOST:PORT/v1, saved samples (SAMPLES.jsonl), or a RUN: its checkpoints.",
        ),
    ],
    task: Task = "embedded",
    column: Column = None,
    variant: Annotated[
        str, typer.Option(metavar="NAME", help="Another question of the set: published (MBPP), input (CRUXEval).")
    ] = "",
    split: Split = "validation",
    samples: Annotated[int, SAMPLES] = 1,
    k: Annotated[
        list[int] | None, typer.Option("-k", min=1, help="Also estimate pass@k; may be given several times.")
    ] = None,
    limit: Limit = None,
    seed: Seed = 0,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the sampling; 0 takes the likeliest token.")] = 1.0,
    top_p: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Likeliest tokens that have this share; 1: all.")
    ] = 1.0,
    top_k: Annotated[int, typer.Option(min=0, help="So many likeliest tokens; 0: all.")] = 0,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Longest completion, in tokens.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Completions that are generated together.")] = 256,
    engine: Annotated[
        Literal["transformers", "vllm"], typer.Option(help="What samples from a model that is loaded here.")
    ] = "transformers",
    chat: Annotated[bool, typer.Option("--chat", help="Give prompts in the model's chat template.")] = False,
    stop: Stop = None,
    extract: Annotated[
        Literal["heldout", "strict", "evalplus", "livecodebench"],
        typer.Option(help="How the program is found; strict: last block or whole text; or as those harnesses do it."),
    ] = "heldout",
    compare: Annotated[
        str, typer.Option(metavar="NAME", help="How values and texts are compared, such as strict [default: by task].")
    ] = "",
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="NAME", help="What the server calls the model.")
    ] = None,
    api_key_env: Annotated[str, typer.Option(metavar="VARIABLE", help="Variable with the server's key.")] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="Requests to a server that are under way together.")] = 16,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds to wait for an answer.")] = 600.0,
    sandbox: Sandbox = "auto",
    where: Where = "",
    seconds: Seconds = None,
    memory: Memory = None,
    output: Annotated[
        int | None, typer.Option(min=1, metavar="BYTES", help="Of a value [default: by task, else 10000].")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="And threads of a program [default: 4].")] = None,
    packages: Packages = None,
    step: Annotated[
        int | None, typer.Option(min=0, help="Training step of the model; else the number its name ends with, or 0.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Also record the outcome of every problem, and the samples.")
    ] = None,
) -> None:
    """Measure a model, or saved samples, on held-out problems: pass@k with its interval; two models are compared.

    With -o RUN of a training, and for a RUN itself, its own task and sampling hold where nothing else is said.

    Examples:  heldout eval runs/today/policy --split test   ·   heldout eval runs/today   ·   heldout eval a b -k 4
    ·   heldout eval s.jsonl   ·   heldout eval http://localhost:8000/v1 --model NAME --chat -o evals
    """
    from heldout.evaluation.command import Request
    from heldout.evaluation.command import main as measure
    from heldout.sandbox.base import limits_given

    sampling = {
        "seed": seed,
        "temperature": temperature,
        "top_p": top_p,
        "top_k": top_k,
        "max_new_tokens": max_new_tokens,
        "chat": chat,
    }
    request = Request(
        task,
        dict(pair("column", text) for text in column or []),
        variant,
        split,
        limit,
        samples,
        k or [],
        sandbox,
        limits_given({"seconds": seconds, "memory": memory, "output": output, "processes": processes}),
        names_of(packages),
        sampling,
        stop=None if stop is None else [typed_text(text) for text in stop if text],
        extract=extract,
        compare=compare,
        batch_size=batch_size,
        engine=engine,
        step=step,
        names=model or [],
        key_variable=api_key_env,
        concurrency=concurrency,
        timeout=timeout,
        where=where,
    )
    sources = {name: context.get_parameter_source(name) for name in context.params}
    typed = {name for name, source in sources.items() if source is not None and source.name != "DEFAULT"}
    measure(models, request, out, typed)
