"""Ways to raise an alarm about a falling pass rate: what people use, what textbooks offer, and heldout's own.

Each is a `Detector`: a statistic after every eval that looks at nothing later, and the threshold it customarily has.
The first three evals never alarm.

The thresholds are those of the textbooks and libraries (1.645 standard errors for a test at 5 %, 3 for a control
chart, 5 for a cumulative sum, 50 for Page-Hinkley). Cumulative sums and Page-Hinkley were made for long streams about a
known level; on the few evals of a run that rises first they hardly ever alarm at these, which is why every detector is
also compared at a tuned threshold.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from heldout.datasets.simulated import PER_SHARE, RETURN, SimulatedRun, Told
from heldout.detectors.base import Block
from heldout.detectors.overoptimisation import Level, Look, OverOptimisation
from heldout.diagnosis.verdict import diagnose
from heldout.errors import UsageError, how_to_install
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.levels import cdf
from heldout.stats.rates import binomial_se
from heldout.stats.scan import HORIZONS

FIRST = 3  # index of the first eval at which an alarm may be raised


@dataclass(frozen=True, slots=True)
class Detector:
    """A statistic over the evals so far, and the threshold at which it alarms.

    Attributes
    ----------
    name
        As printed.
    path
        Gives the statistic after each eval of a run, shape (K,), where the value at k uses evals up to k only.
    threshold
        The customary one; an alarm is the first eval, from the fourth on, with a statistic of at least this.
    tunable
        Whether it is worth while to look for another threshold.
    """

    name: str
    path: Callable[[SimulatedRun], FloatArray]
    threshold: float
    tunable: bool = True

    def statistic(self, run: SimulatedRun) -> FloatArray:
        """What does the detector think after each eval: shape (K,)."""
        return self.path(run)

    def statistics(self, runs: Sequence[SimulatedRun]) -> FloatArray:
        """What does the detector think after each eval of each run: shape (R, K), for runs of equal length."""
        return np.stack([self.path(run) for run in runs])


def _sigma(run: SimulatedRun) -> FloatArray:
    """Binomial standard error of a rate, from the evals so far."""
    rates = run.rates
    variance = binomial_se(rates, float(run.outcomes.shape[1])) ** 2
    return np.sqrt(np.cumsum(variance) / np.arange(1, rates.size + 1))


def _best_before(values: FloatArray) -> IntArray:
    """Index of the (first) best value before each position; 0 at the first."""
    best = np.zeros(values.size, dtype=np.int64)
    for k in range(1, values.size):
        best[k] = k - 1 if values[k - 1] > values[best[k - 1]] else best[k - 1]
    return best


def patience(run: SimulatedRun) -> FloatArray:
    """How many evals ago was the best one?"""
    rates = run.rates
    best = _best_before(np.append(rates, 0.0))[1:]  # up to and including each eval
    return floats(np.arange(rates.size) - best)


def drop_patience(run: SimulatedRun) -> FloatArray:
    """How far below the best so far did the last three evals all lie?"""
    rates = run.rates
    short = np.maximum.accumulate(rates) - rates
    path = np.zeros(rates.size)
    path[2:] = np.minimum(np.minimum(short[2:], short[1:-1]), short[:-2])
    return path


def z_test(run: SimulatedRun) -> FloatArray:
    """Is the eval below the best one before, as if both were independent binomials?"""
    rates = run.rates
    se = binomial_se(rates, float(run.outcomes.shape[1]))
    best = _best_before(rates)
    return floats((rates[best] - rates) / np.hypot(se[best], se))


def mcnemar(run: SimulatedRun) -> FloatArray:
    """Is the eval below the best one before, problem by problem?"""
    best = _best_before(run.rates)
    difference = run.outcomes[best] - run.outcomes
    squares = np.sqrt((difference**2).sum(axis=1))
    return floats(difference.sum(axis=1) / np.where(squares > 0.0, squares, 1.0))


_EWMA_WEIGHT = 0.3


def ewma(run: SimulatedRun) -> FloatArray:
    """How far is the exponentially weighted mean below its own maximum, in its own standard deviations?"""
    rates, sigma = run.rates, _sigma(run)
    smooth = rates.copy()
    for k in range(1, rates.size):
        smooth[k] += (1.0 - _EWMA_WEIGHT) * (smooth[k - 1] - rates[k])
    return floats((np.maximum.accumulate(smooth) - smooth) / (sigma * math.sqrt(_EWMA_WEIGHT / (2.0 - _EWMA_WEIGHT))))


def moving_average(run: SimulatedRun) -> FloatArray:
    """How far is the mean of the last five evals below its own maximum, in standard errors of a difference?"""
    rates, sigma, path = run.rates, _sigma(run), np.zeros(run.rates.size)
    if rates.size >= 5:
        mean = np.convolve(rates, np.full(5, 0.2), mode="valid")
        path[4:] = (np.maximum.accumulate(mean) - mean) / (sigma[4:] * math.sqrt(2.0 / 5.0))
    return path


def _mean_before(values: FloatArray) -> FloatArray:
    """Mean of all values before each position; at the first, the value itself."""
    before = values.copy()
    before[1:] = np.cumsum(values)[:-1] / np.arange(1, values.size)
    return before


def cusum(run: SimulatedRun) -> FloatArray:
    """How much fall has added up beyond half a standard error per eval, against the mean of the evals before?"""
    rates, sigma = run.rates, _sigma(run)
    excess = (_mean_before(rates) - rates) / sigma - 0.5
    path = np.zeros(rates.size)
    for k in range(1, rates.size):
        path[k] = max(0.0, path[k - 1] + float(excess[k]))
    return path


def page_hinkley(run: SimulatedRun) -> FloatArray:
    """How far has the summed distance from the running mean fallen below its maximum, in standard errors?"""
    rates, sigma = run.rates, _sigma(run)
    mean = np.cumsum(rates) / np.arange(1, rates.size + 1)
    total = np.cumsum((rates - mean + 0.005) / sigma)
    return np.maximum.accumulate(total) - total


_HAZARD = 1.0 / 20.0


def bocpd(run: SimulatedRun) -> FloatArray:
    """How likely is it that the present segment lies below the evals just before it?

    Bayesian online change point detection with a Gaussian mean per segment, known noise and a constant hazard. For
    each possible start of the present segment, its mean is compared with the five evals before the start.

    References
    ----------
    Adams, MacKay 2007, "Bayesian online changepoint detection", arXiv 0710.3742.
    """
    rates, sigma = run.rates, _sigma(run)
    count = rates.size
    total = np.concatenate([[0.0], np.cumsum(rates)])
    log_p = np.zeros(1)  # over starts of the present segment: 0..k
    path = np.zeros(count)
    for k in range(count):
        variance, start = float(sigma[k]) ** 2, np.arange(k + 1)
        if k:
            log_p = np.append(log_p + math.log1p(-_HAZARD), math.log(_HAZARD))
        size = k - start  # evals of the segment before this one
        prior = 100.0 * variance  # of a segment's mean, about the first eval
        precision = 1.0 / prior + size / variance
        mean = (rates[0] / prior + (total[k] - total[start]) / variance) / precision
        spread = variance + 1.0 / precision
        log_p = log_p - 0.5 * ((rates[k] - mean) ** 2 / spread + np.log(spread))
        log_p -= log_p.max()
        p = np.exp(log_p)
        log_p -= math.log(float(p.sum()))
        if k >= 1:
            late = start[1:]
            here, there = k + 1.0 - late, np.minimum(late, 5)
            gap = (total[late] - total[late - there]) / there - (total[k + 1] - total[late]) / here
            path[k] = float(p[1:] / p.sum() @ cdf(gap / np.sqrt(variance * (1.0 / here + 1.0 / there))))
    return path


def always(run: SimulatedRun) -> FloatArray:
    """Yes."""
    return np.ones(run.rates.size)


def never(run: SimulatedRun) -> FloatArray:
    """No."""
    return np.zeros(run.rates.size)


_SURE = -math.log10(1.0 - OverOptimisation.likely)


@lru_cache(maxsize=1024)  # the same run is asked for by the scan, the Gaussian process and the alarm
def _looked(run: SimulatedRun, told: Told | None = None) -> OverOptimisation:
    """heldout's own detector after the whole run, told of its evals as its log has them, or as another would."""
    detector = OverOptimisation(horizon=max(len(run.steps), HORIZONS[0]))
    detector.update(Block(evaluations=run.evaluations(told)))
    return detector


def _of_looks(run: SimulatedRun, told: Told | None, value: Callable[[Look], float]) -> FloatArray:
    """What each look says, at its eval, shape (K,); minus infinity where there was none."""
    path, looks = np.full(run.rates.size, -math.inf), _looked(run, told).looks
    path[np.searchsorted(run.steps, [look.step for look in looks])] = [value(look) for look in looks]
    return path


def _scanned(look: Look) -> float:
    return look.statistic / look.bound


def _certain(look: Look) -> float:
    return -math.log10(max(1.0 - look.probability, 1e-12)) / _SURE


def _alarmed(look: Look) -> float:
    """The nearer of both to an alarm, but at least 1 where the look is one and below 1 where it is none.

    The Gaussian process comes no nearer than the scan is to what it must reach for that.
    """
    nearest = float(np.nanmax([0.0, _scanned(look), min(_certain(look), look.statistic / look.hint)]))
    return max(nearest, 1.0) if look.level >= Level.LIKELY else min(nearest, math.nextafter(1.0, 0.0))


def scan_path(run: SimulatedRun) -> FloatArray:
    """How strong is the evidence of a fall, over what a run of this length may show by chance?"""
    return _of_looks(run, None, _scanned)


def gp_path(run: SimulatedRun) -> FloatArray:
    """How sure is the Gaussian process that the level is half a point below an earlier one: 1 stands for 90 %."""
    return _of_looks(run, None, _certain)


def alarm_path(run: SimulatedRun) -> FloatArray:
    """How near is heldout to an alarm, by either?"""
    return _of_looks(run, None, _alarmed)


def rates_path(run: SimulatedRun) -> FloatArray:
    """How near would the alarm be if the log had the rates and the size of the evals, and no outcomes?"""
    return _of_looks(run, "rates", _alarmed)


def rldoctor_path(run: SimulatedRun) -> FloatArray:
    """How severe does rldoctor find the divergence of reward and held-out score, from 0 (skipped) to 4 (critical)?

    Its reward-hacking check is run afresh after each eval on one record per eval: the mean reward since the eval
    before, and the observed rate.
    """
    doctor = importlib.import_module("rl_doctor")
    edges = [0, *run.steps.tolist()]
    rewards = [float(run.reward[a:b].mean()) for a, b in pairwise(edges)]
    records = [
        {"step": step, "reward": reward, "eval/accuracy": rate}
        for step, reward, rate in zip(edges[1:], rewards, run.rates.tolist(), strict=True)
    ]
    path = np.zeros(run.rates.size)
    for k in range(FIRST + 1, path.size + 1):
        read = doctor.run_from_records(records[:k])
        path[k - 1] = int(doctor.diagnose(read, only=["reward_hacking"]).by_name("reward_hacking").severity)
    return path


SCAN = Detector("heldout: scan", scan_path, 1.0)
GP = Detector("heldout: GP", gp_path, 1.0)
ALARM = Detector("heldout: alarm", alarm_path, 1.0)
RATES = Detector("heldout: alarm, rates only", rates_path, 1.0)
OURS = (SCAN, GP, ALARM, RATES)
RIVALS = (
    Detector("always", always, 0.5, tunable=False),
    Detector("never", never, 0.5, tunable=False),
    Detector("patience 3", patience, 3.0),
    Detector("patience 5", patience, 5.0, tunable=False),  # tuned, it is the one above
    Detector("drop-patience 3", drop_patience, 0.01),
    Detector("z-test vs best", z_test, 1.645),
    Detector("McNemar vs best", mcnemar, 1.645),
    Detector("EWMA", ewma, 3.0),
    Detector("moving average 5", moving_average, 1.645),
    Detector("CUSUM", cusum, 5.0),
    Detector("Page-Hinkley", page_hinkley, 50.0),
    Detector("BOCPD", bocpd, 0.5),
    Detector("rldoctor", rldoctor_path, 4.0, tunable=False),
)


def unavailable() -> dict[str, str]:
    """Which detectors cannot run here, and why."""
    missing = importlib.util.find_spec("rl_doctor") is None
    return {"rldoctor": f"it is not installed; {how_to_install('bench')}"} if missing else {}


def available() -> tuple[Detector, ...]:
    """All detectors that can run here, heldout's own last."""
    left_out = unavailable()
    return tuple(detector for detector in (*RIVALS, *OURS) if detector.name not in left_out)


def paths(runs: Sequence[SimulatedRun], detectors: Sequence[Detector]) -> dict[str, FloatArray]:
    """The statistic of each detector after each eval of each run: by name, shape (R, K)."""
    return {detector.name: detector.statistics(runs) for detector in detectors}


@dataclass(frozen=True, slots=True)
class Pick:
    """A checkpoint taken at the end of a run.

    Attributes
    ----------
    best
        Index of the eval.
    estimate, low, high
        Its rate and a 95 % interval.
    tied
        Evals that are said to be possibly as good.
    fell
        Whether the score is said to have fallen at the end; None from who does not say.
    onset
        First and last step between which it is said to have fallen; None where it is not.
    """

    best: int
    estimate: float
    low: float
    high: float
    tied: tuple[int, ...]
    fell: bool | None = None
    onset: tuple[int, int] | None = None


def picks(run: SimulatedRun) -> dict[str, Pick]:
    """Which checkpoint is best: by heldout, and as the largest raw rate, tied where binomial intervals meet."""
    half = 1.96 * binomial_se(run.rates, float(run.outcomes.shape[1]))
    top = int(np.argmax(run.rates))
    rate, reach = float(run.rates[top]), float(half[top])
    meet = tuple(np.flatnonzero(run.rates + half >= rate - reach).tolist())
    return {"raw argmax": Pick(top, rate, rate - reach, rate + reach, meet), "heldout": _ours(run)}


def _ours(run: SimulatedRun) -> Pick:
    """What the verdict on a whole run says of its checkpoints and of a fall, as shares."""
    verdict = diagnose(logged(run), [])
    kept, onset = verdict.recommended, verdict.onset if verdict.fell else None
    if kept is None:
        raise UsageError(f"{len(run.steps)} evals are too few for a checkpoint to be recommended: {verdict.label}.")
    zero, unit = (RETURN, PER_SHARE) if run.told == "returns" else (0.0, 1.0)
    estimate, low, high = ((value - zero) / unit for value in (kept.estimate, kept.low, kept.high))
    best, *tied = np.searchsorted(run.steps, (kept.step, *verdict.tied)).tolist()
    return Pick(
        best, estimate, low, high, tuple(tied), verdict.fell, None if onset is None else (onset.low, onset.high)
    )


def logged(run: SimulatedRun) -> Run:
    """A simulated run as it is read from its log, with its held-out score alone."""
    measured = run.evaluations()
    exact = tuple(one for one in measured if one.outcomes is not None)
    key = exact[0].key if exact else "eval/mean_return" if run.told == "returns" else "eval/pass@1"
    sizes = {}
    if run.told != "returns":
        shape = len(measured)
        sizes = {
            "problems": np.full(shape, float(run.outcomes.shape[1])),
            "samples": np.full(shape, float(run.samples)),
        }
    series = Series(key, run.steps, np.array([one.rate for one in measured]), **sizes)
    return Run(run.family, "simulated", "simulated", {key: series}, {"held_out": key}, measured=exact)
