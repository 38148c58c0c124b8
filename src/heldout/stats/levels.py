"""How sure is sure: the normal distribution, several tests at once, and the thresholds that rooms share, each once.

A threshold that only one module knows stays there. Those of a share are fractions: 0.02 is two points of a pass rate.
The normal distribution is own code, because importing scipy.special costs a third of a second and all that is needed is
the error function, which the standard library has.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import FloatArray, floats

_STANDARD = NormalDist()
_FAR = 30.0  # standard deviations


def quantile(p: float) -> float:
    """Below which value does a standard normal lie with probability `p`?"""
    return _STANDARD.inv_cdf(p)


# How sure. 95 % is the custom of the field; an interval of 90 % is one-sided 95 % at either end, as in an equivalence
# test (Schuirmann 1987).
TWO_SIDED_95 = quantile(0.975)  # 1.96 standard errors
ONE_SIDED_95 = quantile(0.95)  # 1.645 standard errors
FALSE_ALARMS = 0.05  # chance of a confirmed alarm in a whole run that never falls
HINTS = 0.20  # chance that the scan of such a run ever hints at a fall, which by itself is no alarm

# What counts as a change of a held-out rate.
LEVEL = 0.02  # a smaller change per quarter of a run is level; 0.03 called up to a third of honest ramps of 8 points so
DROP = 0.005  # falls below half a point are not asked about: a sudden rise rings by as much in the posterior
ONSET = 0.01  # a rate that is one point below its peak has begun to fall

# How many. Each is a number of problems, whatever their samples, or of evaluations.
FEWEST_TO_CONFIRM = 30  # problems below which the normal approximation of the scan is not to be trusted
ENOUGH_PROBLEMS = 200  # of simulated declines 100 problems show 55 to 88 %, 200 show 76 to 92 %
# Samples make the noise of an evaluation smaller while (1 - r) / m is more than what they do not touch: problems that
# flip between evaluations (c r) and those that are learned or lost for a while (0.1 r), with r = 0.5 and c = 0.05.
HELPFUL_SAMPLES = 7
FEWEST_EVALUATIONS, MOST_EVALUATIONS = 20, 40  # of a run: between them the optimum is flat in simulations


def cdf(z: FloatArray | float) -> FloatArray:
    """How likely is a standard normal value below `z`?

    `z` may have any shape, which the probabilities share; they are accurate in the far tails too. Meant for some
    thousands of values: the error function is called for each one.
    """
    values = floats(z)
    flat = np.fromiter((0.5 * math.erfc(-v) for v in (values / math.sqrt(2.0)).ravel()), np.float64, values.size)
    return flat.reshape(values.shape)


def log_tail(z: FloatArray | float) -> FloatArray:
    """How likely is a standard normal value above `z`, as a logarithm, however far out?

    `z` may have any shape, which the answers share. Beyond 30 deviations, where the error function comes near the
    smallest number there is, four terms of its asymptotic series stand in, right to 1e-10.
    """
    values = floats(z)
    far = np.maximum(values, _FAR)
    square = far**2
    series = 1.0 - (1.0 - (3.0 - 15.0 / square) / square) / square
    beyond = -0.5 * square - np.log(far * math.sqrt(2.0 * math.pi)) + np.log(series)
    return np.where(values < _FAR, np.log(cdf(-np.minimum(values, _FAR))), beyond)


def z_of_log_tail(log_p: float) -> float:
    """Above which value does a standard normal lie with a probability whose logarithm is `log_p`, at most 1/2?"""
    if log_p > -0.5 * _FAR**2:
        return max(-quantile(math.exp(log_p)), 0.0)
    z = math.sqrt(-2.0 * log_p)
    for _ in range(8):  # Newton: the slope of the logarithm is nearly -z, so a few rounds are exact
        z += (float(log_tail(z)) - log_p) / (z + 1.0 / z)
    return z


def two_sided_p(z: float) -> float:
    """How likely is a standard normal at least as far from zero as `z`?"""
    return math.erfc(abs(z) / math.sqrt(2.0))


def holm(p: npt.ArrayLike) -> FloatArray:
    """Which of several hypotheses fall when the chance of any false one is to stay at a level?

    The i-th smallest of m p-values is multiplied by ``m - i + 1``; none may end below a smaller one's, none above 1.

    `p` has shape (m,), each within [0, 1]; the tests may depend on each other in any way.
    Returns the adjusted p-values in the given order, shape (m,): compare each with the level.

    What it cannot see: that tests agree with each other, from which other procedures would gain.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = floats(p)
    order = np.argsort(p, kind="stable")
    raised = p[order] * np.arange(p.size, 0, -1)
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted


def benjamini_hochberg(p: npt.ArrayLike) -> FloatArray:
    """Which of many hypotheses fall when the share of false ones among those that do is to stay at a level?

    The i-th smallest of m p-values is multiplied by ``m / i``; none may end above a larger one's, none above 1.

    `p` has shape (m,), each within [0, 1]; the tests may be independent, or lean the same way (positive dependence).
    Returns the adjusted p-values in the given order, shape (m,): those at or below the level fall, and on average at
    most so large a share of them is false.

    What it cannot see: how large that share is this time.

    Source: Benjamini, Hochberg 1995, "Controlling the false discovery rate", Journal of the Royal Statistical Society B
    57; Benjamini, Yekutieli 2001, Annals of Statistics 29 (dependence).

    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.5])
    array([0.04      , 0.05333333, 0.05333333, 0.5       ])
    """
    return np.minimum(_stepped_up(floats(p)), 1.0)


def adaptive_benjamini_hochberg(p: npt.ArrayLike, near: float = HINTS, halves: float = 0.5) -> FloatArray:
    """Which of many hypotheses fall, where those that hold mostly have p-values larger than need be?

    Only tests that came `near` count, their p-values taken over it: of a test that holds these are still valid, if
    within what is near small values are no likelier than they should be. Of them, the share that holds is estimated
    from those above `halves` of it, and the procedure of `benjamini_hochberg` spares what the others leave. With so few
    tests that none could be left out for it (``m <= 1 / near``) it is that procedure.

    `p` has shape (m,), each within [0, 1]; the tests must be independent.
    Returns the adjusted p-values in the given order, shape (m,), 1 for those that are not near: compare each with the
    level.

    What it cannot see: tests that lean the same way, for which the share that holds is estimated too low or too high.

    Source: Zhao, Small, Su 2019, "Multiple testing when many p-values are uniformly conservative", JASA 114; Storey,
    Taylor, Siegmund 2004, Journal of the Royal Statistical Society B 66.

    >>> adaptive_benjamini_hochberg([0.002, 0.004, 0.9, 1.0, 1.0, 1.0])
    array([0.02, 0.02, 1.  , 1.  , 1.  , 1.  ])
    """
    p = floats(p)
    if near * p.size <= 1.0:
        return benjamini_hochberg(p)
    counted = p <= near
    there = p[counted] / near
    holding = (1.0 + float(np.sum(there > halves))) / ((1.0 - halves) * max(there.size, 1))
    adjusted = np.ones(p.size)
    adjusted[counted] = np.clip(min(holding, 1.0) * _stepped_up(there), p[counted], 1.0)  # asking more never helps
    return adjusted


def _stepped_up(p: FloatArray) -> FloatArray:
    """The i-th smallest of m p-values times m / i, none above a larger one's."""
    order = np.argsort(p, kind="stable")[::-1]
    raised = np.empty(p.size)
    raised[order] = np.minimum.accumulate(p[order] * p.size / np.arange(p.size, 0, -1))
    return raised
