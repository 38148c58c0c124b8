"""What do k seeds of a recipe say? Means and differences of one number each, with the seed as the unit.

These speak of other seeds and of nothing else: the problems are taken as they are. Where the outcomes of single
problems are known `crossed` counts both.

Three seeds are no sample to resample: a bootstrap of three covers too seldom, and 1.96 standard errors do. Student's t
covers what it says at every k.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from heldout.stats import student
from heldout.stats.arrays import FloatArray, floats
from heldout.stats.crossed import Difference, of_error

POWER = 0.8
FEWEST_TO_RANK = 5  # seeds on either side: an exact rank test of 3 and 3 cannot go below p = 0.10
FEWEST_TO_TRIM = 15  # scores in all, from which on the mean of the middle half is another number than the mean
_DRAWS = 2000


def mean(values: npt.ArrayLike) -> Difference:
    """How good is a recipe on average over seeds, on these problems?

    `values` has shape (k,), one score a seed. Student's t with k - 1 degrees of freedom; with one seed the error is
    `nan`, since one run says nothing of others.

    >>> found = mean([0.80, 0.83, 0.81])
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.8133, 0.7754, 0.8513)
    """
    value, k = _some("values", values), np.size(values)
    variance = float(value.var(ddof=1)) / k if k > 1 else math.nan
    return of_error(float(value.mean()), variance, max(k - 1.0, 1.0), seed=variance)


def welch(a: npt.ArrayLike, b: npt.ArrayLike) -> Difference:
    """How much better is b than a on average over seeds, on these problems?

    `a` and `b` have shapes (k_a,) and (k_b,), at least two each, otherwise the error is `nan`. Degrees of freedom are
    Welch's.

    What it cannot see: problems. Recipes that differ on these problems by the luck of what they learned may be equal on
    others of the kind.

    Source: Welch 1947, "The generalization of Student's problem", Biometrika 34.
    """
    first, second = mean(a), mean(b)
    parts = ((first.seed_variance, first.df), (second.seed_variance, second.df))
    variance = first.seed_variance + second.seed_variance
    spread = sum(part**2 / df for part, df in parts)
    df = variance**2 / spread if spread > 0.0 else first.df + second.df
    return of_error(second.value - first.value, variance, df, seed=variance)


def paired(a: npt.ArrayLike, b: npt.ArrayLike) -> Difference:
    """How much better is b than a, where seed j of both had the same order of data and was planned as a pair?

    `a` and `b` have shape (k,). Student's t of the k differences. Raises ValueError if there are not as many.
    """
    first, second = _some("a", a), _some("b", b)
    if first.size != second.size:
        raise ValueError(f"a has {first.size} seeds and b has {second.size}; pairs need as many.")
    return mean(second - first)


def smallest_visible(sd: float, k: int, other: int | None = None, power: float = POWER) -> float:
    """Which difference of two recipes would k seeds each show at 5 %, with this power?

    ``(t_0.975 + t_power) sd sqrt(1 / k + 1 / k')`` with t of ``k + k' - 2`` degrees of freedom. `sd` is how far seeds
    scatter, in any unit, which is that of the answer; `other` are the seeds of the other recipe, k if not given.
    Raises ValueError with fewer than three seeds in all.

    >>> [round(smallest_visible(2.0, k), 1) for k in (2, 3, 5, 10)]
    [10.7, 6.1, 4.0, 2.7]
    """
    second = k if other is None else other
    if min(k, second) < 1 or k + second < 3:
        raise ValueError(f"there are {k} and {second} seeds; a scatter needs three in all.")
    df = float(k + second - 2)
    return (student.quantile(0.975, df) + student.quantile(power, df)) * sd * math.sqrt(1.0 / k + 1.0 / second)


def probability_of_improvement(a: npt.ArrayLike, b: npt.ArrayLike) -> float | None:
    """How likely is a seed of b better than a seed of a? None with fewer than five of either.

    ``U / (k_a k_b)`` of Mann and Whitney; a tie counts one half. `a` and `b` have shapes (k_a,) and (k_b,).

    Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", arXiv
    2108.13264; Mann, Whitney 1947, Annals of Mathematical Statistics 18.

    >>> probability_of_improvement([1, 2, 3, 4, 5], [2, 4, 6, 8, 10]), probability_of_improvement([1, 2, 3], [4, 5, 6])
    (0.8, None)
    """
    first, second = _some("a", a), _some("b", b)
    if min(first.size, second.size) < FEWEST_TO_RANK:
        return None
    above = second[:, None] - first[None, :]
    return float(((above > 0.0) + 0.5 * (above == 0.0)).mean())


def iqm(scores: npt.ArrayLike, seed: int = 0) -> Difference | None:
    """What is the mean of the middle half of all scores, of M benchmarks and k seeds? None with fewer than 15 scores.

    The interval is that of a bootstrap of the seeds of each benchmark, widened by
    ``sqrt(k / (k - 1)) t_{0.975, M (k - 1)} / 1.96`` about the estimate; as it is it covers 82 to 91 % at three to five
    seeds. `scores` has shape (M, k) with two seeds or more. p, which a bootstrap does not give, is `nan`. The same
    `seed` gives the same draws.

    Source: Agarwal et al. 2021, arXiv 2108.13264 (interquartile mean, stratified bootstrap).
    """
    score = floats(scores)
    if score.ndim != 2 or score.shape[1] < 2:
        raise ValueError(f"scores has shape {score.shape}; it must have one row a benchmark, of two seeds or more.")
    benchmarks, k = score.shape
    if score.size < FEWEST_TO_TRIM:
        return None
    drawn = np.random.default_rng(seed).integers(0, k, (_DRAWS, benchmarks, k))
    middle = _middle(score[np.arange(benchmarks)[:, None], drawn].reshape(_DRAWS, -1))
    value, df = float(_middle(score.reshape(1, -1))[0]), float(benchmarks * (k - 1))
    wider = math.sqrt(k / (k - 1)) * student.quantile(0.975, df) / student.quantile(0.975, math.inf)
    low, high = (value + wider * (float(end) - value) for end in np.quantile(middle, (0.025, 0.975)))
    return Difference(value, wider * float(middle.std(ddof=1)), low, high, df, math.nan)


def _middle(scores: FloatArray) -> FloatArray:
    """The mean of the middle half of each row; a quarter, rounded down, is cut at either end."""
    size = scores.shape[-1]
    return floats(np.sort(scores, axis=-1)[..., size // 4 : size - size // 4].mean(axis=-1))


def _some(name: str, given: npt.ArrayLike) -> FloatArray:
    """Scores of seeds, checked."""
    value = floats(given)
    if value.ndim != 1 or value.size < 1 or not np.isfinite(value).all():
        raise ValueError(f"{name} must be one row of finite scores, one a seed.")
    return value
