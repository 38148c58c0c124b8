"""What `heldout eval` does: load the problems, get completions, judge them, print the result and record it."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from heldout.errors import UsageError
from heldout.evaluation.saved import Agreement, agreement, is_saved, read_saved
from heldout.evaluation.score import (
    INFRASTRUCTURE,
    SOLVED,
    EvaluationResult,
    PairedDifference,
    compare,
    evaluate,
    interval,
    score,
)
from heldout.evaluation.whose import shown
from heldout.metrics.phrasing import few_problems
from heldout.sandbox import open_sandbox
from heldout.sandbox.base import Sandbox
from heldout.stats.levels import ENOUGH_PROBLEMS
from heldout.store.layout import RUN
from heldout.store.lines import replacing
from heldout.store.recorder import Recorder
from heldout.tasks import Problem, Task, load_task
from heldout.text import counted

_USE = {
    "train": "the problems that are trained on: this says nothing about new ones",
    "validation": "for choosing; report on the test split",
    "test": "for reporting; choose on the validation split",
}
_HARDEST = 10  # problems in the table


@dataclass(frozen=True)
class Request:
    """What is to be measured, and how."""

    task: str = "embedded"  # as in `load_task`
    split: str = "validation"
    limit: int | None = None  # take the first so many problems
    samples: int = 1  # completions of each problem; saved samples have their own number
    ks: Sequence[int] = ()  # which pass@k besides pass@1
    sandbox: str = "monty"
    policy: Mapping[str, Any] = field(default_factory=dict)  # settings of `TransformersPolicy`
    step: int | None = None  # of the training; None reads it off each model's name
    stops: Sequence[str] = ()  # texts at which answers are cut


def main(models: Sequence[str], request: Request, out: Path | None = None) -> None:
    """Evaluate one or two models or files of saved samples, print what was found, and record it.

    A model is a folder or a name of the hub. Where `out` is given a run directory is written, or one for each of two.
    """
    if len(models) > 2:
        raise UsageError(f"There are {len(models)} models; give one, or two that are to be compared.")
    console = Console(highlight=False)
    task = load_task(request.task)
    problems = task.split(request.split)[: request.limit]
    _say(console, f"{task.name}, {request.split} split ({_USE[request.split]}): {counted(len(problems), 'problem')}")
    _notes(console, task.notes)
    results = []
    with open_sandbox(request.sandbox) as sandbox:
        for model, folder in zip(models, _folders(models), strict=True):
            result = _measured(model, request, task, problems, sandbox, console)
            results.append(result)
            show(console, model, result)
            if out is not None:
                _say(console, f"\n{record(result, out / folder, {'model': model, **asdict(request)})}")
    if len(results) == 2:
        show_difference(console, models, compare(results[0].evaluation, results[1].evaluation))


def record(result: EvaluationResult, directory: Path, about: Mapping[str, Any]) -> Path:
    """Record an evaluation as a run directory that `heldout report` reads; return the file of samples beside it.

    That file has a line for each sample, with what became of it; ``heldout eval`` reads it again. An evaluation of
    another step is added to a directory that is there already, so that the checkpoints of one training make one run. A
    RecordError where the directory cannot be written or belongs to something else.
    """
    with Recorder(directory, config=about, resume=(directory / RUN).exists()) as recorder:
        recorder.evaluated(
            result.evaluation,
            mean_length=None if math.isnan(result.mean_length) else result.mean_length,
            cut=result.cut,
            errors=dict(result.errors),
        )
    path = directory / f"samples-step-{result.evaluation.step:08d}.jsonl"
    lines = [
        {"id": problem.id, "completion": one.text, "tokens": one.tokens, "stop": one.stop, "kind": kind}
        for problem, several, kinds in zip(result.problems, result.completions, result.kinds, strict=True)
        for one, kind in zip(several, kinds, strict=True)
    ]
    with replacing(path) as new:
        new.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def show(console: Console, model: str, result: EvaluationResult) -> None:
    """Print what one evaluation found."""
    outcomes = result.evaluation.outcomes
    assert outcomes is not None
    table = Table(title=escape(model), title_justify="left", show_header=False, box=None, pad_edge=False)
    for k, (estimate, se) in sorted(result.pass_at.items()):
        low, high = interval(estimate, se, len(outcomes), float(outcomes.samples.mean()))
        table.add_row(f"pass@{k}", f"{estimate:.1%}  (95 % interval {low:.1%} to {high:.1%})")
    table.add_row("samples", f"{int(outcomes.samples.sum())} on {counted(len(outcomes), 'problem')}")
    if not math.isnan(result.mean_length):
        table.add_row("length", f"{result.mean_length:.1f} tokens on average, {result.cut:.1%} cut")
    table.add_row("failed", ", ".join(f"{kind} {times}" for kind, times in result.errors.items()) or "none")
    console.print()
    console.print(table)
    if lacking := result.errors.get("unsupported"):
        _say(
            console,
            f"{counted(lacking, 'program')} used what this sandbox lacks and count as failed; --sandbox bubblewrap "
            "runs all of Python.",
            "yellow",
        )
    if lost := result.errors.get(INFRASTRUCTURE):
        _say(console, f"The sandbox itself failed on {counted(lost, 'program')}, which do not count.", "yellow")
    each = float(outcomes.samples.mean())
    if each > 1.0 and len(outcomes) < ENOUGH_PROBLEMS and 1 in result.pass_at:
        _say(console, few_problems(len(outcomes), each, *interval(*result.pass_at[1], len(outcomes), each)), "dim")
    _hardest(console, result)


def show_difference(console: Console, models: Sequence[str], found: PairedDifference) -> None:
    """Print how two models compare."""
    p = f"p = {found.p:.2g}" if math.isfinite(found.p) else "no p-value"
    _say(
        console,
        f"\n{models[1]} against {models[0]}, paired on {counted(found.problems, 'problem')}: "
        f"{100 * found.difference:+.1f} points (95 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f}, "
        f"{p}, {found.test}); better on {found.won}, worse on {found.lost}.",
    )
    if found.left_out:
        _say(console, f"{counted(found.left_out, 'problem')} that only one of them was measured on left out.", "yellow")


def show_agreement(console: Console, key: str, found: Agreement) -> None:
    """Print how far the verdicts that a file holds under a key are ours; nothing where it holds none."""
    if not found.judged:
        return
    text = f"The file's own verdicts ({key}) agree with these on {found.agreed} of {counted(found.judged, 'sample')}"
    if found.only_theirs:
        text += f"; passed there and failed here: {shown(found.only_theirs)}"
    if found.only_ours:
        text += f"; failed there and solved here: {shown(found.only_ours)}"
    _say(console, f"\n{text}.", "" if found.agreed == found.judged else "yellow")


def _measured(
    model: str, request: Request, task: Task, problems: Sequence[Problem], sandbox: Sandbox, console: Console
) -> EvaluationResult:
    """Evaluate a model, or judge saved samples."""
    benchmark, ks = f"{task.name}-{request.split}", sorted({1, *request.ks})
    step = _step_of(model) if request.step is None else request.step
    if not is_saved(model):
        from heldout.evaluation.transformers import load_policy

        policy = load_policy(model, **request.policy)
        return evaluate(policy, problems, sandbox, step=step, samples=request.samples, benchmark=benchmark, ks=ks)
    saved = read_saved(Path(model), task, problems, request.stops)
    _notes(console, saved.notes)
    there = [one for one in zip(problems, saved.completions, saved.verdicts, strict=True) if one[1]]
    if not there:
        raise UsageError(f"{model} holds no sample of a problem of the {request.split} split of {task.name}.")
    chosen, texts, verdicts = zip(*there, strict=True)
    result = score(chosen, texts, sandbox, step=step, benchmark=benchmark, ks=ks)
    show_agreement(console, saved.verdict, agreement(chosen, result.kinds, verdicts))
    return result


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, markup=False, soft_wrap=True)


def _notes(console: Console, notes: Sequence[str]) -> None:
    for note in notes:
        _say(console, f"note: {note}", "dim")


def _hardest(console: Console, result: EvaluationResult) -> None:
    """Print the problems with the lowest share of solved samples, and how they mostly fail."""
    shares = [kinds.count(SOLVED) / len(kinds) for kinds in result.kinds]
    failing = sorted((place for place, share in enumerate(shares) if share < 1), key=lambda place: shares[place])
    if not failing:
        return
    table = Table(title=f"Hardest, {min(_HARDEST, len(failing))} of {len(failing)} not always solved", box=None)
    table.title_justify = "left"
    for heading in ("problem", "solved", "fails mostly by"):
        table.add_column(heading)
    for place in failing[:_HARDEST]:
        kinds = result.kinds[place]
        (most, _), *_ = Counter(kind for kind in kinds if kind != SOLVED).most_common(1)
        table.add_row(escape(result.problems[place].id), f"{kinds.count(SOLVED)} of {len(kinds)}", most)
    console.print()
    console.print(table)


def _step_of(model: str) -> int:
    """Read the training step off a name such as checkpoint-400 or samples-step-00000400.jsonl; 0 without one."""
    found = re.search(r"(?:checkpoint|step)[-_](\d+)(?:\.(?:jsonl?(?:\.gz)?|parquet))?/*$", model)
    return int(found[1]) if found else 0


def _folders(models: Sequence[str]) -> list[str]:
    """Name the folders of two models, by number where their names are alike; a single one needs none."""
    if len(models) == 1:
        return [""]
    names = [re.sub(r"[^\w.-]+", "-", Path(model).name.split(".json")[0]) or "model" for model in models]
    return names if len(set(names)) == len(names) else [f"{name}-{place}" for place, name in enumerate(names, 1)]
