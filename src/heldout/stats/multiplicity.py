"""Several tests at once: what is left of each p-value when all of them are paid for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import FloatArray, floats


def holm(p: npt.ArrayLike) -> FloatArray:
    """Which of several hypotheses fall when the chance of any false one is to stay at a level?

    The i-th smallest of m p-values is multiplied by ``m - i + 1``; none may end below a smaller one's, none above 1.

    Parameters
    ----------
    p
        Shape (m,), each within [0, 1]; the tests may depend on each other in any way.

    Returns
    -------
    FloatArray
        Adjusted p-values in the given order, shape (m,): compare each with the level.

    Notes
    -----
    What it cannot see: that tests agree with each other, from which other procedures would gain.

    References
    ----------
    Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = floats(p)
    order = np.argsort(p, kind="stable")
    raised = p[order] * np.arange(p.size, 0, -1)
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted
