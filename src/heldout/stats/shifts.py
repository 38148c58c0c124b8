"""Where does the level of a series jump?

The search is exact optimal partitioning in numpy. `ruptures.KernelCPD(kernel="linear")` gives the same answer, and is
what the tests compare with, but importing ruptures takes two seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.smoothing import bounded

MOST_POINTS = 400
SHORTEST = 3  # points between two shifts


@dataclass(frozen=True, slots=True)
class Shift:
    """One jump of the level.

    Attributes
    ----------
    step
        First step on the new level.
    before, after
        Mean of the series from the previous shift to here, and from here to the next.
    z
        The jump over its noise. The place was searched for, so this is larger than an ordinary z.
    """

    step: float
    before: float
    after: float
    z: float


def level_shifts(
    step: FloatArray, value: FloatArray, variance: float, penalty: float | None = None, most: int = 4
) -> tuple[Shift, ...]:
    """Where did the level jump, and from what to what?

    The steps of the piecewise constant function that minimises squared error over noise variance plus `penalty` for
    each jump, with at least three points on each piece.

    Parameters
    ----------
    step
        Shape (N,), strictly increasing. Longer series are averaged into 400 blocks.
    value
        Shape (N,). Average a training signal to block means of ten steps or more before: its noise is autocorrelated.
    variance
        Noise variance of one value.
    penalty
        Price of a jump; ``4 log N`` if not given.
    most
        Most shifts to return. If there are more, the penalty is raised until there are not.

    Returns
    -------
    tuple of Shift
        In order of step; empty with fewer than six points or without noise to compare with.

    Notes
    -----
    What it cannot see: a smooth trend, which it draws as stairs; call the result "level shifts". On simulated flat
    runs it finds a shift in 1 to 5 % of cases.

    References
    ----------
    Jackson et al. 2005, IEEE Signal Processing Letters 12 (optimal partitioning); Killick, Fearnhead, Eckley 2012,
    JASA 107 (PELT).
    """
    step, value, variance = bounded(floats(step), floats(value), variance, MOST_POINTS)
    if value.size < 2 * SHORTEST or not 0.0 < variance < math.inf:
        return ()
    price = 4.0 * math.log(value.size) if penalty is None else penalty
    signal = (value - value.mean()) / math.sqrt(variance)
    starts = change_points(signal, price)
    while len(starts) > most:
        price *= 1.5
        starts = change_points(signal, price)
    return _shifts(step, value, variance, starts)


def change_points(signal: FloatArray, penalty: float, shortest: int = SHORTEST) -> tuple[int, ...]:
    """Which pieces of constant level cost least?

    Parameters
    ----------
    signal
        Shape (N,), in units of the noise. The cost is O(N^2).
    penalty
        Price of one change, above 0.
    shortest
        Least points on a piece.

    Returns
    -------
    tuple of int
        First index of each piece but the first.

    Raises
    ------
    ValueError
        If the penalty is not positive.
    """
    if not penalty > 0.0:
        raise ValueError(f"penalty is {penalty}; it must be above 0.")
    n = signal.size
    total = np.concatenate([[0.0], np.cumsum(signal)])
    square = np.concatenate([[0.0], np.cumsum(signal * signal)])
    least = np.full(n + 1, math.inf)  # least cost of the first t points
    least[0] = -penalty
    previous = np.zeros(n + 1, dtype=np.int64)
    for t in range(shortest, n + 1):
        s = np.arange(t - shortest + 1)  # start of the last piece
        cost = least[s] + penalty + square[t] - square[s] - (total[t] - total[s]) ** 2 / (t - s)
        previous[t] = int(np.argmin(cost))
        least[t] = cost[previous[t]]
    return _walked_back(previous)


def _walked_back(previous: IntArray) -> tuple[int, ...]:
    """The starts of the pieces, from where each best last piece begins."""
    starts = []
    at = int(previous[-1])
    while at > 0:
        starts.append(at)
        at = int(previous[at])
    return tuple(reversed(starts))


def _shifts(step: FloatArray, value: FloatArray, variance: float, starts: tuple[int, ...]) -> tuple[Shift, ...]:
    """The jumps between neighbouring pieces."""
    edges = np.array([0, *starts, value.size])
    count = np.diff(edges)
    mean = np.add.reduceat(value, edges[:-1]) / count
    z = np.diff(mean) / np.sqrt(variance * (1.0 / count[:-1] + 1.0 / count[1:]))
    return tuple(Shift(float(step[at]), float(mean[i]), float(mean[i + 1]), float(z[i])) for i, at in enumerate(starts))
