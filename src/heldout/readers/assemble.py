"""From a log as written to a run in order: one place for every format.

Restarts, repeated steps, non-finite values: whatever is repaired here is said in a note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from heldout.errors import NoMetrics
from heldout.readers.axes import on_training_axis
from heldout.readers.extremes import without_extremes
from heldout.readers.formats import format_of
from heldout.readers.gaps import gaps
from heldout.readers.log import Log, noted, some
from heldout.readers.printable import printable
from heldout.readers.restarts import is_clock, without_superseded
from heldout.readers.roles import Options, absent_roles, with_roles
from heldout.readers.rows_per_step import StepMeans
from heldout.readers.sizes import with_sizes
from heldout.readers.standard_errors import with_standard_errors
from heldout.run import Evaluation, Note, NoteKind, Outcomes, Run, Series
from heldout.steps import STEP_LIMIT
from heldout.text import counted, visible


def assemble(log: Log, name: str, source: str, options: Options | None = None) -> Run:
    """Put a log in order; `name` is the run's where the log has none, `source` says where it was read.

    Raises `NoMetrics` where no finite value is left, `UnknownMetric` where a role was given to a key that is not there.
    """
    options = options or Options()
    log, name, source = printable(log), visible(name), visible(source)
    log = without_extremes(_with_possible_steps(on_training_axis(log)))
    log, notes = without_superseded(log)
    means, single = StepMeans(), {evaluation.key for evaluation in log.measured}
    if log.format == "run-directory":  # in which a step may be logged in several calls, and the last value counts
        single = set(log.columns)
    read = {key: means.series(key, column, log.step, last=key in single) for key, column in log.columns.items()}
    metrics = {key: series for key, series in read.items() if series is not None}
    notes += [*_repeated(log, metrics, means), *means.notes(), *_nonfinite(metrics)]
    metrics = {key: series for key, series in metrics.items() if len(series) or len(series.nonfinite)}
    notes += gaps(metrics)
    if not any(len(series) for series in metrics.values()):
        raise NoMetrics(
            f"{source}: a {format_of(log).title} log with {len(log.step)} rows, but no finite number in it."
        )
    measured = surviving(log.measured, metrics)
    run = Run(
        log.name or name,
        source,
        format_of(log).title,
        _with_outcomes(metrics, measured),
        notes=(*log.notes, *notes),
        config=log.config,
        measured=measured,
        checkpoints=dict(sorted(log.checkpoints.items())),
        counted=log.counted,
        judged=log.judged,
    )
    return with_standard_errors(with_sizes(with_roles(run, log, options), options), means.errors)


def with_options(run: Run, options: Options) -> Run:
    """Apply what a user knows to a run that is in order already, such as a published one; errors as for `assemble`."""
    absent_roles(run, options)
    return with_sizes(replace(run, roles={**run.roles, **(options.roles or {})}), options)


def surviving(measured: Sequence[Evaluation], metrics: Mapping[str, Series]) -> tuple[Evaluation, ...]:
    """Return the measurements that still hold after all restarts, in order of steps; the last of equal ones."""
    last = {(evaluation.key, evaluation.step): evaluation for evaluation in measured}
    steps = {key: set(metrics[key].step.tolist()) for key, _ in last if key in metrics}
    held = [evaluation for (key, step), evaluation in last.items() if step in steps.get(key, ())]
    return tuple(sorted(held, key=lambda evaluation: evaluation.step))


def _with_outcomes(metrics: Mapping[str, Series], measured: Sequence[Evaluation]) -> dict[str, Series]:
    """Attach to each benchmark's series its problems, the samples of each on average, and the standard errors."""
    by_key: dict[str, dict[int, Outcomes]] = {}
    for evaluation in measured:
        if evaluation.outcomes is not None:
            by_key.setdefault(evaluation.key, {})[evaluation.step] = evaluation.outcomes
    done = dict(metrics)
    for key, known in by_key.items():
        found = [known[step] for step in metrics[key].step.tolist()]
        samples = [float(outcomes.samples.mean()) for outcomes in found]
        problems = np.array([len(outcomes) for outcomes in found], dtype=np.float64)
        done[key] = metrics[key].with_problems(problems, np.array(samples), np.array([each.error for each in found]))
    return done


def _with_possible_steps(log: Log) -> Log:
    """Leave out rows at negative steps, and at ones that no counter reaches, whatever the format."""
    possible = (log.step >= 0) & (log.step < STEP_LIMIT)
    lost = int(np.count_nonzero(~possible))
    if not lost:
        return log
    first = log.step[~possible][0]
    text = f"{counted(lost, 'row')} at impossible steps left out, the first at step {first}; steps count from 0."
    log = log.only(possible)
    columns = {key: column for key, column in log.columns.items() if len(column.row)}
    return replace(log, columns=columns, notes=(*log.notes, Note(NoteKind.DROPPED, text, lost)))


def _repeated(log: Log, metrics: Mapping[str, Series], means: StepMeans) -> list[Note]:
    kept = {key: len(series) + len(series.nonfinite) for key, series in metrics.items() if not means.is_mean(key)}
    again = {key: len(log.columns[key].row) - count for key, count in kept.items()}
    again = {key: n for key, n in again.items() if n and not is_clock(key)}
    most = max(again.values(), default=0)
    text = f"{counted(most, 'step')} logged more than once; the last value was kept ({some(list(again), 4)})."
    return noted(NoteKind.REPAIRED, most, text)


def _nonfinite(metrics: Mapping[str, Series]) -> list[Note]:
    bad = [series for series in metrics.values() if len(series.nonfinite)]
    listed = some([f"{s.name} ({len(s.nonfinite)}, first at step {s.nonfinite[0]})" for s in bad], 6)
    total = sum(len(series.nonfinite) for series in bad)
    return noted(NoteKind.DROPPED, total, f"{counted(total, 'value')} NaN or infinite, left out: {listed}.")
