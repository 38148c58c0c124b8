"""Which checkpoint is the best, how good is it, and which others cannot be told from it?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.gp import GPPosterior, gp_posterior
from heldout.stats.levels import TWO_SIDED_95, quantile

ENOUGH = 5  # evals from which on neighbours are allowed to help
TIE = 0.0001  # rates closer than this are equal, and the earlier checkpoint is taken
_DRAWS = 1000
_WIDER = 1.3  # draws have this times the posterior variance, which is a little too small
_TIED_MASS = 0.98
_TIED_ERROR = 0.05  # chance that the raw comparisons drop the best one

ContrastVariance = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The checkpoint to take, and what is known about it."""

    best: int  # index of the checkpoint to take
    estimate: float  # its rate, freed of the luck that made it look best
    low: float  # 95 % interval for the rate, with `set_variance` also for other problems; nan for unknown noise
    high: float
    tied: tuple[int, ...]  # indices that cannot be told from the best one, ascending; always with `best`
    means: FloatArray  # shape (K,): estimated rate of every checkpoint, also of those that are not available


def choose(
    values: npt.ArrayLike,
    variance: float,
    set_variance: npt.ArrayLike = 0.0,
    available: npt.ArrayLike | None = None,
    contrast_variance: ContrastVariance | None = None,
    *,
    seed: int = 0,
) -> Choice:
    """Which checkpoint should be taken?

    The one with the largest posterior mean of its own rate (trend and jitter) under the Gaussian process of
    `gp_posterior`, among those that exist. The largest raw value is biased upward by the noise that made it largest;
    the posterior mean is not, and it is closer to the best in truth.

    `values`: shape (K,), the rate of each eval, in order. `variance`: noise variance of one eval; where neighbouring
    evals share noise, the variance of the last look times its median inflation. `set_variance`: variance of the level
    over sets of problems, one number or shape (K,) (`Gram.set_variance`); 0 makes the interval one for exactly these
    problems. `available`: checkpoints that exist: indices, or booleans of shape (K,). All if not given.
    `contrast_variance`: for fewer than five evals, gives the variance of comparisons of shape (j, K)
    (`Gram.contrast_variance`); independent noise of size `variance` if not given. The same `seed` gives the same draws.
    Returns the best checkpoint, its interval, and what is tied with it. With fewer than five evals: the largest raw
    value, its raw interval, and as tied all that a comparison with it at 5 % (Bonferroni over the others) does not
    drop. With unknown noise nothing can be dropped.
    Raises ValueError if there is no value, no checkpoint is available, or an index is outside.

    Tied is the smallest set that holds the argmax of 98 % of 1000 draws from the posterior, its variance widened by
    1.3. What it cannot see: checkpoints that were not evaluated, a lasting shift of all problems between two evals
    (another harness), and changes of the noise along the run.

    Source: Rasmussen, Williams 2006, chapter 2; Efron 2011, "Tweedie's formula and selection bias", JASA 106; Hansen,
    Lunde, Nason 2011, "The model confidence set", Econometrica 79; Hsu 1981, "Simultaneous confidence intervals for all
    distances from the best", Annals of Statistics 9.

    >>> found = choose([0.30, 0.33, 0.35, 0.37, 0.36, 0.38, 0.33, 0.30], 0.01**2)
    >>> found.best, round(found.estimate, 3), found.tied
    (5, 0.368, (3, 4, 5))
    """
    values = floats(values)
    exists = _existing(available, values.size)
    noise = float(variance)
    shared = floats(np.broadcast_to(floats(set_variance), values.shape))
    if values.size >= ENOUGH and noise >= 0.0:
        return _smoothed(values, noise, shared, exists, seed)
    return _raw(values, noise, shared, exists, contrast_variance)


def _existing(available: npt.ArrayLike | None, size: int) -> IntArray:
    """Indices of the checkpoints to choose from, ascending."""
    every = np.arange(size, dtype=np.int64)
    given = every if available is None else np.asarray(available)
    if given.dtype == bool and given.shape != (size,):
        raise ValueError(f"available has shape {given.shape}; booleans must be one for each of {size} evals.")
    chosen = every[given] if given.dtype == bool else np.unique(given.astype(np.int64))
    if chosen.size == 0:
        raise ValueError("there is no checkpoint to choose from.")
    if chosen[0] < 0 or chosen[-1] >= size:
        raise ValueError(f"available names checkpoint {chosen[0 if chosen[0] < 0 else -1]}; there are {size}.")
    return chosen


def _smoothed(values: FloatArray, variance: float, shared: FloatArray, exists: IntArray, seed: int) -> Choice:
    """The choice by the posterior."""
    posterior = gp_posterior(values, variance, jitter=True)
    own = posterior.mean[exists]
    best = int(exists[own >= own.max() - TIE][0])
    half = TWO_SIDED_95 * math.sqrt(max(float(posterior.covariance[best, best]), 0.0) + float(shared[best]))
    estimate = float(posterior.mean[best])
    tied = _with(best, exists[_tied(_draw(posterior, exists, seed), own)])
    return Choice(best, estimate, estimate - half, estimate + half, tied, posterior.mean)


def _draw(posterior: GPPosterior, exists: IntArray, seed: int) -> FloatArray:
    """Draws of the rates of the existing checkpoints, shape (1000, existing)."""
    scale, direction = np.linalg.eigh(_WIDER * posterior.covariance[np.ix_(exists, exists)])
    root = direction * np.sqrt(np.maximum(scale, 0.0))
    noise = np.random.default_rng(seed).standard_normal((_DRAWS, exists.size))
    return floats(posterior.mean[exists] + noise @ root.T)


def _tied(draws: FloatArray, mean: FloatArray) -> IntArray:
    """The smallest set of columns that holds the largest value of 98 % of the draws."""
    chance = np.bincount(draws.argmax(axis=1), minlength=mean.size) / len(draws)
    order = np.lexsort((-mean, -chance))
    count = int(np.searchsorted(np.cumsum(chance[order]), _TIED_MASS - 1e-12)) + 1
    return order[:count].astype(np.int64)


def _with(best: int, others: IntArray) -> tuple[int, ...]:
    """The set with the best one in it, ascending."""
    return tuple(sorted({best, *(int(k) for k in others)}))


def _raw(
    values: FloatArray,
    variance: float,
    shared: FloatArray,
    exists: IntArray,
    contrast_variance: ContrastVariance | None,
) -> Choice:
    """The choice by the values as they are, for too few evals to smooth."""
    own = values[exists]
    best = int(exists[int(own.argmax())])
    sd = np.sqrt(_paired(best, exists, values.size, variance, contrast_variance))
    behind = values[best] - own
    crossing = quantile(1.0 - _TIED_ERROR / max(exists.size - 1, 1))
    tied = exists[~(behind > crossing * sd)]
    estimate = float(values[best])
    half = TWO_SIDED_95 * math.sqrt(variance + float(shared[best])) if variance >= 0.0 else math.nan
    return Choice(best, estimate, estimate - half, estimate + half, _with(best, tied), values)


def _paired(
    best: int, exists: IntArray, size: int, variance: float, contrast_variance: ContrastVariance | None
) -> FloatArray:
    """Variance of the best one minus each existing one."""
    one = np.eye(size)
    against = one[best] - one[exists]
    if contrast_variance is not None:
        return np.where(exists == best, 0.0, contrast_variance(against))
    white = variance if variance >= 0.0 else math.nan
    return floats(white * (against * against).sum(axis=1))
