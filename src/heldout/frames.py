"""The metrics of a run as one table: a row a step, a column a metric, for polars and pandas."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from heldout.errors import UsageError
from heldout.stats.arrays import BoolArray, FloatArray, IntArray, union

if TYPE_CHECKING:
    from heldout.run import Run, Series

STEP = "step"


def to_polars(run: Run) -> pl.DataFrame:
    """Return the table with a column ``step``; null where a metric has no value, NaN where one was logged."""
    steps = _steps(run)
    columns = {key: pl.Series(value).set(pl.Series(~there), None) for key, value, there in _columns(run, steps)}
    return pl.DataFrame({STEP: steps, **columns})


def to_pandas(run: Run) -> Any:
    """Return the table with the steps as its index; NaN where a metric has no value.

    A UsageError where pandas is not installed.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        raise UsageError("pandas is not installed: pip install pandas; or take run.to_polars().") from None
    steps = _steps(run)
    columns = {key: value for key, value, _ in _columns(run, steps)}
    return pandas.DataFrame(columns, index=pandas.Index(steps, name=STEP), columns=list(columns))


def _steps(run: Run) -> IntArray:
    """Every step at which anything was logged, also what is no number."""
    return union([run.steps, *(series.nonfinite for series in run.metrics.values())])


def _columns(run: Run, steps: IntArray) -> list[tuple[str, FloatArray, BoolArray]]:
    return [(_name(key, run.metrics), *_column(series, steps)) for key, series in run.metrics.items()]


def _name(key: str, metrics: Mapping[str, Series]) -> str:
    """The name of a metric's column: another where it would be that of the steps."""
    name = key
    while name == STEP or (name != key and name in metrics):
        name += "'"
    return name


def _column(series: Series, steps: IntArray) -> tuple[FloatArray, BoolArray]:
    """The value at every step, NaN where there is none, and whether anything was logged there."""
    value, there = np.full(len(steps), np.nan), np.zeros(len(steps), dtype=np.bool_)
    at = np.searchsorted(steps, series.step)
    value[at] = series.value
    there[at] = there[np.searchsorted(steps, series.nonfinite)] = True
    return value, there
