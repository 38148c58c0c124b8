"""How many problems does the model solve when it may try k times?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import FloatArray, floats
from heldout.stats.rates import standard_error


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over problems and how sure it is."""

    value: float  # the mean, within [0, 1]; `nan` if no problem has enough samples
    se: float  # its standard error; `nan` with fewer than two problems (or groups of problems)
    n: int  # number of problems that count: those with at least k samples


def pass_at_k(samples: npt.ArrayLike, correct: npt.ArrayLike, k: int) -> FloatArray:
    """How likely is it that one of k samples solves the problem?

    ``1 - C(n - c, k) / C(n, k)`` for c correct ones among n samples: the share of all subsets of k samples that hold a
    correct one. Unlike ``1 - (1 - c / n)^k`` it is unbiased.

    `samples` (n, for each problem) and `correct` (c, from 0 to n) may have any shape; shapes broadcast. `k` is at least
    1.
    Returns one probability for each problem; `nan` where fewer than k samples were drawn.
    Raises ValueError if k is below 1, or a count is negative or larger than its number of samples.

    Computed as ``-expm1(sum_i log1p(-c / (n - i)))`` over i from 0 to k - 1, which neither overflows nor loses small
    probabilities. What it cannot see: samples of one problem that are not independent (a shared prefix, a cache).

    Source: Chen et al. 2021, "Evaluating large language models trained on code", arXiv 2107.03374.

    >>> pass_at_k([10, 10, 10], [0, 1, 10], 5)
    array([0. , 0.5, 1. ])
    """
    if k < 1:
        raise ValueError(f"k is {k}; it must be at least 1.")
    n, c = np.broadcast_arrays(floats(samples), floats(correct))
    if not np.all((c >= 0.0) & (c <= n)):
        raise ValueError("each count of correct samples must lie between 0 and the number of samples.")
    certain = n - c < k  # every subset holds a correct sample
    log_miss = np.zeros(n.shape)
    for i in range(k):
        log_miss += np.log1p(-np.where(certain, 0.0, c) / np.maximum(n - i, 1.0))
    return np.where(n < k, np.nan, np.where(certain, 1.0, 0.0 - np.expm1(log_miss)))


def mean_pass_at_k(
    samples: npt.ArrayLike, correct: npt.ArrayLike, k: int, groups: npt.ArrayLike | None = None
) -> Estimate:
    """What is pass@k over the problems, and how sure is it?

    The mean of `pass_at_k`, with its `standard_error`, clustered by problem or by groups of problems.

    `samples`, `correct` and `k` are those of `pass_at_k`, shape (n,); one number of samples stands for all. `groups`:
    shape (n,), the group of each problem (repository, contest); each problem is its own if not given.
    Returns the mean, its standard error and the number of problems that count.
    Raises ValueError as `pass_at_k`, or if `groups` does not have one entry for each problem.

    The standard error is for other problems of the same kind; sampling noise is in it, since it shows in the values.
    What it cannot see: problems with fewer than k samples are left out, and if they are the hard ones the mean is too
    high. With fewer than about 30 groups the standard error is itself uncertain.

    Source: Chen et al. 2021, arXiv 2107.03374; Miller 2024, "Adding error bars to evals", arXiv 2411.00640.

    >>> mean_pass_at_k(4, [4, 0, 4, 0], 1, groups=["a", "a", "b", "b"])
    Estimate(value=0.5, se=0.0, n=4)
    """
    each = np.atleast_1d(pass_at_k(samples, correct, k))
    known = ~np.isnan(each)
    value = each[known]
    if value.size == 0:
        return Estimate(math.nan, math.nan, 0)
    if groups is not None:
        groups = _checked(groups, each.size)[known]
    return Estimate(float(value.mean()), standard_error(value, groups), value.size)


def _checked(groups: npt.ArrayLike, n: int) -> npt.NDArray[np.generic]:
    """Group ids as an array, one for each problem."""
    ids = np.asarray(groups)
    if ids.shape != (n,):
        raise ValueError(f"groups has shape {ids.shape}; it must have one entry for each of the {n} problems.")
    return ids
