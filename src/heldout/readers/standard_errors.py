"""Standard errors that a log gives beside its held-out scores, as evaluation harnesses write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from heldout.metrics import Unit
from heldout.metrics.keys import Side, side_of, words_of
from heldout.run import Note, NoteKind, Run, Series
from heldout.stats.arrays import FloatArray
from heldout.stats.noise import typical_noise

_WORD = "stderr"
_PASSED_OVER = frozenset({"mean", "none", _WORD})  # "acc,none" and "acc_stderr,none"
# An error that a share of fewer problems had is a standard deviation of single answers; of more, no evaluation is.
_FEWEST_PROBLEMS, _MOST_PROBLEMS = 4.0, 1e6
_FEWEST_TO_SCATTER, _TIMES_SCATTER = 8, 5.0  # scores; the deviation of 25 results is five errors of their mean


def with_standard_errors(run: Run, of_rows: Mapping[str, FloatArray]) -> Run:
    """Attach the standard errors that a log gives to its held-out scores, where sizes do not say more.

    `of_rows` are those of scores that are means over the rows of a step, where no column gives any. One that nobody can
    believe is left out, and all of a column where most are so; a note says why.
    """
    metrics, notes = dict(run.metrics), list[Note]()
    columns = [key for key in run.metrics if any(word.text == _WORD for word in words_of(key))]
    for key in run.held_out_scores():
        column, series = _column_of(key, columns), metrics[key]
        if not len(series) or series.problems is not None or not (column or key in of_rows):
            continue
        errors = _at(series, metrics[column]) if column else of_rows[key]
        doubts = dict(_doubts(series, errors, run.unit(key)))
        good = np.logical_not(np.any([*doubts.values()], axis=0))
        used = 2 * int(good.sum()) >= len(series)
        if used:
            metrics[key] = series.with_spread(np.where(good, errors, np.nan))
        if column or not used:
            notes.append(_said(key, column or "its rows", doubts, used))
    return replace(run, metrics=metrics, notes=(*run.notes, *notes))


def _column_of(key: str, columns: list[str]) -> str:
    """The one of these columns whose name is that of a score, or "" for none.

    "eval" may stand before the one alone, since the name of a problem set says as much.
    """
    own = _score_of(key)
    exact = [column for column in columns if _score_of(column) == own]
    evaluated = [column for column in columns if side_of(words_of(column)) is Side.HELD_OUT]
    near = [column for column in evaluated if _without_eval(_score_of(column)) == _without_eval(own)]
    return next(iter([*exact, *near]), "")


def _without_eval(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word != "eval")


def _score_of(key: str) -> tuple[str, ...]:
    """The words of a key without those that tell a standard error from what it is of."""
    return tuple(word.text for word in words_of(key) if word.text not in _PASSED_OVER)


def _at(series: Series, column: Series) -> FloatArray:
    """The values of a column at the steps of a score, shape (N,); `nan` where it has none."""
    if not len(column):
        return np.full(len(series), np.nan)
    at = np.minimum(np.searchsorted(column.step, series.step), len(column) - 1)
    return np.where(column.step[at] == series.step, column.value[at], np.nan)


def _doubts(series: Series, errors: FloatArray, unit: Unit) -> Iterator[tuple[str, np.ndarray]]:
    """Give each reason why standard errors cannot be believed, and which of them it is true of."""
    yield "missing or no number", ~np.isfinite(errors)
    yield "0 or below", errors <= 0.0
    if unit is Unit.SCORE:
        yield "larger than the range of the scores", errors > np.ptp(series.value)
        typical = typical_noise(series.value) if len(series) >= _FEWEST_TO_SCATTER else np.inf
        yield (
            "far more than the scores scatter by, as standard deviations of single results are",
            errors > _TIMES_SCATTER * typical,
        )
        return
    whole = 100.0 if unit is Unit.PERCENT else 1.0
    mean = float(np.clip(series.value.mean() / whole, 0.01, 0.99))
    single = whole * (mean * (1.0 - mean)) ** 0.5
    yield "as large as the standard deviation of single answers", errors > single / _FEWEST_PROBLEMS**0.5
    yield "smaller than those of a million problems", (errors > 0.0) & (errors < single / _MOST_PROBLEMS**0.5)


def _said(key: str, column: str, doubts: dict[str, np.ndarray], used: bool) -> Note:
    why = [f"{int(which.sum())} of {which.size} are {reason}" for reason, which in doubts.items() if which.any()]
    if not used:
        text = f"{column!r} is not used as the standard errors of {key!r}: {'; '.join(why)}."
        return Note(NoteKind.DROPPED, text, max(int(which.sum()) for which in doubts.values()))
    left = f"; left out, so that the others stand in: {'; '.join(why)}" if why else ""
    return Note(NoteKind.ASSUMED, f"The standard errors of {key!r} were taken from {column!r}{left}.")
