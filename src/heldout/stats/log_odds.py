"""What is said more often now than before? Counts of kinds are compared so that rare kinds are no news."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import FloatArray, floats

_MOST_PRIOR = 100.0  # answers for which the prior counts at most


def log_odds(before: npt.ArrayLike, after: npt.ArrayLike, prior: float | None = None) -> FloatArray:
    """How much more often does each kind occur after than before, in standard errors?

    The difference of the log-odds of each kind, over its standard error. The prior says that both sides hold every kind
    as often as the two together do, and counts for `prior` answers: it pulls rare kinds, of which a few occurrences
    prove little, towards no difference, and leaves common ones alone.

    Parameters
    ----------
    before, after
        Counts of the same kinds, shape (K,), 0 or more; fractions where answers are weighted.
    prior
        How many answers the prior counts for; those of the smaller side if not given, at most 100.

    Returns
    -------
    FloatArray
        z of each kind, shape (K,): positive where it grew; 0 where it does not occur, and where one side has no answer.

    Raises
    ------
    ValueError
        If shapes differ, a count is negative or no number, or the prior is not above 0.

    Notes
    -----
    Takes answers as independent, so those of few prompts make z too large: it ranks, and is no test of a hypothesis.

    References
    ----------
    Monroe, Colaresi, Quinn 2008, "Fightin' words: lexical feature selection and evaluation for identifying the content
    of political conflict", Political Analysis 16.

    Examples
    --------
    >>> log_odds([50, 10, 4, 0], [20, 10, 0, 34], prior=10).round(4).tolist()
    [-7.2741, 0.0, -1.4469, 5.1494]
    """
    a, b = floats(before), floats(after)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"before and after have shapes {a.shape} and {b.shape}; both must be (K,).")
    if not (np.all((a >= 0.0) & (a < np.inf)) and np.all((b >= 0.0) & (b < np.inf))):
        raise ValueError("a count is negative, infinite or no number.")
    sides = float(a.sum()), float(b.sum())
    weight = min(*sides, _MOST_PRIOR) if prior is None else float(prior)
    if prior is not None and not 0.0 < weight < np.inf:
        raise ValueError(f"prior is {prior}; it must be above 0.")
    z = np.zeros(a.shape)
    if min(sides) <= 0.0:
        return z
    pooled = weight * (a + b) / sum(sides)
    there = pooled > 0.0
    one, other = (a + pooled)[there], (b + pooled)[there]
    against = sides[0] + weight - one, sides[1] + weight - other
    alone = (against[0] <= 0.0) | (against[1] <= 0.0)  # a kind that is everything has no odds
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (np.log(other / against[1]) - np.log(one / against[0])) / np.sqrt(1.0 / one + 1.0 / other)
    z[there] = np.where(alone, 0.0, found)
    return z
