"""Held-out measurements whose problems are known one by one, and what they add to a log and a run.

Every reader that finds such measurements gives them to `attached` or `log_of`: their rates become rows of the log, so
that restarts and repeated steps are put in order as for any metric, and `surviving` and `sized` carry what is left over
into the run. `read` reads the evaluations of a run directory on their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from heldout.errors import NoMetrics, UsageError
from heldout.readers.columns import as_float
from heldout.readers.json_lines import ObjectLines, shown
from heldout.readers.log import Column, Log
from heldout.readers.source import Source
from heldout.run import Evaluation, Note, NoteKind, Outcomes, Series, checked_step
from heldout.stats.arrays import IntArray
from heldout.stats.rates import level_error
from heldout.text import counted

_FORMAT = "evaluations"
_FIRST = re.compile(
    rb'\s*\{\s*"step"\s*:\s*\d+\s*,\s*"time"\s*:[^,{\[]+,\s*"benchmark"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*"problems"\s*:\s*\['
)

_OUTCOMES = ("problems", "passed", "samples")


def read(source: Source) -> list[Log] | None:
    """Read the evaluations of one benchmark, ``evals/*.jsonl`` of a run directory, without the run.

    Raises
    ------
    NoMetrics
        When no line is a whole evaluation.
    """
    if not _FIRST.match(source.head):
        return None
    rows, notes = evaluation_rows(source)
    if not rows:
        raise NoMetrics(f"{source.path.name}: evaluations of heldout, but no line of it is whole; nothing to read.")
    return [log_of([evaluation for evaluation, _ in rows], _FORMAT, notes)]


def evaluation_rows(source: Source) -> tuple[list[tuple[Evaluation, Mapping[str, Any]]], list[Note]]:
    """Return the evaluations that the lines of a file hold, each with its line, and what could not be used."""
    lines = source.fed(_Lines)
    return lines.rows, dropped_lines(source.path, lines.refused, lines.wrong)


class _Lines(ObjectLines):
    """The evaluations in such a file, each with what else its line says."""

    def __init__(self) -> None:
        super().__init__(self._add)
        self.rows: list[tuple[Evaluation, Mapping[str, Any]]] = []

    def _add(self, line: Mapping[str, Any]) -> bool:
        evaluation = _evaluation(line)
        if evaluation is not None:
            self.rows.append((evaluation, {key: value for key, value in line.items() if key not in _OUTCOMES}))
        return evaluation is not None


def _evaluation(line: Mapping[str, Any]) -> Evaluation | None:
    if type(line.get("step")) is not int:
        return None
    try:
        outcomes = Outcomes.from_counts(line["problems"], line["passed"], line["samples"])
        return Evaluation.of(checked_step(line["step"]), outcomes, str(line["benchmark"]))
    except (KeyError, TypeError, ValueError, OverflowError, UsageError):
        return None


def dropped_lines(path: Path, refused: Sequence[bytes], wrong: int = 0) -> list[Note]:
    """Say which lines of a file could not be used: those that are cut, and those that hold something else."""
    notes = []
    where = f"{path.parent.name}/{path.name}"
    if refused:
        text = f"{where}: {counted(len(refused), 'line')} cut or broken and left out, the last of them "
        notes.append(Note(NoteKind.DROPPED, f"{text}{shown(refused[-1])}.", len(refused)))
    if wrong:
        text = f"{where}: {counted(wrong, 'line')} without the keys or values that belong there, left out."
        notes.append(Note(NoteKind.DROPPED, text, wrong))
    return notes


def outcomes_of(samples: Iterable[tuple[str, float]]) -> Outcomes:
    """Group judged samples, each with its problem and a score within [0, 1], by problem."""
    judged: dict[str, list[float]] = {}
    for problem, score in samples:
        judged.setdefault(problem, []).append(score)
    scores = judged.values()
    return Outcomes.from_counts(list(judged), [sum(one) for one in scores], [len(one) for one in scores])


def log_of(evaluations: Sequence[Evaluation], format: str, notes: Sequence[Note] = ()) -> Log:
    """Return a log that holds evaluations only, in one session: there is no training whose restart could undo them."""
    empty = Log(format, np.empty(0, dtype=np.int64), {}, session=np.empty(0, dtype=np.int64), notes=tuple(notes))
    return attached(empty, evaluations)


def attached(
    log: Log,
    evaluations: Sequence[Evaluation],
    also: Sequence[Mapping[str, Any]] = (),
    session: IntArray | None = None,
) -> Log:
    """Add held-out measurements to a log, as rows behind its own.

    The measurements come in the order of writing. `also` is what else is known of each: numbers by key, perhaps nested.
    `session` is the one of each; where it is not given, they get one of their own, which supersedes nothing.
    """
    if not evaluations:
        return log
    first = len(log.step)
    cells: dict[str, list[tuple[int, float]]] = {}
    for row, evaluation in enumerate(evaluations, start=first):
        cells.setdefault(evaluation.key, []).append((row, evaluation.rate))
        for key, value in numbers_of(also[row - first] if also else {}):
            cells.setdefault(f"eval/{evaluation.benchmark}/{key}", []).append((row, value))
    columns = {key: _column(pairs) for key, pairs in cells.items()}
    notes = [
        Note(NoteKind.ASSUMED, f"{key!r} was logged as a metric too; what the evaluations say was kept.")
        for key in columns.keys() & log.columns.keys()
    ]
    return replace(
        log,
        step=np.concatenate([log.step, [evaluation.step for evaluation in evaluations]]).astype(np.int64),
        columns={**log.columns, **columns},
        session=_sessions(log, len(evaluations), session),
        measured=(*log.measured, *evaluations),
        notes=(*log.notes, *notes),
    )


def _sessions(log: Log, count: int, session: IntArray | None) -> IntArray | None:
    if log.session is None:
        return None
    later = np.full(count, log.session.max(initial=-1) + 1) if session is None else session
    return np.concatenate([log.session, later]).astype(np.int64)


def numbers_of(also: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, float]]:
    """Return the numbers of a mapping, those of nested ones under joined keys."""
    for key, value in also.items():
        if isinstance(value, Mapping):
            yield from numbers_of(value, f"{prefix}{key}/")
        elif not isinstance(value, str) and (number := as_float(value)) is not None:
            yield f"{prefix}{key}", number


def _column(pairs: Sequence[tuple[int, float]]) -> Column:
    return Column(np.array([row for row, _ in pairs], dtype=np.int64), np.array([value for _, value in pairs]))


def surviving(measured: Sequence[Evaluation], metrics: Mapping[str, Series]) -> tuple[Evaluation, ...]:
    """Return the measurements that still hold after all restarts, in order of steps; the last of equal ones."""
    last = {(evaluation.key, evaluation.step): evaluation for evaluation in measured}
    steps = {key: set(metrics[key].step.tolist()) for key, _ in last if key in metrics}
    held = [evaluation for (key, step), evaluation in last.items() if step in steps.get(key, ())]
    return tuple(sorted(held, key=lambda evaluation: evaluation.step))


def sized(metrics: Mapping[str, Series], measured: Sequence[Evaluation]) -> dict[str, Series]:
    """Attach to each benchmark's series its problems, the samples of each on average, and the standard errors."""
    by_key: dict[str, dict[int, Outcomes]] = {}
    for evaluation in measured:
        if evaluation.outcomes is not None:
            by_key.setdefault(evaluation.key, {})[evaluation.step] = evaluation.outcomes
    done = dict(metrics)
    for key, known in by_key.items():
        found = [known[step] for step in metrics[key].step.tolist()]
        counts = np.array([(len(outcomes), outcomes.samples.mean()) for outcomes in found], dtype=np.float64).reshape(
            -1, 2
        )
        errors = [
            level_error(outcomes.share, each) for outcomes, each in zip(found, counts[:, 1].tolist(), strict=True)
        ]
        done[key] = metrics[key].with_problems(counts[:, 0], counts[:, 1], np.array(errors))
    return done
