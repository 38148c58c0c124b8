"""What is known of the noise of one evaluation: a prior, what the run's scatter says, and a tail averaged over it.

How large the noise is, is never one number. It is a posterior: a grid of variances, each weighted by how well it
explains the residual of a smoother. What differs between logs is only the prior: with the outcome of every problem the
sampling part is measured, with rates and sizes it is known up to two shares, and of any other score nothing is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from heldout.stats.arrays import FloatArray, floats
from heldout.stats.levels import log_tail, z_of_log_tail
from heldout.stats.local_level import smoother
from heldout.stats.roots import AT_ONCE, toeplitz_root

# Checkpoints differ by more than sampling: in points of a rate, and how likely that is before a run is seen. A
# half-Cauchy of scale 0.6 points, cut at 1.4: nobody should train with a larger jitter, and what it cannot reach is
# capped elsewhere.
JITTERS = floats([0.0, 0.001, 0.002, 0.0035, 0.005, 0.007, 0.010, 0.014])
_JITTER_WEIGHTS = floats([0.066568, 0.129538, 0.149779, 0.149003, 0.137502, 0.140968, 0.123347, 0.103296])
_BETWEEN = (0.3, 0.5, 0.7)  # shares of A (1 - A) that lie between problems, all equally likely
_FLIPS = (0.0, 0.05, 0.15)  # parts of that which flip between two evals, whatever the samples
_STRAIGHT_FROM = 16  # evals from which on the residual passes straight lines, so that a slow fall is no noise
_STIFFNESS = 30.0  # of that smoother
_PER_DEVIATION = 4.0  # grid points per standard deviation of ln V: the sum is then exact to rounding
_TAIL = 30.0  # e-foldings of V above the residual: falls of millions of deviations are still told apart
_FEWEST_UNSIZED = 3  # scores that scatter about anything
_MOST_DEVIATIONS = 20.0  # that Student's t asks for of so few, at 95 %


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """Which variances one evaluation may have, before its scatter is looked at."""

    variance: FloatArray  # (g,), above 0
    weight: FloatArray  # (g,), sums to one
    jitter: FloatArray  # (g,): the part of each that no sampling explains, as a standard deviation


class Scatter(NamedTuple):
    """How far scores lie from a smooth line through them."""

    variance: float  # mean square, in units such that white noise has its variance there
    freedom: float  # degrees of freedom; 0 where there are too few scores


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """What is known of the variance of one evaluation.

    Attributes
    ----------
    variance
        The variance to use where a single number is needed: the posterior mean, or where nothing but the scatter is
        known the scatter itself; `nan` where there is none.
    grid, weight
        Variances that are possible, and how likely each is, shape (g,); empty where nothing is known.
    jitter
        The part of each that sampling does not explain, as a standard deviation, shape (g,); empty where that cannot be
        told apart.
    """

    variance: float
    grid: FloatArray
    weight: FloatArray
    jitter: FloatArray

    def z(self, u: float) -> float:
        """How surprising is a fall of this size, in standard deviations of a normal?

        ``-Phi^-1(sum_g w_g Phi(-u / sqrt(V_g)))``, in logarithms, so that it is right far out as well. `u` is in the
        unit of the scores. `nan` where nothing is known of the noise.
        """
        if not self.grid.size:
            return math.nan
        tails = np.log(self.weight) + log_tail(abs(u) / np.sqrt(self.grid))
        most = float(tails.max())
        z = z_of_log_tail(most + math.log(float(np.exp(tails - most).sum())))
        return math.copysign(z, u)

    def deviations(self, z: float) -> float:
        """How many times the root of `variance` must a change be, to be as surprising as `z` deviations of a normal?

        More than `z` where few scores say how large one deviation is (Student's t). Found by halving, to 2e-5. `z` is
        at least 0 and may be asked up to 3; `variance` must be above 0.
        """
        low, high, sd = z, _MOST_DEVIATIONS, math.sqrt(self.variance)
        for _ in range(20):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if self.z(middle * sd) >= z else (middle, high)
        return high

    def jitters(self) -> tuple[float, float, float]:
        """By how much do checkpoints differ beyond sampling: root mean square, and the 5 and 95 % points.

        `nan` where sampling is not known.
        """
        if not self.jitter.size:
            return math.nan, math.nan, math.nan
        order = np.argsort(self.jitter, kind="stable")
        reached = np.cumsum(self.weight[order])
        low, high = (float(self.jitter[order][np.searchsorted(reached, p)]) for p in (0.05, 0.95))
        return math.sqrt(float(self.weight @ self.jitter**2)), low, high


def sampled(variance: float) -> Prior:
    """What may the noise be where its sampling part is known: that, and jitter between checkpoints?

    `variance` is the sampling variance of one score, above 0, as outcomes of the same problems or standard errors give
    it.
    """
    return Prior(variance + JITTERS**2, _JITTER_WEIGHTS, JITTERS)


def of_sizes(rate: FloatArray, problems: FloatArray | float, samples: FloatArray | float = 1.0) -> Prior:
    """What may the noise be where only rates and their sizes are known?

    The problems are the same at each eval, so their own difficulty cancels. What is left of ``b = A (1 - A) / n`` is
    ``b ((1 - r) / m + c r)``: the samples, and problems that flip between evals, which no number of samples removes. r
    and c are not known from rates and stand on a grid of their own, beside that of the jitter.

    `rate`: shape (K,), at least one. `problems` (n) and `samples` (m) of each: one number or shape (K,).

    Source: Miller 2024, "Adding error bars to evals", arXiv 2411.00640 (variance between and within problems).
    """
    b, m = binomial_variance(rate, problems), np.maximum(floats(samples), 1.0)
    parts = [(1.0 - r) * float(np.mean(b / m)) + c * r * float(np.mean(b)) for r in _BETWEEN for c in _FLIPS]
    variance = np.concatenate([part + JITTERS**2 for part in parts])
    weight = np.tile(_JITTER_WEIGHTS, len(parts)) / len(parts)
    return Prior(variance, weight, np.tile(JITTERS, len(parts)))


def white_share(samples: FloatArray | float) -> FloatArray:
    """Which part of ``A (1 - A) / n`` is noise between evals of the same problems, with the middle ones of r and c?"""
    return floats((1.0 - _BETWEEN[1]) / np.maximum(floats(samples), 1.0) + _FLIPS[1] * _BETWEEN[1])


def relative_sizes(rate: FloatArray, problems: FloatArray, samples: FloatArray) -> FloatArray | None:
    """How much noisier than the average is each eval, by its size: shape (K,), of mean 1; None where all are alike."""
    return relative_variances(binomial_variance(rate, problems) * white_share(samples))


def relative_variances(sampling: FloatArray) -> FloatArray | None:
    """How much noisier than the average is each eval, by its sampling variance, where checkpoints jitter as well?

    Shape (K,), of mean 1; None where all are alike.
    """
    variance = sampling + float(_JITTER_WEIGHTS @ JITTERS**2)
    return None if np.ptp(variance) <= 1e-9 * variance.max() else floats(variance / variance.mean())


def binomial_variance(rate: FloatArray, problems: FloatArray | float) -> FloatArray:
    """``A (1 - A) / n`` of the mean rate A, that of half a problem at least; of the shape of `problems`."""
    n, mean = floats(problems), float(np.clip(np.mean(rate), 0.0, 1.0))
    return floats(np.maximum(mean * (1.0 - mean) / n, 0.25 / n**2))


def scatter(values: FloatArray, relative: FloatArray | None = None, *, straight: bool = True) -> Scatter:
    """How far do scores lie from a smooth line through them?

    ``e = (A - mean A)' R (A - mean A) / t`` with ``t = tr R`` and ``nu = t^2 / tr R^2``: for white noise of variance V
    its mean is V and its variance 2 V^2 / nu. R takes away the local-level smoother of the scan; from 16 scores on it
    takes away one of second differences, which passes straight lines.

    `values`: shape (K,), at least one. `relative`: noise variance of each over their mean, shape (K,); equal if not
    given. `straight`: False keeps the local-level smoother at any length, which autocorrelated noise fools less.
    """
    k = values.size
    second = straight and k >= _STRAIGHT_FROM
    if second and relative is None:
        square, total, freedom = _bent(values)
    else:
        rough, total, freedom = _rough(k) if relative is None else _rough_of(k, second, relative)
        centred = values - values.mean()
        square = float(centred @ rough @ centred)
    if total <= 0.0:
        return Scatter(0.0, 0.0)
    mean_square = max(square / total, 0.0)
    rounding = (1e-12 * float(np.abs(values).max())) ** 2  # a constant series may differ from its mean by as much
    return Scatter(mean_square if mean_square > rounding else 0.0, freedom)


@lru_cache(maxsize=512)
def _rough(k: int) -> tuple[FloatArray, float, float]:
    """R of the local-level smoother for k evals alike, its trace and its degrees of freedom; do not write into it."""
    return _rough_of(k, False, np.ones(k))


def _bent(values: FloatArray) -> tuple[float, float, float]:
    """``A' R A``, ``t`` and ``t^2 / tr R^2`` where R takes a smoother of second differences from evals that are alike.

    With B the second differences and ``G = I + s B B'`` that R is ``s B' G^-1 B``. G depends on the distance alone, so
    that its root for K evals is the beginning of that for more.
    """
    n = values.size - 2
    root, traces, squares = _bends(-(-n // AT_ONCE) * AT_ONCE)
    white = root[:n, :n] @ np.diff(values, 2)
    total = n - float(traces[n - 1])
    return _STIFFNESS * float(white @ white), total, total**2 / (total - float(traces[n - 1]) + float(squares[n - 1]))


@lru_cache(maxsize=2)
def _bends(n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The root of the inverse of G for n bends, and ``tr G^-1`` and ``tr G^-2`` for each smaller number, shape (n,)."""
    row = np.zeros(n)
    row[:3] = np.array([1.0, 0.0, 0.0]) + _STIFFNESS * np.array([6.0, -4.0, 1.0])
    root = toeplitz_root(row)
    squares = (root @ root.T) ** 2
    grown = 2.0 * np.tril(squares, -1).sum(axis=1) + squares.diagonal()
    return root, np.cumsum((root**2).sum(axis=1)), np.cumsum(grown)


def _rough_of(k: int, second: bool, relative: FloatArray) -> tuple[FloatArray, float, float]:
    """``R = W - W P W`` with W the precisions, ``t = tr(R W^-1)``, and ``t^2 / tr((R W^-1)^2)``."""
    if k < 2:
        return np.zeros((k, k)), 0.0, 0.0
    weight = 1.0 / relative
    if second:
        bend = np.diff(np.eye(k), 2, axis=0)
        posterior = np.linalg.inv(np.diag(weight) + _STIFFNESS * bend.T @ bend)
    else:
        posterior = smoother(k, variance=relative)[1]
    rough = np.diag(weight) - weight[:, None] * posterior * weight
    scaled = rough * relative
    total = float(np.trace(scaled))
    return floats(rough), total, total**2 / float(np.sum(scaled * scaled.T))


def learned(seen: Scatter, prior: Prior | None = None, *, least: float = 0.0) -> Noise:
    """What is known of the noise once the scatter of the scores is seen?

    ``w_g ~ prior_g exp(-nu / 2 (ln V_g + e / V_g))``. Without a prior every V above 0 is possible, evenly in its
    logarithm; the averaged tail of `Noise.z` is then that of Student's t with nu degrees of freedom at
    ``u / sqrt(e)``, in any unit alike. `least` is a variance that it has at least: the scores' own standard errors tell
    it, and nothing tells how much more checkpoints differ.

    What it cannot see: noise that neighbouring evals share, which looks like a level that moves; and a fall within the
    stretch that it learns from, which it counts as noise in part.

    Source: Gelman 2006, "Prior distributions for variance parameters in hierarchical models", Bayesian Analysis 1.
    """
    if prior is not None:
        variance, before, jitter = prior.variance, np.log(prior.weight), prior.jitter
    elif seen.freedom > 0.0 and seen.variance > 0.0:
        variance, jitter = seen.variance * np.exp(_logarithms(seen.freedom)), np.empty(0)
        variance = np.append(least, variance[variance > least]) if least > 0.0 else variance
        before = np.zeros(variance.size)
    else:
        return Noise(seen.variance if seen.freedom > 0.0 else math.nan, *[np.empty(0)] * 3)
    likely = before - 0.5 * seen.freedom * (np.log(variance) + seen.variance / variance)
    weight = np.exp(likely - likely.max())
    weight /= weight.sum()
    single = float(weight @ variance) if prior is not None else max(seen.variance, least)
    kept = weight > 0.0
    return Noise(single, variance[kept], weight[kept], jitter[kept] if jitter.size else jitter)


def _logarithms(freedom: float) -> FloatArray:
    """Values of ``ln(V / e)`` over which the flat prior is summed."""
    spacing = math.sqrt(2.0 / freedom) / _PER_DEVIATION
    return np.arange(-math.log(6.0 + 80.0 / freedom), _TAIL + 80.0 / freedom, spacing)


def noise_of_rates(
    rate: FloatArray, problems: FloatArray | float | None = None, samples: FloatArray | float | None = None
) -> Noise:
    """What is known of the noise when only the rate of each eval is known, and perhaps its size?

    `rate`: shape (K,). `problems`: problems per eval, one number, shape (K,), or None if unknown. `samples`: of each
    problem, likewise; unknown counts as one.
    Nothing is known of fewer than three rates without a size.

    What it cannot see: how much these problems differ and flip, which only their outcomes tell, and noise that
    neighbouring evals share.
    """
    rate = floats(rate)
    if problems is None or not rate.size:
        return learned(scatter(rate, straight=False) if rate.size >= _FEWEST_UNSIZED else Scatter(math.nan, 0.0))
    n, m = (floats(np.broadcast_to(floats(one), rate.shape)) for one in (problems, 1.0 if samples is None else samples))
    return learned(scatter(rate, relative_sizes(rate, n, m)), of_sizes(rate, n, m))
