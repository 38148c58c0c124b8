"""Is a score level, or does it still rise; and did it rise late, after it had seemed to be done?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from heldout.stats.arrays import FloatArray, floats
from heldout.stats.gp import MOST_POINTS, GPPosterior, gp_posterior
from heldout.stats.levels import ONE_SIDED_95, TWO_SIDED_95
from heldout.stats.local_level import smoothed
from heldout.stats.scan import Inflation
from heldout.stats.smoothing import bounded

State = Literal["improving", "declining", "plateau", "undetermined"]

FEWEST_FOR_LEVEL = 8  # evals: the test looks at the last half of them, and at no fewer
_SURE = 0.9  # probability of a rise that is called improving


@dataclass(frozen=True, slots=True)
class LevelTest:
    """What a score did over the last half of its evals, in change per quarter of the run."""

    state: Literal["improving", "plateau", "undetermined"]
    change: float  # least-squares slope, and its standard deviation; `nan` where nothing is known
    sd: float
    start: int  # index of the first eval that was looked at
    margin: float  # a smaller change counts as level
    rise: float = math.nan  # mean of the last third of all evals less that of the first, and its standard deviation
    rise_sd: float = math.nan

    @property
    def bound(self) -> float:
        """What the change is below, either way, with 95 % on each side."""
        return abs(self.change) + ONE_SIDED_95 * self.sd

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of the change."""
        return self.change - ONE_SIDED_95 * self.sd, self.change + ONE_SIDED_95 * self.sd

    @property
    def decides(self) -> float:
        """How many times the variance would have to be smaller for a level score to be called so nine times in ten."""
        return (2.0 * ONE_SIDED_95 * self.sd / self.margin) ** 2 if self.margin > 0.0 else math.inf


def level_window(count: int) -> int:
    """How many evals, the last of so many, does the test of a level look at: half of them, at least eight?"""
    return min(count, max(FEWEST_FOR_LEVEL, math.ceil(count / 2)))


def level_test(
    rate: FloatArray,
    variance: float,
    margin: float,
    inflation: Inflation | None = None,
    *,
    planned: int = 0,
    fewest: int = FEWEST_FOR_LEVEL,
    surely: float = TWO_SIDED_95,
) -> LevelTest:
    """Is a score level, does it still improve, or do its evals not say?

    With K evals the last ``h = min(K, max(8, ceil(K / 2)))`` are looked at. Their least-squares slope, times
    ``(K - 1) / 4``, is the change per quarter of the run; while more evals are to come, the planned K counts. In this
    order: *improving* where it is above zero by `surely` standard deviations and above half the margin; *plateau* where
    it is within the margin either way (two one-sided 5 % tests); *improving* where the last third of all evals lies
    above the first by `surely` standard deviations.

    `rate`: shape (K,), evals in order, which count as evenly spaced. `variance`: noise variance of one rate. `margin`:
    largest change per quarter of the run that counts as level, in the unit of the rates. `inflation`: how much noisier
    a contrast of the rates is than independent noise. `planned`: evals of the whole run, where there are more to come;
    without it a run that has only begun is soon called level, being short. `fewest`: evals below which nothing is
    called level.
    Returns "undetermined" with fewer evals than that unless the rise is clear; and with `nan` for fewer than three
    evals or an unknown variance.

    Error: a score that moves by exactly the margin is called level in at most 5.3 % of simulated runs of 164 to 1000
    problems and 8 to 40 evals, a level one improving in 1 to 4 %.

    What it cannot see: turns within the window; a fall, which the scan is for; a change smaller than the margin.

    Source: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15 (two one-sided tests).

    >>> A = np.array([0.40, 0.42, 0.44, 0.45, 0.46, 0.46, 0.45, 0.47, 0.46, 0.45, 0.47, 0.46])
    >>> found = level_test(A, 2.281115e-4, 0.02)
    >>> found.state, found.start, round(found.bound, 6)
    ('plateau', 4, 0.011851)
    """
    rate = floats(rate)
    count = rate.size
    window = level_window(count)
    if count < 3 or not variance >= 0.0:
        return LevelTest("undetermined", math.nan, math.nan, max(count - window, 0), margin)
    change, sd = contrasted(rate, slope_weights(count, window) * (max(count, planned) - 1) / 4.0, variance, inflation)
    rise, rise_sd = contrasted(rate, _thirds(count), variance, inflation)
    found = LevelTest("undetermined", change, sd, count - window, margin, rise, rise_sd)
    if change - surely * sd > 0.0 and change > margin / 2.0:
        return replace(found, state="improving")
    if count >= fewest and (found.bound < margin or found.bound == 0.0):
        return replace(found, state="plateau")
    return replace(found, state="improving") if rise > surely * rise_sd else found


def slope_weights(count: int, window: int) -> FloatArray:
    """Which contrast of `count` evals is the least-squares slope per eval over the last `window` of them?"""
    centred = np.arange(window) - (window - 1) / 2.0
    return floats(np.concatenate([np.zeros(count - window), centred / (centred @ centred)]))


def _thirds(count: int) -> FloatArray:
    """Weights of the mean of the last third less that of the first, at least two evals each where there are four."""
    width = max(min(2, count // 2), count // 3)
    weights = np.zeros(count)
    weights[:width], weights[-width:] = -1.0 / width, 1.0 / width
    return weights


def contrasted(
    rate: FloatArray, weight: FloatArray, variance: float, inflation: Inflation | None
) -> tuple[float, float]:
    """What is a contrast of the rates, and its standard deviation?

    `rate` and `weight` have shape (K,); `variance` and `inflation` are as for `level_test`.
    """
    wider = 1.0 if inflation is None else float(np.max(inflation(weight[None, :])))
    return float(weight @ rate), math.sqrt(variance * wider * float(weight @ weight))


@dataclass(frozen=True, slots=True)
class TrendState:
    """What the series did over its last window."""

    state: State  # plateau: the change is smaller than the margin; undetermined: the data do not say
    difference: float  # change of the level over the window, and its posterior standard deviation; `nan` if too little
    sd: float
    probability: float  # posterior, that the level rose
    start_step: float  # the window
    end_step: float


def window_state(
    posterior: GPPosterior, step: FloatArray, value: FloatArray, start: int, end: int, margin: float | None = None
) -> TrendState:
    """What did the level do between two points, given its posterior?

    Rising if the level rose with probability 0.9 or more and the local-level smoother agrees about the sign; falling
    likewise; a plateau if ``|difference| + 1.645 sd`` is below the margin (an equivalence test).

    `posterior` is that of `value`; `step` and `value` have shape (k,); `start` and `end` are the indices of the two
    points. `margin`: largest change that still counts as level, in the unit of the values; two noise standard
    deviations if not given.

    What it cannot see: turns inside the window; and after a sudden rise the level rings, so a short window may call the
    sign wrong (1 % of simulated runs, 5 % of those with a late surge). On small evals most windows are rightly
    undetermined.

    Source: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15 (two one-sided tests); Rasmussen, Williams 2006.
    """
    difference, sd = posterior.difference(end, start)
    probability = posterior.prob_greater(end, start)
    smooth = smoothed(value, step=step)
    agrees = float(smooth[end] - smooth[start]) * difference > 0.0
    level = 2.0 * math.sqrt(posterior.variance) if margin is None else margin
    return TrendState(
        _named(difference, sd, probability, agrees, level), difference, sd, probability, *step[[start, end]].tolist()
    )


def _named(difference: float, sd: float, probability: float, agrees: bool, margin: float) -> State:
    """The word for these numbers."""
    if agrees and probability >= _SURE:
        return "improving"
    if agrees and probability <= 1.0 - _SURE:
        return "declining"
    # Without any noise a level that does not move at all is a plateau, whatever the margin.
    small = abs(difference) + ONE_SIDED_95 * sd
    return "plateau" if small < margin or small == 0.0 else "undetermined"


@dataclass(frozen=True, slots=True)
class Surge:
    """A late rise."""

    start_step: float  # from where to where it lasted; the end is the end of the series
    end_step: float
    before: float  # level before the start, and since then
    after: float
    gain: float  # after minus before
    z: float  # the gain over its standard deviation


def late_surge(
    step: FloatArray, value: FloatArray, variance: float, window: int | None = None, margin: float | None = None
) -> Surge | None:
    """Is the series rising now, after a stretch in which it was not?

    The level gains at least two posterior standard deviations over the last window, and the state of the two windows
    before that was a plateau or undetermined.

    `step`: shape (N,), strictly increasing. Longer series are averaged into 120 blocks. `value`: shape (N,).
    `variance`: noise variance of one value. `window`: window in points (blocks, for a long series); a quarter of them,
    at least 4, if not given. `margin`: as for `window_state`.
    Returns None with fewer points than three windows and one.

    What it cannot see: a surge that began before the last window, or that followed a slow rise which was itself sure.
    """
    step, value, variance = bounded(floats(step), floats(value), variance, MOST_POINTS)
    last = step.size - 1
    width = max(4, step.size // 4) if window is None else window
    if last < 3 * width or not variance >= 0.0:
        return None
    posterior = gp_posterior(value, variance)
    now = window_state(posterior, step, value, last - width, last, margin)
    if now.state != "improving" or now.difference < 2.0 * now.sd:
        return None
    earlier = window_state(posterior, step, value, last - 3 * width, last - width, margin)
    if earlier.state not in ("plateau", "undetermined"):
        return None
    level = posterior.mean
    z = now.difference / now.sd if now.sd > 0.0 else math.inf
    return Surge(now.start_step, now.end_step, float(level[last - width]), float(level[last]), now.difference, z)
