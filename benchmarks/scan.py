"""The scan of a whole run at once, look by look, for a noise that is known: what `last_look` says after each eval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.local_level import DEFAULT_Q
from heldout.stats.scan import FIRST_LOOK, Inflation, last_look


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The scan statistic at each look.

    Attributes
    ----------
    statistic
        Shape (K,): largest z of "an earlier level is above the present one"; `nan` before the fourth eval, and where
        the noise is unknown or zero.
    peak
        Shape (K,): index of the earlier eval where that z is reached, the estimated peak; -1 where there is none.
    inflation
        Shape (K,): median inflation of the contrasts at each look, by which the variance of one eval is multiplied to
        stand for noise that neighbouring evals share; 1 without inflation, `nan` where there is no statistic.
    contrasts
        Shape (K - 1,): the z of each earlier eval at the last look; empty where there is no statistic. Those within 1
        of the largest give a rough range for the peak.
    """

    statistic: FloatArray
    peak: IntArray
    inflation: FloatArray
    contrasts: FloatArray


def scan(
    values: npt.ArrayLike,
    variance: npt.ArrayLike,
    steps: npt.ArrayLike | None = None,
    inflation: Inflation | None = None,
    q: float = DEFAULT_Q,
    delta: float = 0.0,
    *,
    per_eval: bool = False,
) -> Scan:
    """How strongly does each look say that the level has fallen from an earlier one?

    At look k, with the local-level smoother S and its posterior covariance P over the first k evals, each earlier eval
    j gives the contrast ``d_j = S_j - S_k`` and
    ``z_j = (d_j . A - delta) / sqrt(s2_k (P_jj + P_kk - 2 P_jk) I(d_j))``; the statistic is the largest.

    Parameters
    ----------
    values
        Shape (K,), the rate of each eval.
    variance
        Noise variance of one eval: one number, or shape (K,).
    steps
        Shape (K,), strictly increasing; evenly spaced if not given.
    inflation
        Gives I(d), at least 1, for contrasts of shape (j, k); 1 if not given. `Gram.inflation` is one.
    q
        Variance of the level's increment between two evals, in units of the noise variance.
    delta
        A fall counts from this size, in the unit of the values.
    per_eval
        What an array of variances means. False: the variance that is used at each look, as it was known then. True:
        the variance of each eval itself, which then also weights the evals; their mean so far takes the place of s2_k.

    Returns
    -------
    Scan
        Statistic and peak at each look. Looks depend on the past only: online and afterwards are the same numbers.

    Raises
    ------
    ValueError
        If an array does not have one entry for each value.

    Examples
    --------
    >>> from heldout.stats.scan import boundary
    >>> rate = [0.300, 0.322, 0.331, 0.350, 0.356, 0.352, 0.360, 0.349, 0.333, 0.327, 0.310, 0.305]
    >>> found = scan(rate, 0.014**2)
    >>> round(float(found.statistic[-1]), 4), int(found.peak[-1]), boundary(12, 0.05, 1.0)
    (1.9485, 6, 1.555)
    """
    values = floats(values)
    size = values.size
    noise = _each("variance", variance, size)
    step = None if steps is None else _each("steps", steps, size)
    statistic, median = np.full(size, np.nan), np.full(size, np.nan)
    peak, z = np.full(size, -1, dtype=np.int64), np.empty(0)
    for k in range(FIRST_LOOK, size + 1):
        own = noise[:k] if per_eval else noise[k - 1 : k]
        if not np.all(own > 0.0):
            z = np.empty(0)
            continue
        relative = own / own.mean() if own.size > 1 else None
        u, extra = last_look(values[:k], relative, None if step is None else step[:k], inflation, q, delta)
        z = u / np.sqrt(own.mean())
        peak[k - 1] = int(z.argmax())
        statistic[k - 1], median[k - 1] = z[peak[k - 1]], np.median(extra)
    return Scan(statistic, peak, median, z)


def _each(name: str, given: npt.ArrayLike, size: int) -> FloatArray:
    """One number for each of `size` evals; a single number stands for all."""
    array = floats(given)
    if array.ndim and array.shape != (size,):
        raise ValueError(f"{name} has shape {array.shape}; it must have one entry for each of {size} evals.")
    return np.broadcast_to(array, (size,))
