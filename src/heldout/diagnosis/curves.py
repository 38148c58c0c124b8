"""From a run to the curves that are described, and how every two of them move together."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from heldout.diagnosis.model import Curve, Pair
from heldout.metrics import BY_NAME, ROLES, Unit, better_of, label_of, meaning_of, means, phrasing
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray
from heldout.stats.correlation import Correlation, align, co_movement, lead_lag
from heldout.stats.course import FEWEST, Around
from heldout.stats.levels import FALSE_ALARMS, holm
from heldout.stats.noise import difference_noise
from heldout.stats.noise_posterior import noise_of_rates
from heldout.stats.smoothing import DENSE, block_means, local_linear, suggest_window

_MOST_POINTS = 400  # of a smoothed line; more are not seen and not needed
_MOST_COMMON = 2000  # a correlation of more points is not worth more: neighbours depend on each other


def curves_of(run: Run) -> tuple[Curve, ...]:
    """Return the curves worth describing: reward, held-out score and length, or else the two fullest metrics."""
    roles = [(role, run.roles[role]) for role in ROLES if role in run.roles and len(run[role])]
    if not roles:
        roles = [(key, key) for key in _fullest(run)]
    return tuple(curve(run, role, key) for role, key in roles)


def _fullest(run: Run) -> list[str]:
    """Return the two metrics with most values, leaving out clocks and counters."""

    def is_metric(key: str) -> bool:
        return not means(key, ("time", "progress", "tokens", "spread_of_another", "evaluation_size"))

    filled = [key for key, series in run.metrics.items() if len(series)]
    keys = [key for key in filled if is_metric(key)] or filled
    return sorted(keys, key=lambda key: -len(run.metrics[key]))[:2]


def curve(run: Run, role: str, key: str) -> Curve:
    """Return one metric as the line that is described."""
    series = run.metrics[key]
    step, value = series.step.astype(np.float64), series.value
    variance = _variance(run, series)
    window = suggest_window(step, value) if len(series) >= DENSE else None
    line_step, line = step, value
    if window is not None:
        line_step = _thinned(step)
        line = np.clip(local_linear(step, value, window, at=line_step), value.min(), value.max())
    return Curve(
        role=role,
        label=label_of(key),
        unit=unit_of(run, role, key),
        scale=run.unit(key),
        better=better_of(key),
        series=series,
        step=line_step,
        value=line,
        window=window,
        variance=variance,
    )


def unit_of(run: Run, role: str, key: str) -> str:
    """Return the unit of a metric's values: "%", "tokens" or nothing."""
    if run.unit(key) is Unit.PERCENT:
        return "%"
    if role in BY_NAME:
        return BY_NAME[role].unit
    match = meaning_of(key)
    return match.meaning.unit if match else ""


def _variance(run: Run, series: Series) -> float:
    """Return the noise variance of one value: from its scatter, and the size of the evaluation where it is known."""
    if series.problems is not None:
        whole = 100.0 if run.unit(series.name) is Unit.PERCENT else 1.0
        return whole**2 * noise_of_rates(series.value / whole, series.problems, series.samples).variance
    if len(series) < 3:
        return float("nan")
    return difference_noise(series.value, series.step.astype(np.float64))


def _thinned(step: FloatArray) -> FloatArray:
    """Return at most 400 of the steps, evenly spread over the values, the first and last among them."""
    if len(step) <= _MOST_POINTS:
        return step
    kept: FloatArray = step[np.unique(np.linspace(0, len(step) - 1, _MOST_POINTS).round().astype(int))]
    return kept


def blocks(curve: Curve, most: int = 60) -> tuple[FloatArray, FloatArray, float]:
    """Return a series as at most `most` block means, for methods whose cost or error model needs few points.

    Neighbouring values of a training signal depend on each other; means of ten or more of them hardly do. Returns
    steps and values of shape (B,), and the noise variance of one mean.
    """
    count = len(curve.series)
    step, value = _means(curve, count if count <= most else max(8, min(most, count // 10)))
    return step, value, curve.variance if count <= most else difference_noise(value)


def pairs_of(curves: tuple[Curve, ...]) -> tuple[Pair, ...]:
    """Return every two curves that have at least four steps in common."""
    pairs = (_pair(left, right) for left, right in combinations(curves, 2))
    return tuple(found for found in pairs if found.count >= 4)


def _pair(left: Curve, right: Curve) -> Pair:
    common = align(*_means(left, _MOST_COMMON), *_means(right, _MOST_COMMON))  # as logged: lines follow themselves
    return Pair(
        left=left.role,
        right=right.role,
        how=common.how,
        count=len(common.step),
        movement=co_movement(common.step, common.a, common.b),
        lead=lead_lag(common.a, common.b),
    )


def linked(pairs: tuple[Pair, ...]) -> tuple[tuple[Pair, Correlation], ...]:
    """Return the pairs that move together, or against each other, beyond their trends, each with what shows it surest.

    Changes from point to point and what is left without the trend are asked of every pair; all of them together keep
    one error rate of 5 % (Holm). Of fewer points than a course needs nothing is said: five of noise and of a score that
    is level were said to move together in 16 % of 120 simulated runs.
    """
    asked = [(pair, one) for pair in pairs for one in (pair.movement.differences, pair.movement.detrended)]
    tested = [(pair, one) for pair, one in asked if pair.count >= FEWEST and math.isfinite(one.r) and one.n_eff > 3.0]
    if not tested:
        return ()
    surest: dict[tuple[str, str], tuple[float, Pair, Correlation]] = {}
    for (pair, one), p in zip(tested, holm([one.p for _, one in tested]), strict=True):
        if p <= FALSE_ALARMS and p < surest.get((pair.left, pair.right), (math.inf,))[0]:
            surest[pair.left, pair.right] = float(p), pair, one
    return tuple((pair, one) for _, pair, one in surest.values())


def _means(curve: Curve, most: int) -> tuple[FloatArray, FloatArray]:
    step, value, _ = block_means(curve.series.step.astype(np.float64), curve.series.value, most)
    return step, value


def written_level(unit: Unit, around: Around, span: float | None, *, counts: bool = False) -> str:
    """Write a mean level with its interval, of a share or a count within what one can be: "31.2 % (28.0 to 34.1)"."""
    value = phrasing.written(unit, around.value, span)
    if not around.half > 0.0:
        return value
    whole = {Unit.SHARE: 1.0, Unit.PERCENT: 100.0}.get(unit)
    low, high = around.value - around.half, around.value + around.half
    if whole is not None and 0.0 <= around.value <= whole:
        low, high = max(low, 0.0), min(high, whole)
    elif counts:
        low = max(low, 0.0)
    return f"{value} ({phrasing.bare(unit, low, span)} to {phrasing.bare(unit, high, span)})"


def written_r(correlation: Correlation) -> str:
    """Write a correlation with its interval: "0.86 (0.55 to 0.96)"."""
    if not math.isfinite(correlation.r):
        return "not defined"
    return f"{correlation.r:.2f} ({correlation.low:.2f} to {correlation.high:.2f})"
