"""The level behind noisy evals, by a Gaussian process.

The process is averaged over a grid of how smooth the run may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.levels import DROP, cdf
from heldout.stats.roots import AT_ONCE, toeplitz_root

LENGTHS = (3.0, 6.0, 12.0, 24.0)  # in evals
SIGNALS = (0.05, 0.3, 1.5, 8.0, 40.0)  # variance of the trend, in units of the noise variance
JITTERS = (0.05, 0.5)  # variance of checkpoint jitter, in the same unit
MOST_POINTS = 120  # values, or means over blocks of them, beyond which its cost is too high: it grows with their cube
FLAT = 1e4  # prior variance of the overall level, in the same unit
GRID = tuple(product(LENGTHS, SIGNALS, JITTERS))


@dataclass(frozen=True, slots=True, eq=False)
class GPPosterior:
    """What is known about the level at each of k evals."""

    mean: FloatArray  # (k,): posterior mean of the level, averaged over the grid
    weights: FloatArray  # (H,): posterior weight of each grid point
    means: FloatArray  # (H, k): posterior mean at each grid point
    variance: float  # the noise variance of one eval that was put in
    between: Callable[[IntArray, int], FloatArray]  # evals `j` and `k` → (H, J): see `variance_between`, per `variance`

    def difference(self, j: int, k: int) -> tuple[float, float]:
        """How far is eval `j` above eval `k`: mean and standard deviation of the difference?

        The variance holds that of the means over the grid (law of total variance).
        """
        away = self.means[:, j] - self.means[:, k]
        mean = float(self.mean[j] - self.mean[k])
        return mean, math.sqrt(float(self.weights @ (self.variance_between(j, k)[:, 0] + (away - mean) ** 2)))

    def prob_greater(self, j: int, k: int, margin: float = 0.0) -> float:
        """How likely is the level at eval `j` more than `margin` above the level at eval `k`?"""
        sd = np.sqrt(self.variance_between(j, k)[:, 0])
        return self._averaged(cdf(_deviations(self.means[:, j] - self.means[:, k] - margin, sd)))

    def p_drop(self, delta: float = DROP) -> float:
        """How likely is the last eval more than `delta` below an earlier one?

        ``sum_h w_h max_j P(f_j - f_last > delta | h)``, the probability for the earlier eval that makes it most likely
        at each grid point; `delta` is in the unit of the values.
        Returns `nan` with fewer than four evals.

        What it cannot see: it is Bayesian, so repeated looks are not error controlled; and a sudden rise rings, which
        can look like a small drop afterwards. A `delta` of half a percentage point keeps such ringing out.
        """
        last = self.mean.size - 1
        if last < 3:
            return math.nan
        sd = np.sqrt(self.variance_between(range(last), last))
        far = _deviations(self.means[:, :-1] - self.means[:, -1:] - delta, sd)
        return self._averaged(cdf(far.max(axis=1)))

    def variance_between(self, j: int | Sequence[int], k: int) -> FloatArray:
        """How uncertain is the difference of one or more levels and that of eval `k`, at each grid point?

        Returns variances of shape (H, J) for J evals `j`.
        """
        return self.variance * self.between(np.atleast_1d(np.asarray(j, dtype=np.int64)), k)

    def _averaged(self, probability: FloatArray) -> float:
        """A probability at each grid point, averaged; rounding may not take it above one."""
        return float(np.minimum(self.weights @ probability, 1.0))


def _deviations(distance: FloatArray, sd: FloatArray) -> FloatArray:
    """How many standard deviations something is above zero; with no spread very many, or as many below."""
    certain = sd <= 0.0
    return np.where(certain, np.sign(distance) * 40.0, distance / np.where(certain, 1.0, sd))


def gp_posterior(value: FloatArray, variance: float) -> GPPosterior:
    """What is the level at each eval, once neighbouring evals are allowed to help?

    The model is ``A_k = mu + f(k) + jitter_k + noise_k`` with a Matern-3/2 process in the index of the eval, a flat
    prior on mu, and 40 combinations of length, signal variance and jitter, weighted by their marginal likelihood. The
    jitter of single checkpoints is noise about the level; their quality, jitter included, is told by `cliff_posterior`.

    `value`: shape (k,), in the order of steps. Average to at most `MOST_POINTS` blocks before: the cost is O(k^3) once
    for every 64 evals and O(k^2) after that, and the memory 40 k^2. `variance`: noise variance of one value, in its
    unit squared. Zero means that the values are the level.
    Returns empty arrays without values; all `nan` if the variance is not a number.

    What it cannot see: the spacing of steps (the process lives in the index of the eval), changes of the noise along
    the run, and steps of the level much sharper than three evals, around which it rings.

    Source: Rasmussen, Williams 2006, "Gaussian processes for machine learning", chapters 2 and 4.
    """
    value = floats(value)
    k = value.size
    if k == 0 or not variance > 0.0:
        return _certain(value, variance)
    unit = _unit_of(k)
    centre = float(value.mean())
    scaled = (value - centre) / math.sqrt(variance)
    explained = unit.explained(scaled)  # (H, k)
    weights = grid_weights(explained @ scaled, unit.log_determinant)
    means = centre + math.sqrt(variance) * (scaled - unit.noise * explained)
    return GPPosterior(weights @ means, weights, means, variance, unit.between)


def _certain(value: FloatArray, variance: float) -> GPPosterior:
    """The posterior if there is no noise (the values), or if the noise is not known (nan)."""
    count = len(GRID)
    mean = value.copy() if variance == 0.0 else np.full(value.size, np.nan)
    means, weights = np.tile(mean, (count, 1)), np.full(count, 1.0 / count)
    return GPPosterior(mean, weights, means, variance, lambda j, k: np.ones((count, j.size)))


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """What depends on k and the grid alone, for unit noise.

    The values have prior covariance ``C = S + FLAT 1 1'``; the level has ``C - noise I``, so its posterior mean is what
    ``noise C^-1`` takes away from the values, and its posterior covariance is ``noise I - noise^2 C^-1``. With R the
    inverse of the Cholesky root of S, ``C^-1 = R' (I - shrunk b b') R`` where ``b = R 1`` (Sherman and Morrison).
    """

    root: FloatArray  # (H, k, k): R, lower triangular
    level: FloatArray  # (H, k): b
    shrunk: FloatArray  # (H, 1)
    through: FloatArray  # (H, k): ``R' b``
    own: FloatArray  # (H, k): the diagonal of ``C^-1``
    log_determinant: FloatArray  # (H,): of C
    noise: FloatArray  # (H, 1): variance of what is noise about the level

    def explained(self, scaled: FloatArray) -> FloatArray:
        """``C^-1 z``, shape (H, k)."""
        white = self.root @ scaled
        along = np.sum(self.level * white, axis=1, keepdims=True)
        return floats((white[:, None] @ self.root)[:, 0] - self.shrunk * along * self.through)

    def between(self, j: IntArray, k: int) -> FloatArray:
        """Posterior variance of the level at evals `j` less that at eval `k`, shape (H, J)."""
        row = (self.root[:, None, :, k] @ self.root)[:, 0] - self.shrunk * self.through[:, [k]] * self.through
        square = self.own[:, j] + self.own[:, [k]] - 2.0 * row[:, j]
        return floats(np.maximum(2.0 * self.noise - self.noise**2 * square, 0.0) * (j != k))


@lru_cache(maxsize=8)
def _unit_of(k: int) -> _Unit:
    """The matrices of k evals: the first rows and columns of those of more, so that one inversion serves many."""
    root = _roots(-(-k // AT_ONCE) * AT_ONCE)[:, :k, :k]
    level = root.sum(axis=2)
    grown = 1.0 + FLAT * (level**2).sum(axis=1, keepdims=True)
    shrunk, through = FLAT / grown, (level[:, None] @ root)[:, 0]
    own = np.einsum("hij,hij->hj", root, root) - shrunk * through**2
    log_determinant = np.log(grown[:, 0]) - 2.0 * np.log(root.diagonal(axis1=1, axis2=2)).sum(axis=1)
    noise = floats([1.0 + shake for _, _, shake in GRID])[:, None]
    return _Unit(root, level, floats(shrunk), floats(through), floats(own), floats(log_determinant), noise)


@lru_cache(maxsize=2)
def _roots(k: int) -> FloatArray:
    """The inverse of the Cholesky root of each ``signal M + noise I``, shape (H, k, k): k evals with no level."""
    apart = np.arange(k, dtype=np.float64)
    row = np.stack([signal * matern32(apart, length) for length, signal, _ in GRID])
    row[:, 0] += [1.0 + shake for *_, shake in GRID]
    return toeplitz_root(row)


def matern32(distance: FloatArray, length: float) -> FloatArray:
    """How alike are two levels `distance` apart, if the level is smooth over `length`: the Matern-3/2 correlation."""
    scaled = math.sqrt(3.0) * distance / length
    return floats((1.0 + scaled) * np.exp(-scaled))


def grid_weights(misfit: FloatArray, log_determinant: FloatArray) -> FloatArray:
    """Posterior weight of each grid point under a uniform prior."""
    log_likelihood = -0.5 * (misfit + log_determinant)
    likelihood = np.exp(log_likelihood - log_likelihood.max())
    return floats(likelihood / likelihood.sum())
