"""Several runs that differ in their seed alone, as one curve: their mean, and how well the seeds tell it.

Means are taken at the steps that all runs have, and nowhere else: nothing is interpolated. A dense series is smoothed
in each run by itself, over one window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from heldout.charts.spec import shorten
from heldout.errors import ChartError
from heldout.run import Run, Series
from heldout.stats import student
from heldout.stats.arrays import FloatArray, IntArray
from heldout.stats.smoothing import DENSE, local_linear, suggest_window

_AT = 400  # steps at which the smoothed curves are computed; finer than a plot of 16 cm shows


@dataclass(frozen=True, slots=True, eq=False)
class Seeds:
    """One metric of k runs."""

    mean: Series
    interval: tuple[FloatArray, FloatArray]  # 95 % t interval of the mean over seeds
    each: tuple[FloatArray, ...]  # the curve of each run, at the steps of the mean
    window: float | None  # over which each was smoothed; None where it was not
    skipped: int  # steps that some runs have and others have not


def seeds_of(runs: Sequence[Run], key: str, window: float | None = None) -> Seeds:
    """Return the mean of a metric over runs, at the steps that all of them have.

    A ChartError where they share no step.
    """
    every = [run[key] for run in runs]
    common: IntArray = reduce(np.intersect1d, [one.step for one in every])
    if not common.size:
        raise ChartError(_apart(runs, every))
    skipped = reduce(np.union1d, [one.step for one in every]).size - common.size
    if min(map(len, every)) >= DENSE and window != 0.0:
        window = window or float(np.median([suggest_window(one.step.astype(float), one.value) for one in every]))
        common = common[np.unique(np.linspace(0, common.size - 1, min(_AT, common.size)).astype(np.int64))]
        each = [local_linear(one.step.astype(float), one.value, window, at=common.astype(float)) for one in every]
    else:
        window, each = None, [one.value[np.searchsorted(one.step, common)] for one in every]
    mean, half = _mean(np.stack(each))
    ends = _possible(mean - half, mean + half, every)
    return Seeds(Series(every[0].name, common, mean), ends, tuple(each), window, int(skipped))


def _mean(each: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean of k curves and half of its 95 % t interval, from shape (k, N)."""
    k = len(each)
    return each.mean(axis=0), student.quantile(0.975, k - 1) * each.std(axis=0, ddof=1) / np.sqrt(k)


def _possible(low: FloatArray, high: FloatArray, every: Sequence[Series]) -> tuple[FloatArray, FloatArray]:
    """Cut an interval of shares at nothing and at all."""
    bottom, top = min(float(one.value.min()) for one in every), max(float(one.value.max()) for one in every)
    return (np.maximum(low, 0.0), np.minimum(high, 1.0)) if bottom >= 0.0 and top <= 1.0 else (low, high)


def _apart(runs: Sequence[Run], every: Sequence[Series]) -> str:
    steps = [f"{shorten(run.name, 30)}: {_from_to(one)}" for run, one in zip(runs, every, strict=True)]
    return (
        f"The runs share no step at which {every[0].name} was logged ({'; '.join(steps)}), and nothing is "
        "interpolated; draw them one by one."
    )


def _from_to(series: Series) -> str:
    return f"{series.step[0]} to {series.step[-1]}" if len(series) else "none"
