"""Files with one judged sample a line, as trainers write them at each validation: who solved what, problem by problem.

verl's ``validation_data_dir`` (``{step}.jsonl``), SkyRL's ``dumped_evals/global_step_N_evals/<data source>.jsonl``, the
``results.jsonl`` of verifiers and prime-rl, prime-rl's ``traces.jsonl``. The same trainers dump their training rollouts
in the same format. Those are scored by the reward, on problems that are trained on, and are never taken for held-out
outcomes: the names of the folders tell the two apart, and where they do not, a note says what was assumed. TRL's
``completions_*.parquet`` are training rollouts.

What it cannot see: whether the score is more than the reward. Hidden tests make it a held-out judge, the trained reward
does not.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from heldout.errors import NoRun
from heldout.readers.documents.json_lines import dropped_lines, rows_of
from heldout.readers.folders.places import is_held_out, is_training, step_in
from heldout.readers.log import Log, log_of, noted
from heldout.readers.source import Source
from heldout.run import Evaluation, Note, NoteKind, Outcomes
from heldout.steps import is_step
from heldout.text import counted

_ROLLOUT_COLUMNS = {"prompt", "completion", "advantage"}
_LOOKS_LIKE = (b'"input"', b'"input_prompt"', b'"example_id"', b'"traces"', b'"task"')
_NEAREST = 2  # folders above a file whose names count


class Kind(Enum):
    """Which problems the samples are of."""

    HELD_OUT = "held-out"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class Sample:
    """One judged sample: the problem's id, the score where it was judged, and what else the line says."""

    problem: str
    score: float | None
    step: int | None = None
    benchmark: str = ""
    kind: Kind | None = None


ReadSample = Callable[[Mapping[str, Any]], Sample | None]


def read(source: Source) -> list[Log] | None:
    """Read one file of judged samples as the evaluations that it holds.

    Raises `NoRun` where the samples are training rollouts, or their scores cannot be shares of problems solved.
    """
    if source.head.startswith(b"PAR1"):
        _refuse_completions(source)
        return None
    format = _format(source)
    if format is None:
        return None
    id, sample_of, usually = format
    by_folder = kind_of(source.path)
    samples, notes = ([], []) if by_folder is Kind.TRAINING else _samples(source, sample_of)
    held = [sample for sample in samples if sample.kind is not Kind.TRAINING]
    if by_folder is Kind.TRAINING or (samples and not held):
        raise NoRun(
            f"{source.path.name}: the samples are training rollouts by their folder or their lines; they are no "
            "held-out outcomes and were not used."
        )
    others = len(samples) - len(held)
    notes += noted(NoteKind.IGNORED, others, f"{source.path.name}: {counted(others, 'training rollout')} left out.")
    kind = next((sample.kind for sample in held if sample.kind is not None), by_folder or usually)
    evaluations = _evaluations(source, held, notes)
    if kind is None:
        text = (
            f"The samples in {source.path.parent.name}/ were taken as validation samples; if they are training "
            "rollouts, they are no held-out evidence (a folder named val or rollouts tells)."
        )
        notes.append(Note(NoteKind.ASSUMED, text))
    return [replace(log_of(evaluations, id, notes), maybe_training=kind is None)]


def kind_of(path: Path) -> Kind | None:
    """What the names of the folders above a file say; the nearest name that says something counts."""
    for part in path.resolve().parts[-2 : -2 - _NEAREST : -1]:
        if is_held_out(part):
            return Kind.HELD_OUT
        if is_training(part):
            return Kind.TRAINING
    return None


def _refuse_completions(source: Source) -> None:
    import polars as pl

    try:
        columns = set(pl.read_parquet_schema(source.file))
    except (pl.exceptions.PolarsError, OSError, ValueError):
        return
    if columns >= _ROLLOUT_COLUMNS:
        raise NoRun(
            f"{source.path.name}: TRL's sampled completions; training and evaluation rollouts are not told apart in "
            "them, so they are no held-out outcomes and count as answers only (heldout samples lists them)."
        )


def _format(source: Source) -> tuple[str, ReadSample, Kind | None] | None:
    """Recognise a format by the keys of the first line; what it is also depends on who writes it."""
    line, end, _ = source.head.partition(b"\n")
    if not line.lstrip().startswith(b"{") or not any(key in line for key in _LOOKS_LIKE):
        return None
    if not end and source.size > len(source.head):  # a sample longer than the head
        line = next(source.blocks(1), b"")
    rows = rows_of(line)[0]
    keys = rows[0].keys() if rows else set()
    if keys >= {"input", "output", "score", "step"}:
        return "verl-samples", _verl, None
    if keys >= {"input_prompt", "output_response", "score", "env_class"}:
        return "skyrl-evals", _skyrl, Kind.HELD_OUT  # written by evaluations only
    if keys >= {"example_id", "reward"}:
        return "verifiers-results", _verifiers, Kind.HELD_OUT  # written by evaluations only
    if keys >= {"traces", "env"} or keys >= {"task", "rewards", "nodes"}:
        return "prime-rl-traces", _trace, None
    return None


def _samples(source: Source, sample_of: ReadSample) -> tuple[list[Sample], list[Note]]:
    found, refused = list[Sample | None](), list[bytes]()
    for block in source.blocks():
        lines, bad = rows_of(block)
        refused += bad
        found += map(sample_of, lines)
    samples = [sample for sample in found if sample is not None]
    return samples, dropped_lines(source.path, refused, len(found) - len(samples))


def _evaluations(source: Source, samples: list[Sample], notes: list[Note]) -> list[Evaluation]:
    judged = [sample for sample in samples if sample.score is not None]
    unjudged = len(samples) - len(judged)
    text = f"{source.path.name}: {counted(unjudged, 'sample')} not judged and left out."
    notes += noted(NoteKind.DROPPED, unjudged, text)
    outside = sum(not 0 <= sample.score <= 1 for sample in judged if sample.score is not None)
    if outside:
        raise NoRun(
            f"{source.path.name}: samples with {counted(outside, 'score')} outside 0 to 1, which are no shares of "
            "problems solved; they were not used."
        )
    if not judged:
        raise NoRun(f"{source.path.name}: samples of which none was judged; nothing to read.")
    steps = {sample.step for sample in judged}
    from_path = _step_of(source.path) if None in steps else None
    if None in steps and from_path is None:
        text = f"{source.path.name}: neither the samples nor their folder tell the step; taken as step 0."
        notes.append(Note(NoteKind.ASSUMED, text))
    groups: dict[tuple[int, str], list[tuple[str, float]]] = {}
    for sample in judged:
        step = sample.step if sample.step is not None else from_path or 0
        groups.setdefault((step, sample.benchmark), []).append((sample.problem, sample.score or 0.0))
    return [Evaluation.of(step, outcomes_of(pairs), benchmark) for (step, benchmark), pairs in groups.items()]


def outcomes_of(samples: Iterable[tuple[str, float]]) -> Outcomes:
    """Group judged samples, each with its problem and a score within [0, 1], by problem."""
    judged: dict[str, list[float]] = {}
    for problem, score in samples:
        judged.setdefault(problem, []).append(score)
    scores = judged.values()
    return Outcomes.from_counts(list(judged), [sum(one) for one in scores], [len(one) for one in scores])


def _step_of(path: Path) -> int | None:
    """The step that the name of a file's nearest numbered folder gives."""
    found = (step_in(part) for part in reversed(path.resolve().parts[:-1]))
    return next((step for step in found if step is not None), None)


def _verl(line: Mapping[str, Any]) -> Sample | None:
    """A sample of verl: ``acc``, where the reward manager gives it, says what was right; ``score`` is the reward."""
    prompt, step = line.get("input"), line.get("step")
    if not isinstance(prompt, str) or not is_step(step):
        return None
    score = _finite(line.get("acc"))
    score = score if score is not None and 0 <= score <= 1 else _finite(line.get("score"))
    source = line.get("data_source")
    return Sample(_hashed(prompt), score, step, source if isinstance(source, str) else "validation")


def _skyrl(line: Mapping[str, Any]) -> Sample | None:
    """A sample of SkyRL's dumped evaluations; a score may be given token by token, and is their sum."""
    prompt, score, source = line.get("input_prompt"), line.get("score"), line.get("data_source")
    if not isinstance(prompt, str):
        return None
    parts = [_finite(part) for part in score] if isinstance(score, list) else [_finite(score)]
    known = [part for part in parts if part is not None]
    whole = sum(known) if known and len(known) == len(parts) else None
    return Sample(_hashed(prompt), whole, None, source if isinstance(source, str) else "validation")


def _verifiers(line: Mapping[str, Any]) -> Sample | None:
    """A result of verifiers; those that ended in an error have no reward that counts."""
    example = line.get("example_id")
    if not isinstance(example, (int, str)):
        return None
    task = next((line[key] for key in ("env_id", "task") if isinstance(line.get(key), str)), "")
    return Sample(str(example), None if line.get("error") else _finite(line.get("reward")), None, task or "validation")


def _trace(line: Mapping[str, Any]) -> Sample | None:
    """An episode of prime-rl, or one trace: the weighted rewards of the agents that have any, averaged."""
    traces = line["traces"] if isinstance(line.get("traces"), list) else [line]
    traces = [trace for trace in traces if isinstance(trace, Mapping)]
    task = _first_mapping([line.get("task"), *(trace.get("task") for trace in traces)])
    data = task.get("data") if isinstance(task.get("data"), Mapping) else {}
    assert isinstance(data, Mapping)
    problem = next((one for one in (task.get("key"), data.get("idx"), task.get("hash")) if one is not None), None)
    if problem is None:
        return None
    run = _first_mapping([line.get("run"), *(trace.get("run") for trace in traces)])
    work = run["work"] if isinstance(run.get("work"), Mapping) else run
    scores = [score for trace in traces if (score := _weighted(trace.get("rewards"))) is not None]
    failed = line.get("ok") is False or bool(line.get("errors"))
    env = _first_mapping([line.get("env")])
    return Sample(
        str(problem),
        None if failed or not scores else sum(scores) / len(scores),
        work["step"] if is_step(work.get("step")) else None,
        str(env.get("name") or env.get("id") or "validation"),
        {"train": Kind.TRAINING, "eval": Kind.HELD_OUT}.get(str(work.get("type"))),
    )


def _first_mapping(found: Iterable[Any]) -> Mapping[str, Any]:
    return next((one for one in found if isinstance(one, Mapping) and one), {})


def _weighted(rewards: Any) -> float | None:
    """The sum of the rewards of a trace, each with its weight, None where none was given."""
    parts = list(_parts(rewards)) if isinstance(rewards, Mapping) else []
    return sum(parts) if parts else None


def _parts(rewards: Mapping[str, Any]) -> Iterator[float]:
    for part in rewards.values():
        score = _finite(part.get("score")) if isinstance(part, Mapping) else _finite(part)
        weight = _finite(part.get("weight")) if isinstance(part, Mapping) else 1.0
        if score is not None:
            yield score * (1.0 if weight is None else weight)


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, (bool, int, float)) and math.isfinite(value) else None


def _hashed(prompt: str) -> str:
    return hashlib.blake2b(prompt.encode("utf-8", "replace"), digest_size=8).hexdigest()
