"""Measurements of a run's checkpoints that are made after the fact, or beside the training, added to its record.

They become part of the run's own curve: under the name that it gives these problems, in the session of training that
holds, and without a mark that the training was taken up again. An evaluation of a step that was measured before takes
its place where it was drawn with the same seed, and adds its samples where with another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Sized
from contextlib import suppress
from pathlib import Path
from typing import Any

from heldout.run import Evaluation, Outcomes
from heldout.store.evaluations import evaluation_columns, evaluations_at, kept_beside
from heldout.store.layout import (
    EVALS,
    METRICS,
    POOLED,
    RESUMED,
    RUN,
    SEED,
    SESSION,
    evaluation_file,
    known_run,
)
from heldout.store.lines import LineFile, dump_line, plain_mapping, read_rows, text_of

_Row = Mapping[str, Any]


def add_evaluation(
    directory: Path, measured: Evaluation, *, seed: int | None = None, **also: Any
) -> tuple[Evaluation, str]:
    """Add a measurement to a run that is recorded already, which may still be going on.

    Parameters
    ----------
    directory
        Of the run.
    measured
        With its problems one by one.
    seed
        Of its samples; None where that is not known, and then it takes the place of what the step had.
    also
        What else is known, as for `Recorder.evaluation`.

    Returns
    -------
    measured, said
        What the step has now, under the name that it is recorded by; and a sentence that says how it was added.
    """
    measured, old = _under_its_name(directory, measured)
    marks, begins = _sessions(directory)
    before = [(row, one) for row, one in old if one.step == measured.step and _holds(row, marks, begins)]
    first = _first_seed(directory)
    parts = {own: one for row, one in before if POOLED not in row and (own := row.get(SEED, first)) is not None}
    path = directory / evaluation_file(measured.benchmark)
    row = {
        **_columns(path, measured),
        **({SESSION: marks[-1]} if marks else {}),
        **({} if seed is None else {SEED: seed}),
    }
    row |= plain_mapping({key: one for key, one in also.items() if one is not None}, "also")
    lines, others = [row], [one for key, one in parts.items() if key != seed] if seed is not None else []
    if others:
        measured = _pooled([measured, *others])
        lines.append({**row, **_columns(path, measured), POOLED: sorted({seed, *parts} - {None})})
    path.parent.mkdir(exist_ok=True)
    file = LineFile(path)
    try:
        for line in lines:
            file.append(dump_line(line))
    finally:
        file.close()
    return measured, _said(measured, before, others, bool(old))


def _columns(path: Path, measured: Evaluation) -> dict[str, Any]:
    columns = evaluation_columns(measured)
    with suppress(OSError):  # then they stand in the line
        columns["problems"] = kept_beside(path, columns["problems"])
    return columns


def _under_its_name(directory: Path, measured: Evaluation) -> tuple[Evaluation, list[tuple[_Row, Evaluation]]]:
    """Give a measurement the name that the run has for its problems, if it has one; return what is under it, too."""
    assert measured.outcomes is not None
    asked = [text_of(problem) for problem in measured.outcomes.problems]
    known: dict[str, list[tuple[_Row, Evaluation]]] = {}
    for path in sorted((directory / EVALS).glob("*.jsonl")):
        for row, one in evaluations_at(path, asked):
            known.setdefault(one.benchmark, []).append((row, one))
    ids = {name: {problem for _, one in rows for problem in _outcomes(one).problems} for name, rows in known.items()}
    name = next((name for name, there in ids.items() if there == set(asked)), measured.benchmark)
    renamed = Evaluation.of(measured.step, measured.outcomes, name)
    return renamed, known.get(name, [])


def _pooled(measured: Sequence[Evaluation]) -> Evaluation:
    """Add up the samples of several measurements of one step, problem by problem."""
    passed: dict[str, float] = {}
    samples: dict[str, int] = {}
    for outcomes in map(_outcomes, measured):
        for problem, solved, drawn in zip(outcomes.problems, outcomes.passed, outcomes.samples, strict=True):
            passed[problem] = passed.get(problem, 0.0) + float(solved)
            samples[problem] = samples.get(problem, 0) + int(drawn)
    first = measured[0]
    return Evaluation.from_counts(
        first.step, list(passed), list(passed.values()), list(samples.values()), first.benchmark
    )


def _outcomes(measured: Evaluation) -> Outcomes:
    assert measured.outcomes is not None
    return measured.outcomes


def _sessions(directory: Path) -> tuple[list[float], list[float]]:
    """Return when the training was taken up again, and the first step that it logged each time; none: infinity."""
    marks, begins = list[float](), list[float]()
    for row in read_rows(directory / METRICS).rows:
        if RESUMED in row:
            marks.append(float(row.get("time") or 0.0))
            begins.append(math.inf)
        elif begins and math.isinf(begins[-1]) and isinstance(row.get("step"), int):
            begins[-1] = row["step"]
    return marks, begins


def _holds(row: _Row, marks: Sequence[float], begins: Sequence[float]) -> bool:
    """Whether the training has not gone back behind the step of an evaluation since it was made."""
    made = marks.index(row[SESSION]) + 1 if row.get(SESSION) in marks else 0
    return all(begin > row["step"] for begin in begins[made:])


def _first_seed(directory: Path) -> int | None:
    """Return the seed of the evaluations that `heldout train` makes on the way; None of another trainer's run."""
    config = known_run(directory / RUN).get("config")
    seed = config.get("seed") if isinstance(config, Mapping) and "evaluate_split" in config else None
    return seed if isinstance(seed, int) else None


def _said(measured: Evaluation, before: Sized, others: Sized, known: bool) -> str:
    where = f"recorded as {measured.benchmark}, step {measured.step}"
    if others:
        return f"{where}, with the samples of {len(others) + 1} seeds: pass@1 {measured.rate:.1%} in all."
    if before:
        return f"{where}, in place of what was measured there."
    return f"{where}." if known else f"{where}; nothing else of this run is measured on these problems."
