"""An evaluation as it is recorded: a line of the run's curve, and a file of its samples."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heldout.evaluation.score import EvaluationResult
from heldout.store.afterwards import add_evaluation
from heldout.store.layout import RUN
from heldout.store.lines import replacing
from heldout.store.recorder import Recorder


def seed_drawn(sampling: Mapping[str, Any]) -> int | None:
    """Return the seed of what was sampled with these settings; the likeliest answers have none.

    >>> seed_drawn({"seed": 3}), seed_drawn({"seed": 3, "temperature": 0.0})
    (3, None)
    """
    return None if not sampling.get("temperature", 1.0) else int(sampling.get("seed", 0))


def record(
    result: EvaluationResult, directory: Path, about: Mapping[str, Any], seed: int | None = None
) -> tuple[Path, str]:
    """Record an evaluation in a run directory that `heldout report` reads; return the file of its samples.

    That file has a line for each sample, with what became of it; ``heldout eval`` reads it again. An evaluation is
    added to a run that is there already, its own or that of a training, of which it continues the curve; how is
    returned as well. A RecordError where the directory cannot be written or belongs to something else.
    """
    if not (directory / RUN).exists():
        Recorder(directory, config=about).close()
    _, said = add_evaluation(
        directory,
        result.evaluation,
        seed=seed,
        model=about.get("model"),
        mean_length=None if math.isnan(result.mean_length) else result.mean_length,
        cut=result.cut,
        errors=dict(result.errors),
    )
    path = directory / f"samples-{f'seed-{seed}-' if seed else ''}step-{result.evaluation.step:08d}.jsonl"
    lines = [
        {"id": problem.id, "completion": one.text, "tokens": one.tokens, "stop": one.stop, "kind": kind}
        | {"extracted": found.summary}
        for problem, *of_it in zip(result.problems, result.completions, result.kinds, result.extracted, strict=True)
        for one, kind, found in zip(*of_it, strict=True)
    ]
    with replacing(path) as new:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        new.write_bytes(text.encode("utf-8", "replace"))  # half characters, which a file of samples may hold
    return path, said
