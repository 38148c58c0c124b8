"""What the curves of a run do, in words and numbers: overview, components, detail, observations, interpretation.

Everything here is description after the fact. It says what was seen and what it is consistent with; it raises no alarm,
and of the held-out score it says what the verdict says.
"""

from __future__ import annotations

import numpy as np

from heldout.diagnosis.courses import describe_series, written
from heldout.diagnosis.curves import curves_of, linked, pairs_of
from heldout.diagnosis.hack_curve import hack_curve_of
from heldout.diagnosis.interpretation import interpret
from heldout.diagnosis.looks import Looks
from heldout.diagnosis.model import Curve, Description, Observation, Pair, Point, Seen, SeriesDescription, Signal
from heldout.diagnosis.observations import observe
from heldout.diagnosis.verdict import diagnose
from heldout.errors import NoMetrics
from heldout.findings import Verdict
from heldout.metrics import BY_NAME, heading_of
from heldout.run import Run, Series
from heldout.stats.threads import on_one_thread
from heldout.text import counted, sentence_list

__all__ = ["Description", "Observation", "Pair", "Point", "SeriesDescription", "Signal", "curves_of", "describe"]


@on_one_thread
def describe(run: Run, verdict: Verdict | None = None, looks: Looks | None = None) -> Description:
    """What do the curves of this run do?

    Parameters
    ----------
    run
        A run with at least one metric.
    verdict
        What is said of the held-out score; that of `diagnose` if not given.
    looks
        What is shown of a hack, from `looks_of`.

    Returns
    -------
    Description
        The five parts. The cost is linear in the length of the log.

    Raises
    ------
    NoMetrics
        When the run has no value at all.

    Examples
    --------
    >>> import heldout
    >>> about = heldout.describe(heldout.read("example:kimi-dev"))
    >>> about.series[0].peak
    Point(step=180, value=34.0)
    """
    curves = curves_of(run)
    if not curves:
        raise NoMetrics(f"{run.name} has no metric with a value; there is nothing to describe.")
    verdict = diagnose(run) if verdict is None else verdict
    pairs = pairs_of(curves)
    moving = {role for pair, _ in linked(pairs) for role in (pair.left, pair.right)}
    described = tuple(describe_series(curve, verdict, curve.role in moving) for curve in curves)
    seen = Seen(verdict, curves, described, pairs)
    return Description(
        overview=_overview(run, curves),
        components=tuple(_component(curve) for curve in curves),
        series=described,
        signals=_signals(run, curves),
        pairs=seen.pairs,
        observations=observe(seen),
        interpretation=interpret(seen),
        looks=looks,
        hack_rate=hack_curve_of(run),
    )


def _overview(run: Run, curves: tuple[Curve, ...]) -> str:
    steps = run.steps
    what = sentence_list([curve.label for curve in curves])
    return (
        f"{run.name}: {what} over training steps {steps[0]} to {steps[-1]}, read from {run.format} "
        f"({counted(len(run.metrics), 'metric')}, {counted(len(steps), 'step')} with any value)."
    )


def _component(curve: Curve) -> str:
    series = curve.series
    if len(series) == 1:
        return f"{_heading(curve)}: one value at step {series.step[0]}."
    gap = float(np.median(np.diff(series.step)))
    every = "at every step" if gap == 1 else f"one every {gap:g} steps"
    drawn = f"drawn as a local-linear line over {curve.window:g} steps" if curve.window else "drawn as logged"
    errors = ", with standard errors" if series.spread is not None else ""
    return (
        f"{_heading(curve)}: {counted(len(series), 'value')} at steps {series.step[0]} to {series.step[-1]}, "
        f"{every}, from {written(curve, float(series.value.min()))} to "
        f"{written(curve, float(series.value.max()))}; {drawn}{errors}."
    )


def _heading(curve: Curve) -> str:
    unit = f", in {curve.unit}" if curve.unit else ""
    return f"{heading_of(curve.series.name)} (key {curve.series.name!r}{unit})"


def _signals(run: Run, curves: tuple[Curve, ...]) -> tuple[Signal, ...]:
    """Return a line for every further metric with a known meaning that says something about training."""
    shown = {curve.series.name for curve in curves}
    quiet = {"time", "progress", "tokens", "evaluation_size", "evaluation_detail"}
    told = {name: run.metrics[key] for name, key in run.roles.items() if key not in shown and name not in quiet}
    return tuple(_signal(name, series) for name, series in told.items() if len(series))


def _signal(name: str, series: Series) -> Signal:
    label = BY_NAME[name].label if name in BY_NAME else series.name
    start, end, low, high = (float(v) for v in (*series.value[[0, -1]], series.value.min(), series.value.max()))
    return Signal(name=label, key=series.name, start=start, end=end, low=low, high=high)
