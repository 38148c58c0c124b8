"""The normal distribution: probabilities and quantiles.

Own code, because importing scipy.special costs a third of a second and all that is needed is the error function,
which the standard library has.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from heldout.stats.arrays import FloatArray, floats

_STANDARD = NormalDist()


def cdf(z: FloatArray | float) -> FloatArray:
    """How likely is a standard normal value below `z`?

    Parameters
    ----------
    z
        Any shape. Meant for some thousands of values: the error function is called for each one.

    Returns
    -------
    FloatArray
        Probabilities, same shape, accurate in the far tails too.
    """
    values = floats(z)
    flat = np.fromiter((0.5 * math.erfc(-v) for v in (values / math.sqrt(2.0)).ravel()), np.float64, values.size)
    return flat.reshape(values.shape)


def quantile(p: float) -> float:
    """Below which value does a standard normal lie with probability `p`?"""
    return _STANDARD.inv_cdf(p)


def two_sided_p(z: float) -> float:
    """How likely is a standard normal at least as far from zero as `z`?"""
    return math.erfc(abs(z) / math.sqrt(2.0))
