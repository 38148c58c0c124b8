"""``audit``: a reward before it is trained on, or what hidden tests say of the answers that a run kept."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from heldout.cli.judging import (
    Column,
    Limit,
    Memory,
    Packages,
    Sandbox,
    Seconds,
    Seed,
    SplitOrNone,
    Stop,
    TaskOrNone,
    Where,
    names_of,
)
from heldout.cli.reading import pair, typed_text
from heldout.errors import UsageError


def audit(
    what: Annotated[
        str,
        typer.Argument(
            metavar="REWARD|RUN",
            help="A reward: tests, exit-status, module:function, file.py:function, a command; or a run directory, a "
            "folder of rollouts, or one of their files (./tests where a folder is called like a reward).",
        ),
    ],
    task: TaskOrNone = None,
    column: Column = None,
    split: SplitOrNone = None,
    messages: Annotated[
        bool, typer.Option("--messages", help="Give a reward conversations [default: where it cannot read texts].")
    ] = False,
    solutions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answers that may be right, as a file of samples.")
    ] = None,
    limit: Limit = None,
    every: Annotated[bool, typer.Option("--all", help="Every problem, instead of a sample.")] = False,
    seed: Seed = 0,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 10.0,
    within: Annotated[
        float | None,
        typer.Option(
            min=1.0, metavar="SECONDS", help="Time for an audit: it takes fewer problems, and says what was not asked."
        ),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FLAW",
            help="Exit with status 3 where it is found: paid-trick, partly-paid, rejected-right, weak-tests or flaky.",
        ),
    ] = None,
    text: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Try this answer alone on the reward, instead of an audit.")
    ] = None,
    problem: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this problem; several times for more.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Also write a page, JSON, and the texts that show flaws.")
    ] = None,
    regrade: Annotated[
        str | None,
        typer.Option(metavar="REWARD", help="Score the answers of a run by another reward."),
    ] = None,
    stop: Stop = None,
    sandbox: Sandbox = "auto",
    where: Where = "",
    seconds: Seconds = None,
    memory: Memory = None,
    packages: Packages = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a program.")] = False,
) -> None:
    """Audit a reward before training on it, or judge the answers that a run kept by hidden tests.

    Of a reward: which wrong answers does it pay, which right ones does it reject, is it steady? The answers of a run
    are judged by the tests of its own task if none is named, and the outcomes are added beside the rollouts; --regrade
    and --stop are for them. All else but --task, --column, the sandbox and its limits is for a reward.

    Examples:  heldout audit mine.py:reward --task problems.jsonl -o audit --fail-on paid-trick
    ·   heldout audit runs/today --task problems.jsonl   ·   heldout audit runs/today --regrade mine:reward
    """
    from heldout.rewards.formula import NAMED
    from heldout.sandbox.base import limits_given

    if not what.strip():
        raise UsageError("The name of what is to be audited is empty; give a reward or a run.")
    run = what not in NAMED and _is_run(Path(what))
    of_reward: dict[str, object] = {"--split": split, "--messages": messages, "--solutions": solutions}
    of_reward |= {"--limit": limit, "--all": every, "--seed": seed}
    of_reward |= {"--within": within, "--fail-on": fail_on, "--text": text, "--problem": problem, "-o": out}
    _refuse_others(what, "a run" if run else "a reward", of_reward if run else {"--regrade": regrade, "--stop": stop})
    shared: dict[str, Any] = {
        "columns": dict(pair("column", one) for one in column or []),
        "sandbox": sandbox,
        "where": where,
        "limits": limits_given({"seconds": seconds, "memory": memory}),
        "packages": names_of(packages),
        "as_json": as_json,
    }
    if run:
        from heldout.audit import run_command

        stops = None if stop is None else [typed_text(one) for one in stop if one]
        run_command.main(run_command.Request(Path(what), task, regrade=regrade, stop=stops, **shared))
        return
    from heldout.audit import reward_command

    request = reward_command.Request(
        what,
        task or "",
        split=split,
        solutions=solutions,
        limit=limit,
        every=every,
        seed=seed,
        messages=messages or None,
        timeout=timeout,
        fail_on=fail_on or (),
        text=text,
        problem_ids=problem or (),
        budget=within or math.inf,
        **shared,
    )
    status = reward_command.main(request, out)
    if status:
        raise typer.Exit(status)


def _is_run(path: Path) -> bool:
    """Whether a path holds rollouts, rather than a reward: a program, or source of Python."""
    return path.is_dir() or (path.is_file() and path.suffix != ".py" and not os.access(path, os.X_OK))


def _refuse_others(what: str, kind: str, options: Mapping[str, object]) -> None:
    """Refuse options that say nothing of what is audited; nothing that was typed passes silently."""
    given = [name for name, value in options.items() if value]
    if given:
        raise UsageError(f"{what} is {kind}, of which {given[0]} says nothing; leave it out.")
