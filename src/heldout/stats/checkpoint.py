"""Which checkpoint is the best, how good is it, and which others cannot be told from it?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.cliffs import cliff_posterior
from heldout.stats.eval_noise import TELLING, EvalNoise
from heldout.stats.levels import TWO_SIDED_95, quantile
from heldout.stats.margins import Margins

TIE = Margins().tie  # of shares
ENOUGH = 5  # evals from which on neighbours are allowed to help
_DRAWS = 1000
_WIDER = 1.3  # draws have this times the posterior variance, which is a little too small
_TIED_MASS = 0.98
_TIED_ERROR = 0.05  # chance that the raw comparisons drop the best one


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The checkpoint to take, and what is known about it."""

    best: int  # index of the checkpoint to take
    estimate: float  # its rate, freed of the luck that made it look best
    low: float  # 95 % interval for the rate, with `set_variance` also for other problems; nan for unknown noise
    high: float
    tied: tuple[int, ...]  # indices that cannot be told from the best one, ascending; always with `best`
    means: FloatArray  # shape (K,): estimated rate of every checkpoint, also of those that are not available
    last_half: float  # how far the 95 % interval of the last of them reaches to either side; nan for unknown noise


def choose(
    values: npt.ArrayLike,
    noise: EvalNoise | float,
    set_variance: npt.ArrayLike = 0.0,
    available: npt.ArrayLike | None = None,
    *,
    tie: float = TIE,
    seed: int = 0,
) -> Choice:
    """Which checkpoint should be taken?

    The one with the largest posterior mean of its own quality (level and jitter) under the model of `cliff_posterior`,
    among those that exist. The largest raw value is biased upward by the noise that made it largest; the posterior mean
    is not, and it is closer to the best in truth, also right before a cliff.

    `values`: shape (K,), the rate of each eval, in order. `noise`: of those evals; a number is the variance of each,
    independent of the others. `set_variance`: variance of the level over sets of problems, one number or shape (K,)
    (`Gram.set_variance`); 0 makes the interval one for exactly these problems. `available`: checkpoints that exist:
    indices, or booleans of shape (K,). All if not given. `tie`: means that are no further apart are the same, and the
    earlier checkpoint is taken; nan, of unknown noise, is none. The same `seed` gives the same draws.
    Returns the best checkpoint, its interval, and what is tied with it. With fewer than five evals, or fewer than eight
    whose noise is read off their scatter: the largest raw value, its raw interval, and as tied all that a comparison
    with it at 5 % (Bonferroni over the others) does not drop. Values without noise are taken as they are; with unknown
    noise nothing can be dropped.
    Raises ValueError if there is no value, no checkpoint is available, or an index is outside.

    Tied is the smallest set that holds the best of 98 % of 1000 draws from the posterior, its variance widened by 1.3.
    What it cannot see: checkpoints that were not evaluated, and a lasting shift of all problems between two evals
    (another harness).

    Source: Rasmussen, Williams 2006, chapter 2; Efron 2011, "Tweedie's formula and selection bias", JASA 106; Hansen,
    Lunde, Nason 2011, "The model confidence set", Econometrica 79; Hsu 1981, "Simultaneous confidence intervals for all
    distances from the best", Annals of Statistics 9.

    >>> found = choose([0.30, 0.33, 0.35, 0.37, 0.36, 0.38, 0.33, 0.30], 0.01**2)
    >>> found.best, round(found.estimate, 3), found.tied
    (5, 0.37, (3, 4, 5))
    """
    values = floats(values)
    exists = _existing(available, values.size)
    known = noise if isinstance(noise, EvalNoise) else EvalNoise.white(noise, values.size)
    shared = floats(np.broadcast_to(floats(set_variance), values.shape))
    if _smooths(values, known):
        return _smoothed(values, known, shared, exists, tie, seed)
    return _raw(values, known, shared, exists, tie if tie >= 0.0 else 0.0)


def levels(
    values: npt.ArrayLike, noise: EvalNoise | float, set_variance: npt.ArrayLike = 0.0
) -> tuple[FloatArray, FloatArray]:
    """How good is every checkpoint, and how far does its 95 % interval reach to either side?

    Arguments are those of `choose`; the means are its `means`. Both are of shape (K,); the reach is `nan` for unknown
    noise.
    """
    values = floats(values)
    known = noise if isinstance(noise, EvalNoise) else EvalNoise.white(noise, values.size)
    shared = floats(np.broadcast_to(floats(set_variance), values.shape))
    if not _smooths(values, known):
        return values, _raw_halves(known, shared)
    posterior = cliff_posterior(values, known)
    own = floats([posterior.variance(index) for index in range(values.size)])
    return posterior.mean(jitter=True), TWO_SIDED_95 * np.sqrt(own + shared)


def _smooths(values: FloatArray, noise: EvalNoise) -> bool:
    """Whether there are enough evals for neighbours to help."""
    return values.size >= (ENOUGH if noise.sized else TELLING) and noise.variance > 0.0


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


def _smoothed(
    values: FloatArray, noise: EvalNoise, shared: FloatArray, exists: IntArray, tie: float, seed: int
) -> Choice:
    """The choice by the posterior."""
    posterior = cliff_posterior(values, noise)
    means = posterior.mean(jitter=True)
    own = means[exists]
    best = int(exists[own >= own.max() - tie][0])
    half, last_half = (
        TWO_SIDED_95 * math.sqrt(posterior.variance(at) + float(shared[at])) for at in (best, values.size - 1)
    )
    draws = posterior.draw(_DRAWS, jitter=True, wider=_WIDER, seed=seed)[:, exists]
    estimate = float(means[best])
    tied = _with(best, exists[_tied(draws, own)])
    return Choice(best, estimate, estimate - half, estimate + half, tied, means, last_half)


def _tied(draws: FloatArray, mean: FloatArray) -> IntArray:
    """The smallest set of columns that holds the largest value of 98 % of the draws, and what equals one of them."""
    chance = np.bincount(draws.argmax(axis=1), minlength=mean.size) / len(draws)
    order = np.lexsort((-mean, -chance))
    count = int(np.searchsorted(np.cumsum(chance[order]), _TIED_MASS - 1e-12)) + 1
    return np.flatnonzero(np.isin(mean, mean[order[:count]])).astype(np.int64)  # equal are evals that were averaged


def _with(best: int, others: IntArray) -> tuple[int, ...]:
    """The set with the best one in it, ascending."""
    return tuple(sorted({best, *(int(k) for k in others)}))


def _raw(values: FloatArray, noise: EvalNoise, shared: FloatArray, exists: IntArray, tie: float) -> Choice:
    """The choice by the values as they are, for too few evals to smooth."""
    own = values[exists]
    best = int(exists[own >= own.max() - tie][0])
    one = np.eye(values.size)
    sd = np.sqrt(noise.of_contrasts(one[best] - one[exists]))
    crossing = quantile(1.0 - _TIED_ERROR / max(exists.size - 1, 1))
    tied = exists[~(values[best] - own > np.maximum(crossing * sd, tie))]
    estimate = float(values[best])
    halves = _raw_halves(noise, shared)
    low, high = estimate - float(halves[best]), estimate + float(halves[best])
    return Choice(best, estimate, low, high, _with(best, tied), values, float(halves[-1]))


def _raw_halves(noise: EvalNoise, shared: FloatArray) -> FloatArray:
    """How far the 95 % interval of each value reaches to either side, shape (K,)."""
    own = noise.variance * noise.covariance.diagonal() + shared
    return TWO_SIDED_95 * np.sqrt(np.where(own >= 0.0, own, math.nan))
