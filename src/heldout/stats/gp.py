"""The level behind noisy evals, by a Gaussian process.

The process is averaged over a grid of how smooth the run may be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from heldout.stats.arrays import FloatArray, floats
from heldout.stats.levels import DROP, cdf

LENGTHS = (3.0, 6.0, 12.0, 24.0)  # in evals
SIGNALS = (0.05, 0.3, 1.5, 8.0, 40.0)  # variance of the trend, in units of the noise variance
JITTERS = (0.05, 0.5)  # variance of checkpoint jitter, in the same unit
MOST_POINTS = 120  # values, or means over blocks of them, beyond which its cost is too high: it grows with their cube
FLAT = 1e4  # prior variance of the overall level, in the same unit
_SMALL = 48  # evals; benchmarks simulate thousands of runs that are no longer
GRID = tuple(product(LENGTHS, SIGNALS, JITTERS))


@dataclass(frozen=True, slots=True, eq=False)
class GPPosterior:
    """What is known about the level at each of k evals."""

    mean: FloatArray  # (k,): posterior mean of the level, averaged over the grid
    covariance: FloatArray  # (k, k): posterior, with the spread of the means over the grid (law of total covariance)
    weights: FloatArray  # (H,): posterior weight of each grid point
    means: FloatArray  # (H, k): posterior mean at each grid point
    unit_covariances: FloatArray  # (H, k, k): posterior covariance at each grid point, in units of `variance`
    variance: float  # the noise variance of one eval that was put in

    def difference(self, j: int, k: int) -> tuple[float, float]:
        """How far is eval `j` above eval `k`: mean and standard deviation of the difference."""
        c = self.covariance
        variance = float(c[j, j] + c[k, k] - 2.0 * c[j, k])
        return float(self.mean[j] - self.mean[k]), math.sqrt(max(variance, 0.0))

    def prob_greater(self, j: int, k: int, margin: float = 0.0) -> float:
        """How likely is the level at eval `j` more than `margin` above the level at eval `k`?"""
        c = self.unit_covariances
        sd = np.sqrt(np.maximum(c[:, j, j] + c[:, k, k] - 2.0 * c[:, j, k], 0.0) * self.variance)
        return self._averaged(_above(self.means[:, j] - self.means[:, k] - margin, sd))

    def p_drop(self, delta: float = DROP) -> float:
        """How likely is the last eval more than `delta` below an earlier one?

        ``sum_h w_h max_j P(f_j - f_last > delta | h)``, the probability for the earlier eval that makes it most likely
        at each grid point; `delta` is in the unit of the values.
        Returns `nan` with fewer than four evals.

        What it cannot see: it is Bayesian, so repeated looks are not error controlled; and a sudden rise rings, which
        can look like a small drop afterwards. A `delta` of half a percentage point keeps such ringing out.
        """
        if self.mean.size < 4:
            return math.nan
        c = self.unit_covariances
        variances = c.diagonal(axis1=1, axis2=2)[:, :-1] + c[:, -1:, -1] - 2.0 * c[:, :-1, -1]
        sd = np.sqrt(np.maximum(variances, 0.0) * self.variance)
        below = _above(self.means[:, :-1] - self.means[:, -1:] - delta, sd)
        return self._averaged(below.max(axis=1))

    def _averaged(self, probability: FloatArray) -> float:
        """A probability at each grid point, averaged; rounding may not take it above one."""
        return float(np.minimum(self.weights @ probability, 1.0))


def _above(distance: FloatArray, sd: FloatArray) -> FloatArray:
    """P(distance + sd z > 0); with no spread, whether it is above zero."""
    certain = sd <= 0.0
    z = np.where(certain, np.sign(distance) * 40.0, distance / np.where(certain, 1.0, sd))
    return cdf(z)


def gp_posterior(value: FloatArray, variance: float) -> GPPosterior:
    """What is the level at each eval, once neighbouring evals are allowed to help?

    The model is ``A_k = mu + f(k) + jitter_k + noise_k`` with a Matern-3/2 process in the index of the eval, a flat
    prior on mu, and 40 combinations of length, signal variance and jitter, weighted by their marginal likelihood. The
    jitter of single checkpoints is noise about the level; their quality, jitter included, is told by `cliff_posterior`.

    `value`: shape (k,), in the order of steps. Average to at most `MOST_POINTS` blocks before: the cost is O(k^3) once
    and O(k^2) after that, and the memory 40 k^2. `variance`: noise variance of one value, in its unit squared. Zero
    means that the values are the level.
    Returns empty arrays without values; all `nan` if the variance is not a number.

    What it cannot see: the spacing of steps (the process lives in the index of the eval), changes of the noise along
    the run, and steps of the level much sharper than three evals, around which it rings.

    Source: Rasmussen, Williams 2006, "Gaussian processes for machine learning", chapters 2 and 4.
    """
    value = floats(value)
    k = value.size
    if k == 0 or not variance > 0.0:
        return _certain(value, variance)
    unit = (_small if k <= _SMALL else _large)(k)
    centre = float(value.mean())
    scaled = (value - centre) / math.sqrt(variance)
    explained = unit.precision @ scaled  # (H, k)
    weights = grid_weights(explained @ scaled, unit.log_determinant)
    means = centre + math.sqrt(variance) * (scaled - unit.noise * explained)
    mean = weights @ means
    apart = means - mean
    within = variance * np.tensordot(weights, unit.covariance, axes=1)
    return GPPosterior(mean, within + (weights[:, None] * apart).T @ apart, weights, means, unit.covariance, variance)


def _certain(value: FloatArray, variance: float) -> GPPosterior:
    """The posterior if there is no noise (the values), or if the noise is not known (nan)."""
    count, k = len(GRID), value.size
    known = variance == 0.0
    mean = value.copy() if known else np.full(k, np.nan)
    spread = np.full((count, k, k), 0.0 if known else np.nan)
    return GPPosterior(mean, spread[0], np.full(count, 1.0 / count), np.tile(mean, (count, 1)), spread, variance)


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """The matrices for unit noise, which depend only on k and the grid."""

    precision: FloatArray  # (H, k, k): inverse of the prior covariance C of the values
    log_determinant: FloatArray  # (H,): of C
    noise: FloatArray  # (H, 1): variance of what is noise about the level
    covariance: FloatArray  # (H, k, k): of the level, given the values


def _unit_of(k: int) -> _Unit:
    """The matrices for k evals.

    The level has prior covariance ``C - noise I``, so its posterior covariance is ``noise I - noise^2 C^-1``, and its
    posterior mean is what ``noise C^-1`` takes away from the values: the inverse is all that is needed. Signal and
    noise only stretch and shift the eigenvalues that a length has, so that one decomposition serves all of them.
    """
    apart = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(np.float64)
    spectra = {length: np.linalg.eigh(matern32(apart, length)) for length in LENGTHS}
    noise = floats([1.0 + shake for _, _, shake in GRID])[:, None]
    inverses = [_inverse(*spectra[length], signal, 1.0 + shake) for length, signal, shake in GRID]
    precision = np.stack([precision for precision, _ in inverses])
    precision = 0.5 * (precision + precision.transpose(0, 2, 1))
    covariance = noise[:, :, None] * (np.eye(k) - noise[:, :, None] * precision)
    return _Unit(precision, floats([log for _, log in inverses]), noise, covariance)


def _inverse(eigenvalues: FloatArray, vectors: FloatArray, signal: float, noise: float) -> tuple[FloatArray, float]:
    """The inverse of ``signal M + noise I + FLAT 1 1'`` and the logarithm of its determinant, by the spectrum of M."""
    values = signal * eigenvalues + noise
    inverse = (vectors / values) @ vectors.T
    row = inverse.sum(axis=1)
    grown = 1.0 + FLAT * float(row.sum())  # what all values share is a change of rank one (Sherman, Morrison)
    return inverse - np.outer(row, row) * (FLAT / grown), float(np.log(values).sum()) + math.log(grown)


# Kept for every small k, and for the last few of those that take megabytes.
_small, _large = lru_cache(maxsize=_SMALL)(_unit_of), lru_cache(maxsize=2)(_unit_of)


def matern32(distance: FloatArray, length: float) -> FloatArray:
    """How alike are two levels `distance` apart, if the level is smooth over `length`: the Matern-3/2 correlation."""
    scaled = math.sqrt(3.0) * distance / length
    return floats((1.0 + scaled) * np.exp(-scaled))


def grid_weights(misfit: FloatArray, log_determinant: FloatArray) -> FloatArray:
    """Posterior weight of each grid point under a uniform prior."""
    log_likelihood = -0.5 * (misfit + log_determinant)
    likelihood = np.exp(log_likelihood - log_likelihood.max())
    return floats(likelihood / likelihood.sum())
