"""The noise of evals as a covariance: how far each errs, and how alike neighbouring ones err."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.gram import Gram
from heldout.stats.noise import WANDER, typical_bend, wander_correlation
from heldout.stats.noise_posterior import binomial_variance, white_share

_KNOWN_LAGS = 0.75  # of the evals: lags beyond are of too few pairs, and take the value of the last one before
_LEAST = 1e-3  # of the variance of one eval: no comparison is more certain than that
TELLING = 8  # scores from which on their typical scatter tells noise from a cliff
_NOTHING = 1e-6  # of the variance of all scatter: a smaller typical one is of scores that are mostly equal, or straight


@dataclass(frozen=True, slots=True, eq=False)
class EvalNoise:
    """How far do evals err, and how alike are their errors?"""

    variance: float  # of a typical eval, in the unit of the values squared; nan where it is not known
    covariance: FloatArray  # (K, K), in units of `variance`; what all evals share does not matter and is not in it
    sized: bool = True  # whether the size of the evals told it; one read off their scatter holds their jitter already

    @classmethod
    def white(cls, variance: float, count: int, *, sized: bool = True) -> EvalNoise:
        """Errors that have nothing to do with each other."""
        return cls(float(variance), np.eye(count), sized)

    @classmethod
    def of_outcomes(cls, gram: Gram) -> EvalNoise:
        """How do evals err that share their problems, by the outcomes?

        ``(G - A A') / (n - 1)`` is averaged along its diagonals, since errors depend on how far evals lie apart; the
        smallest value is taken away, because what all share cancels in comparisons. The unit is the variance by the
        problems that changed between neighbours, with a floor of half a problem.

        What it cannot see: with fewer than about 50 problems it is itself uncertain.
        """
        count = gram.rates.size
        variance = gram.s2(count)
        lag = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
        known = int(np.ceil(_KNOWN_LAGS * count))
        means = floats([gram.covariance.diagonal(apart).mean() for apart in range(known)])
        alike = (means - means.min())[np.minimum(lag, known - 1)]
        scale, direction = np.linalg.eigh(alike)
        least = _LEAST * max(float(alike[0, 0]), variance)
        if scale[0] >= least:
            return cls(variance, floats(alike / variance))
        floored = np.maximum(scale, least)
        return cls(variance, floats((direction * floored) @ direction.T / variance))

    @classmethod
    def of_rates(cls, rates: FloatArray, problems: npt.ArrayLike, samples: npt.ArrayLike = 1.0) -> EvalNoise:
        """How do evals err that share their problems, if only their rates and sizes are known?

        ``b (0.5 / m + 0.025)`` for each eval of n problems and m samples, with ``b = A (1 - A) / n`` of the mean rate
        A, and ``0.05 b exp(-lag / (0.3 K))`` between them: problems that are learned or lost for a while.

        `problems` and `samples`: one number each, or shape (K,).
        """
        own = binomial_variance(rates, floats(np.broadcast_to(floats(problems), rates.shape)))
        return cls._wandering(own, own * white_share(floats(samples)))

    @classmethod
    def of_errors(cls, errors: FloatArray) -> EvalNoise:
        """How do evals err whose standard errors are given, shape (K,), and nothing else?

        Each by its own, as if the problems of each were drawn anew, and with the wander of `of_rates` between them.
        """
        return cls._wandering(errors**2, errors**2)

    @classmethod
    def _wandering(cls, own: FloatArray, white: FloatArray) -> EvalNoise:
        """Errors of the variances `white`, and between evals those of problems that wander, a part of `own`."""
        wander = WANDER * np.sqrt(np.outer(own, own)) * wander_correlation(own.size, own.size)
        variance = float(white.mean())
        return cls(variance, floats((np.diag(white) + wander) / variance))

    @classmethod
    def of_scatter(cls, values: FloatArray, variance: float, least: float = 0.0) -> EvalNoise:
        """How do evals err of which nothing is known but their scores, `variance` being that of their scatter?

        That variance holds any cliff, and with it a cliff is smoothed away. From eight scores on the typical second
        difference stands for it, which a cliff does not enlarge: of all scores, or of the upper half, where that is
        larger, since a share that has fallen to nothing hardly errs any more. `least` is a variance that it is not
        below.
        """
        typical = _typical_variance(values) if len(values) >= TELLING else 0.0
        told = typical if typical > _NOTHING * variance else variance
        return cls.white(max(told, least), len(values), sized=False)

    @property
    def depends_on_lag(self) -> bool:
        """Whether how alike the errors of two evals are depends on how far apart they lie, and on nothing else."""
        return np.array_equal(self.covariance[1:, 1:], self.covariance[:-1, :-1])

    def averaged(self, starts: IntArray) -> EvalNoise:
        """The noise of means over blocks of evals, each of which begins at one of `starts`."""
        if len(starts) == len(self.covariance):
            return self
        sizes = np.diff(starts, append=len(self.covariance))
        summed = np.add.reduceat(np.add.reduceat(self.covariance, starts, axis=0), starts, axis=1)
        means = summed / np.outer(sizes, sizes)
        unit = float(means[-1, -1])  # blocks are whole at the end
        return EvalNoise(self.variance * unit, floats(means / unit), self.sized)

    def of_contrasts(self, d: FloatArray) -> FloatArray:
        """The variance of comparisons ``d @ values``; `d` of shape (..., K) holds weights that sum to zero."""
        return floats(self.variance * np.einsum("...j,jk,...k->...", d, self.covariance, d))


def _typical_variance(values: FloatArray) -> float:
    """Variance of one score by the median second difference, of all scores or of those above the median."""
    bent = np.diff(values, 2)
    upper = bent[values[1:-1] > np.median(values)]
    return max(typical_bend(each) for each in (bent, upper) if each.size) ** 2
