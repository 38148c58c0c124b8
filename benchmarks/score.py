"""How good were the alarms? Counted against the truth of simulated runs.

An alarm before the true peak of a decline is premature and nothing else: it neither detects the decline nor ends the
delay. Everything comes with its Monte Carlo standard error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from benchmarks.harness import Estimate
from benchmarks.rivals import FIRST, Pick
from heldout.datasets.simulated import SimulatedRun
from heldout.stats.arrays import FloatArray, IntArray, floats


def percent(share: Estimate) -> Estimate:
    """The same in percent."""
    return Estimate(100.0 * share.value, 100.0 * share.se)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is true of R runs of one family with K evals each.

    Attributes
    ----------
    trend
        Shape (R, K): noiseless pass rate at the evals.
    steps
        Shape (K,): training steps of the evals.
    onset
        Shape (R,): training step at which the decline had begun; `nan` where there is none.
    peak
        Shape (R,): eval with the highest trend.
    """

    trend: FloatArray
    steps: IntArray
    onset: FloatArray
    peak: IntArray

    @classmethod
    def of(cls, runs: Sequence[SimulatedRun]) -> Truth:
        """The truth of runs with the same evals."""
        onset = floats([math.nan if run.onset_step is None else run.onset_step for run in runs])
        return cls(np.stack([run.trend for run in runs]), runs[0].steps, onset, np.array([run.peak for run in runs]))

    @classmethod
    def together(cls, parts: Sequence[Truth]) -> Truth:
        """Several of the same family as one."""
        return cls(
            np.concatenate([part.trend for part in parts]),
            parts[0].steps,
            np.concatenate([part.onset for part in parts]),
            np.concatenate([part.peak for part in parts]),
        )


def first_alarms(*, statistics: FloatArray, threshold: float) -> IntArray:
    """At which eval does each run alarm first?

    Parameters
    ----------
    statistics
        Shape (R, K).
    threshold
        A statistic of at least this is an alarm, from the fourth eval on.

    Returns
    -------
    IntArray
        Shape (R,): index of the eval; K where there is no alarm.
    """
    reached = statistics >= threshold
    reached[:, :FIRST] = False
    found: IntArray = np.where(reached.any(axis=1), reached.argmax(axis=1), statistics.shape[1])
    return found


def matched_threshold(*, statistics: Iterable[FloatArray], rate: float = 0.05) -> float:
    """At which threshold would at most a share `rate` of runs ever alarm?

    Parameters
    ----------
    statistics
        One array of shape (R, K) per null family, each with the same R. These must not be the runs that are scored.
    rate
        Share of runs, over all families together.

    Returns
    -------
    float
        The smallest value that does it: just above the largest statistic of a run that must stay quiet. `nan` without
        runs, because nothing can be tuned then.
    """
    highest = np.sort(np.concatenate([path[:, FIRST:].max(axis=1) for path in statistics] or [np.empty(0)]))
    if highest.size == 0:
        return math.nan
    allowed = math.floor(rate * highest.size)
    return math.nextafter(float(highest[highest.size - allowed - 1]), math.inf)


def false_alarm_rate(*, alarms: IntArray, evals: int) -> Estimate:
    """Which share of the runs of a family that never falls alarmed at all? `nan` without runs.

    Parameters
    ----------
    alarms
        Shape (R,), as given by `first_alarms`.
    evals
        K.
    """
    return _share(alarms < evals)


def detection_rate(*, alarms: IntArray, truth: Truth) -> Estimate:
    """Which share of the declines was alarmed about at or after the peak? `nan` without runs."""
    return _share(_caught(alarms, truth))


def premature_rate(*, alarms: IntArray, truth: Truth) -> Estimate:
    """Which share of the declines was alarmed about before the true peak? `nan` without runs."""
    return _share(alarms < truth.peak)


def censored_delay(*, alarms: IntArray, truth: Truth) -> Estimate:
    """How many evals pass from the onset to the alarm?

    A miss, and a premature alarm, count the evals that remain from the onset to the end, so a detector cannot gain by
    missing the hard ones; an alarm between peak and onset counts zero. Runs without an onset are left out, and
    without any run the delay is `nan`, because there is nothing to be late for.
    """
    step = np.append(truth.steps, truth.steps[-1])
    stopped = step[np.where(_caught(alarms, truth), alarms, truth.steps.size)]
    delay = (stopped - truth.onset) * truth.steps.size / truth.steps[-1]
    return _mean(np.maximum(delay[~np.isnan(delay)], 0.0))


def points_lost(*, alarms: IntArray, truth: Truth) -> Estimate:
    """How far below its peak, in percentage points, is the noiseless trend at the alarm, or at the end if missed?

    For a premature alarm it is the rise that was still to come. `nan` without runs.
    """
    at = np.minimum(alarms, truth.steps.size - 1)
    return _mean(100.0 * (truth.trend.max(axis=1) - truth.trend[np.arange(at.size), at]))


def _caught(alarms: IntArray, truth: Truth) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return (alarms >= truth.peak) & (alarms < truth.steps.size)


def _share(hits: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Estimate:
    if hits.size == 0:
        return Estimate(math.nan, math.nan)
    share = float(hits.mean())
    return Estimate(share, math.sqrt(share * (1.0 - share) / hits.size))


def _mean(values: FloatArray) -> Estimate:
    if values.size == 0:
        return Estimate(math.nan, math.nan)
    spread = float(values.std(ddof=1)) if values.size > 1 else math.nan
    return Estimate(float(values.mean()), spread / math.sqrt(values.size))


def average(estimates: Iterable[Estimate]) -> Estimate:
    """The mean over families, which are independent of each other; `nan` without families."""
    each = list(estimates)
    if not each:
        return Estimate(math.nan, math.nan)
    return Estimate(sum(one.value for one in each) / len(each), math.sqrt(sum(one.se**2 for one in each)) / len(each))


@dataclass(frozen=True, slots=True)
class Selection:
    """How good were the checkpoints that were taken?

    Attributes
    ----------
    regret
        How far the taken checkpoint is truly below the truly best one, percentage points.
    bias
        Estimate minus truth of the taken one, percentage points.
    coverage
        Share of runs whose interval for the rate holds the truth.
    tied
        Share of runs whose tied set holds the truly best one.
    size
        Checkpoints in the tied set.
    onset
        Of the declines that were called one, share whose onset lies within the interval stated for it.
    fell
        Share of runs whose score is said to have fallen at the end.
    """

    regret: Estimate
    bias: Estimate
    coverage: Estimate
    tied: Estimate
    size: Estimate
    onset: Estimate
    fell: Estimate


def picked(*, run: SimulatedRun, pick: Pick) -> FloatArray:
    """One run's share in each field of `Selection`, shape (7,); `nan` where a field does not apply."""
    truth, best = run.truth, int(np.argmax(run.truth))
    taken = float(truth[pick.best])
    regret, bias = 100.0 * (float(truth[best]) - taken), 100.0 * (pick.estimate - taken)
    held = pick.low <= taken <= pick.high
    onset = math.nan
    if run.is_decline and run.onset is not None and pick.onset is not None:
        onset = float(pick.onset[0] < run.steps[run.onset] <= pick.onset[1])
    fell = math.nan if pick.fell is None else float(pick.fell)
    return floats([regret, bias, held, best in pick.tied, len(pick.tied), onset, fell])


def selection(picks: FloatArray) -> Selection:
    """What `picked` gave for the runs of one family, shape (R, 7); `nan` for a field that applies to none of them."""
    return Selection(*(_mean(column[~np.isnan(column)]) for column in picks.T))


def selection_of_all(families: Iterable[Selection]) -> Selection:
    """The mean over families to which a field applies; `nan` where there is none."""
    each = [[getattr(family, field.name) for field in fields(family)] for family in families]
    columns = zip(*each, strict=True) if each else ([] for _ in fields(Selection))
    return Selection(*(average(one for one in column if not math.isnan(one.value)) for column in columns))


@dataclass(frozen=True, slots=True)
class Score:
    """How one detector did at one threshold, by family.

    Attributes
    ----------
    detector
        Its name.
    threshold
        The one it was scored at.
    false_alarms
        By null family, share of runs.
    detection, premature
        By declining family, share of runs.
    delay
        By declining family, in evals.
    lost
        By declining family, in percentage points.
    """

    detector: str
    threshold: float
    false_alarms: Mapping[str, Estimate]
    detection: Mapping[str, Estimate]
    premature: Mapping[str, Estimate]
    delay: Mapping[str, Estimate]
    lost: Mapping[str, Estimate]

    def mean(self, what: str, families: Sequence[str]) -> Estimate:
        """The mean of one of the columns over families."""
        column: Mapping[str, Estimate] = getattr(self, what)
        return average(column[family] for family in families)


def score(
    *,
    detector: str,
    threshold: float,
    statistics: Mapping[str, FloatArray],
    truths: Mapping[str, Truth],
    declines: Iterable[str],
) -> Score:
    """Score a detector on every family.

    Parameters
    ----------
    detector
        Its name.
    threshold
        A statistic of at least this is an alarm.
    statistics, truths
        By family.
    declines
        The families that fall; all others are nulls.
    """
    alarms = {family: first_alarms(statistics=path, threshold=threshold) for family, path in statistics.items()}
    fall = [family for family in declines if family in alarms]
    return Score(
        detector=detector,
        threshold=threshold,
        false_alarms={
            family: false_alarm_rate(alarms=found, evals=truths[family].steps.size)
            for family, found in alarms.items()
            if family not in fall
        },
        detection={family: detection_rate(alarms=alarms[family], truth=truths[family]) for family in fall},
        premature={family: premature_rate(alarms=alarms[family], truth=truths[family]) for family in fall},
        delay={family: censored_delay(alarms=alarms[family], truth=truths[family]) for family in fall},
        lost={family: points_lost(alarms=alarms[family], truth=truths[family]) for family in fall},
    )
