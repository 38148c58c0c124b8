"""How sure is a rate over problems, and the difference of two? Standard errors, intervals, and tests of pairs.

Problems and samples are two numbers. More samples of the same problems say more of those problems and little of others
like them, so every function that is about other problems of the kind takes both, and none takes their product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.stats import student
from heldout.stats.arrays import FloatArray, floats
from heldout.stats.beta import beta_cdf
from heldout.stats.levels import quantile

# Share of A (1 - A) that lies between problems. Measured on sets of code problems it is 0.3 to 0.4, on sets of nearly
# always and nearly never solved problems up to 0.7: an interval assumes the most.
BETWEEN_AT_MOST = 0.7
_COUNTED = 500  # pairs whose binomial coefficients are summed one by one
MEASURED_FROM = 100  # problems below which their measured spread is itself too unsure to narrow an interval


def standard_error(values: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> float:
    """How sure is a mean over problems, for other problems of the same kind?

    Clustered by problem, or by groups of problems that stand or fall together:
    ``se^2 = G / (G - 1) * sum_g (sum_{i in g} (x_i - mean))^2 / n^2``. With each problem its own group that is the
    standard deviation over the square root of n.

    `values`: shape (n,), one value for each problem; sampling noise shows in the values and is thereby counted.
    `groups`: shape (n,), the group of each problem (repository, contest).
    The answer is in the unit of the values; it is `nan` with fewer than two problems (or groups): one problem says
    nothing of others.

    What it cannot see: with fewer than about 30 groups it is itself uncertain, and it is 0 where all came out alike.

    Source: Liang, Zeger 1986, Biometrika 73; Miller 2024, "Adding error bars to evals", arXiv 2411.00640.
    """
    value = floats(values)
    if value.size == 0:
        return math.nan
    centred = value - value.mean()
    if groups is not None:
        centred = np.bincount(np.unique(np.asarray(groups), return_inverse=True)[1], weights=centred)
    if centred.size < 2:
        return math.nan
    return math.sqrt(float(centred @ centred) * centred.size / (centred.size - 1)) / value.size


def binomial_se(rate: FloatArray | float, n: FloatArray | float) -> FloatArray:
    """What is the standard error of a rate over `n` independent problems?

    `rate` is within [0, 1], and half a problem away from 0 and 1 is the closest that is believed; `n` is above 0;
    shapes broadcast.
    The answer is in the unit of the rate.

    What it cannot see: problems that belong together (clusters) make it too small, and when the same problems are used
    at each eval it is not the error of a difference.

    Source: Miller 2024, arXiv 2411.00640.
    """
    size = floats(n)
    half = np.minimum(0.5 / size, 0.5)
    believed = np.clip(floats(rate), half, 1.0 - half)
    return np.sqrt(believed * (1.0 - believed) / size)


def effective_problems(problems: FloatArray | float, samples: FloatArray | float = 1.0) -> FloatArray:
    """How many problems with one sample each say as much of a level as n problems with m samples each?

    ``n / (0.7 + 0.3 / m)``, for other problems of the same kind: at most 1.43 n, however many samples.

    What it cannot see: how much the problems differ, which only their outcomes tell; 0.7 is the most that was seen, so
    that the intervals cover 97 to 100 % instead of 95.

    Source: Miller 2024, arXiv 2411.00640 (variance between and within problems).

    >>> round(float(effective_problems(10, 40)), 3), float(effective_problems(164))
    (14.134, 164.0)
    """
    return floats(problems) / (BETWEEN_AT_MOST + (1.0 - BETWEEN_AT_MOST) / np.maximum(floats(samples), 1.0))


def measured_problems(rate: float, se: float, problems: int, samples: float) -> float:
    """How many independent problems say as much as these do, whose outcomes are known?

    ``A (1 - A) / se^2``, not below the number of problems nor above that of all samples; below 100 problems, whose
    measured spread covers only 79 to 97 %, not above `effective_problems` either. Where all came out alike the spread
    says nothing, and the number of problems stands in.

    What it cannot see: problems that stand or fall together, which `standard_error` counts if it is told of them.
    """
    if not (math.isfinite(se) and se > 0.0):
        return float(problems)
    most = problems * max(samples, 1.0)
    if problems < MEASURED_FROM:
        most = float(effective_problems(problems, samples))
    return min(max(rate * (1.0 - rate) / se**2, float(problems)), most)


def level_error(share: npt.ArrayLike, samples: float) -> float:
    """How sure is one eval, for other problems of the same kind, whose outcomes are shares of `samples` each?

    The standard error over problems; below 100 of them not below that of `effective_problems`, and never 0: where all
    came out alike the binomial error stands in.
    """
    value = floats(share)
    rate, error = float(value.mean()), standard_error(value)
    if not error > 0.0:
        return float(binomial_se(rate, value.size))
    if value.size >= MEASURED_FROM:
        return error
    return max(error, float(binomial_se(rate, effective_problems(value.size, samples))))


def wilson(rate: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Between which rates does the truth lie, after so many trials?

    Wilson's score interval. `rate` is within [0, 1]; `trials` is above 0, and a fraction where it is an effective
    number; `confidence` is two-sided.
    The ends are within [0, 1] and never the same; `nan` where the rate is.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22.

    >>> tuple(round(end, 4) for end in wilson(0.4, 164))
    (0.3281, 0.4764)
    """
    if not math.isfinite(rate):
        return math.nan, math.nan
    z = quantile(0.5 + 0.5 * confidence)
    centre = (rate + z**2 / (2.0 * trials)) / (1.0 + z**2 / trials)
    margin = z * math.sqrt(rate * (1.0 - rate) / trials + z**2 / (4.0 * trials**2)) / (1.0 + z**2 / trials)
    return max(0.0, centre - margin), min(1.0, centre + margin)


def mcnemar(won: int, lost: int) -> float:
    """How likely are discordant pairs at least as uneven as these, if either side is as likely?

    Two-sided and exact: twice the tail of a binomial with chance one half, at most 1.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions", Psychometrika
    12.

    >>> mcnemar(8, 1), mcnemar(0, 0)
    (0.0390625, 1.0)
    """
    n, fewer = won + lost, min(won, lost)
    if n > _COUNTED:  # sums of whole numbers of so many digits take long
        return min(1.0, 2.0 * beta_cdf(0.5, float(n - fewer), fewer + 1.0))
    return float(min(1.0, 2 * sum(math.comb(n, i) for i in range(fewer + 1)) / 2**n))


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean of differences, problem by problem."""

    difference: float
    se: float  # nan with one problem
    low: float  # 95 % interval, within -1 and 1
    high: float
    df: float  # degrees of freedom of that interval: problems, or groups of them, but one
    p: float  # two-sided, of no difference; nan where the standard error does not give one
    exact: bool  # whether p is McNemar's exact one
    won: int  # problems on which the second is better
    lost: int


def paired_difference(
    first: npt.ArrayLike, second: npt.ArrayLike, groups: npt.ArrayLike | None = None, *, single: bool = False
) -> Paired:
    """How much better is the second of two evals of the same problems?

    The problems' own difficulty cancels: the standard error is that of the mean of the differences, and the interval
    one of Student's t. With one sample of each problem (`single`) p is McNemar's exact test of the problems on which
    they disagree, otherwise that of t.

    `first` and `second` are shares of solved samples, shape (n,), each within [0, 1]; `groups`, of the same shape, are
    problems that stand or fall together, which McNemar's test does not know.

    What it cannot see: where no problem differs the interval has no width at all.

    Source: Miller 2024, "Adding error bars to evals", arXiv 2411.00640.
    """
    each = floats(second) - floats(first)
    won, lost = int((each > 0).sum()), int((each < 0).sum())
    difference, se = float(each.mean()), standard_error(each, groups)
    df = float((each.size if groups is None else np.unique(np.asarray(groups)).size) - 1)
    margin = student.margin(se, df) if df else math.inf
    exact = single and groups is None and bool(np.isin(each, (-1.0, 0.0, 1.0)).all())
    p = student.two_sided_of(difference, se, df)
    low, high = max(-1.0, difference - margin), min(1.0, difference + margin)
    return Paired(difference, se, low, high, df, mcnemar(won, lost) if exact else p, exact, won, lost)


def newcombe(rate_a: float, n_a: float, rate_b: float, n_b: float, confidence: float = 0.95) -> tuple[float, float]:
    """Between which differences does the truth lie, b minus a, when only two rates and their problems are known?

    The hybrid of two Wilson intervals: ``d - sqrt((p_b - l_b)^2 + (u_a - p_a)^2)`` to
    ``d + sqrt((u_b - p_b)^2 + (p_a - l_a)^2)``. Rates are within [0, 1], the numbers above 0.

    What it cannot see: whether the problems are the same ones. If they are, it is wider than need be, and only the
    outcomes of the single problems would tell by how much (`paired_difference`).

    Source: Newcombe 1998, "Interval estimation for the difference between independent proportions", Statistics in
    Medicine 17, method 10.

    >>> tuple(round(end, 4) for end in newcombe(48 / 80, 80, 56 / 70, 70))
    (0.0524, 0.3339)
    """
    (low_a, high_a), (low_b, high_b) = wilson(rate_a, n_a, confidence), wilson(rate_b, n_b, confidence)
    below = math.hypot(rate_b - low_b, high_a - rate_a)
    return rate_b - rate_a - below, rate_b - rate_a + math.hypot(high_b - rate_b, rate_a - low_a)
