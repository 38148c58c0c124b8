"""The noise of evals that share their problems: what one eval says about the others, kept in one small matrix."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import FloatArray, floats


class Gram:
    """How noisy is one eval, and how noisy is any comparison of evals, when all see the same problems?

    With outcomes ``x_ik`` in [0, 1] (share of samples of problem i that checkpoint k solved) it keeps the rates
    ``A_k = mean_i x_ik`` and the Gram matrix ``G_jk = mean_i x_ij x_ik``, and answers from these.

    There are `n` problems, at least 2. `rates` is A, shape (K,), and `matrix` is G, shape (K, K). An eval costs O(n K).
    What it cannot see: noise that moves all problems of a checkpoint together and is not in the outcomes (another
    prompt template, another harness), and what a larger set of problems would say, except through `set_variance`.

    Source: Miller 2024, "Adding error bars to evals", arXiv 2411.00640 (paired and clustered variance); McNemar 1947,
    Psychometrika 12 (discordant pairs); Liang, Zeger 1986, Biometrika 73 (cluster-robust variance).

    >>> gram = Gram(4)
    >>> for outcomes in ([1, 0, 0, 1], [1, 1, 0, 1], [1, 1, 0, 0]):
    ...     gram.add(outcomes)
    >>> gram.rates
    array([0.5 , 0.75, 0.5 ])
    >>> gram.within_variance(3)  # one of four problems changed each time: 0.25 / (2 * 4)
    0.03125
    """

    def __init__(self, n: int) -> None:
        if n < 2:
            raise ValueError(f"n is {n}; a variance over problems needs at least 2.")
        self.n = n
        self.rates: FloatArray = np.empty(0)
        self.matrix: FloatArray = np.empty((0, 0))
        self._rows: FloatArray = np.empty((0, n))  # (K, n)
        self._spread: FloatArray | None = None

    @classmethod
    def of(cls, outcomes: npt.ArrayLike) -> Self:
        """All evals at once: `outcomes` of shape (K, n)."""
        rows = floats(outcomes)
        gram = cls(rows.shape[1])
        gram._take(rows)
        return gram

    def add(self, outcomes: npt.ArrayLike) -> None:
        """Take in the next eval.

        `outcomes` has shape (n,), each within [0, 1], in the same order of problems every time; for missing ones see
        `complete`.
        Raises ValueError if the shape differs, or a value is missing or outside [0, 1].
        """
        row = floats(outcomes)
        if row.shape != (self.n,):
            raise ValueError(f"outcomes has shape {row.shape}; it must have one entry for each of {self.n} problems.")
        self._take(row[None, :])

    def _take(self, rows: FloatArray) -> None:
        """Take in evals of shape (new, n)."""
        if not np.all((rows >= 0.0) & (rows <= 1.0)):
            raise ValueError("outcomes must lie between 0 and 1, none missing; complete() fills missing ones.")
        seen = self.rates.size
        self._rows = np.concatenate([self._rows, rows])
        matrix = np.empty((seen + len(rows), seen + len(rows)))
        matrix[:seen, :seen] = self.matrix
        matrix[seen:] = rows @ self._rows.T / self.n
        matrix[:seen, seen:] = matrix[seen:, :seen].T
        self.matrix = matrix
        self.rates = np.concatenate([self.rates, rows.mean(axis=1)])
        self._spread = None

    @property
    def covariance(self) -> FloatArray:
        """How the rates vary together over problems of this kind: ``(G - A A') / (n - 1)``, shape (K, K)."""
        if self._spread is None:
            self._spread = (self.matrix - np.outer(self.rates, self.rates)) / (self.n - 1)
        return self._spread

    def within_variance(self, k: int) -> float:
        """How large is the noise of one eval, by the problems that changed between neighbouring evals?

        ``sigma2_k = mean_l (G_ll + G_{l+1,l+1} - 2 G_{l,l+1}) / (2 n)`` over the pairs among the first k evals.

        `k` counts the evals seen, from 1 to K.
        Returns the variance of one rate; `nan` without a pair.

        What it cannot see: real learning and forgetting between two evals, which it counts as noise.
        """
        seen = self.matrix[: _look(k, self.rates.size) + 1, :k]
        own = seen.diagonal()
        changed = (own[1:] + own[:-1] - 2.0 * seen.diagonal(1)) / (2.0 * self.n)
        return float(np.maximum(changed, 0.0).mean()) if changed.size else math.nan

    def s2(self, k: int) -> float:
        """How large is the sampling noise of one eval, with a floor of half a problem that no agreement removes?

        ``max(sigma2_k, 0.25 / n^2)``. Checkpoints that jitter add to it (`heldout.stats.noise_posterior.sampled`).

        `k` counts the evals seen, from 1 to K.
        Returns the variance of one rate; `nan` without a pair.
        """
        return max(self.within_variance(k), 0.25 / self.n**2)  # nan stays nan

    def contrast_variance(self, d: npt.ArrayLike) -> FloatArray:
        """How noisy is a comparison of evals, problem by problem?

        ``Vclu(d) = (d' G d - (d' A)^2) / (n - 1)``

        `d` holds weights of the first k evals that sum to zero, shape (..., k).
        Returns the variance of ``d @ rates[:k]``, shape (...).
        """
        d = floats(d)
        k = _look(d.shape[-1], self.rates.size) + 1
        return floats(np.maximum(np.einsum("...k,...k->...", d @ self.covariance[:k, :k], d), 0.0))

    def inflation(self, d: npt.ArrayLike, jitter: float = 0.0) -> FloatArray:
        """How much noisier is a comparison than independent noise of the same size would make it?

        ``I(d) = max(1, (Vclu(d) + jitter |d|^2) / ((s2_k + jitter) |d|^2))``: problems that drift make the errors of
        neighbouring evals alike, jitter of checkpoints does not.

        `d` is as in `contrast_variance`; `jitter` is a variance that is not in the outcomes, of one eval. The answer,
        of shape (...), is at least 1: 1 for a comparison of nothing, `nan` while `s2` is unknown.
        """
        d = floats(d)
        square = np.einsum("...k,...k->...", d, d)
        white = (self.s2(d.shape[-1]) + jitter) * square
        ratio = (self.contrast_variance(d) + jitter * square) / np.where(white == 0.0, 1.0, white)
        return floats(np.maximum(1.0, ratio))

    def set_variance(self) -> FloatArray:
        """How far may each level be off because these problems were asked and not others?

        ``mean_{j != k} (G_jk - A_j A_k) / n``: what the evals share. It belongs to a level and cancels in comparisons.

        Returns the variance of each rate over sets of problems, shape (K,); `nan` with fewer than two evals.
        """
        size = self.rates.size
        if size < 2:
            return np.full(size, math.nan)
        shared = (self.covariance.sum(axis=1) - self.covariance.diagonal()) / (size - 1)
        return floats(np.maximum(shared, 0.0) * (self.n - 1) / self.n)


def _look(k: int, size: int) -> int:
    """Index of look k, or an error that names what there is."""
    if not 1 <= k <= size:
        raise ValueError(f"eval {k} was asked for; there are {size}.")
    return k - 1


def complete(outcomes: npt.ArrayLike, tolerance: float = 1e-10, most: int = 500) -> tuple[FloatArray, FloatArray]:
    """What would the rates be if no outcome were missing?

    Fits ``x_ik = a_i + b_k`` by least squares to the outcomes that are there, by alternating means, so that an eval
    which missed the hard problems does not look better for it.

    `outcomes`: shape (K, n), each within [0, 1] or `nan` where missing. The fit ends when no effect moves by more than
    `tolerance`, or after `most` rounds.
    Returns the rates ``b_k + mean_i a_i``, shape (K,) (the plain means where nothing is missing, `nan` for an empty
    eval), and the filled outcomes, shape (K, n): missing cells are ``a_i + b_k``, kept within [0, 1], `nan` in an empty
    eval. A problem that was never seen counts as an average one.

    What it cannot see: outcomes that are missing because they were bad (a timeout that means failure is a 0, not a
    missing value), and the noise of cells that it fills: with more than a fifth missing, call the result approximate.

    Source: Searle 1971, "Linear models", chapter 7 (two-way crossed classification, unbalanced).
    """
    x = floats(outcomes)
    seen = ~np.isnan(x)
    value = np.where(seen, x, 0.0)
    per_eval, per_problem = seen.sum(axis=1), seen.sum(axis=0)
    level, problem = np.zeros(x.shape[0]), np.zeros(x.shape[1])
    for _ in range(most):
        before = level
        level = _mean(value.sum(axis=1) - seen @ problem, per_eval)
        problem = _mean(value.sum(axis=0) - level @ seen, per_problem)
        if np.max(np.abs(level - before), initial=0.0) <= tolerance:
            break
    average = float(problem[per_problem > 0].mean()) if per_problem.any() else 0.0
    problem = np.where(per_problem > 0, problem, average)
    rates = np.where(per_eval > 0, level + average, np.nan)
    guess = np.clip(np.where(per_eval > 0, level, np.nan)[:, None] + problem, 0.0, 1.0)
    return rates, np.where(seen, x, guess)


def _mean(total: FloatArray, count: npt.NDArray[np.int_]) -> FloatArray:
    """Means; 0 where nothing is counted."""
    return total / np.maximum(count, 1)
