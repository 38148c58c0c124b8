"""Where does the level of a series jump?

Jumps are held against a trend: a line, or one that bends, is what a series without a jump looks like. The search is
exact optimal partitioning in numpy. `ruptures.Pelt(model="linear")` gives the same answer, and is what the tests
compare with, but importing ruptures takes two seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.smoothing import bounded

MOST_POINTS = 400  # the search is quadratic in them: 400 take some 10 ms
SHORTEST = 3  # points between two shifts: any line goes through two
_NEAR = 5  # values on either side that give its levels: enough to average, too few for a slope to matter


@dataclass(frozen=True, slots=True)
class Shift:
    """One jump of the level."""

    step: float  # first step on the new level
    before: float  # mean of the last values before it, five at most
    after: float  # mean of the first values from here on, five at most
    z: float  # the jump beyond the trend, over its noise; larger than an ordinary z, since its place was searched for


def level_shifts(
    step: FloatArray, value: FloatArray, variance: float, penalty: float | None = None, most: int = 4
) -> tuple[Shift, ...]:
    """Where did the level jump, and from what to what?

    The series is cut into the straight pieces that minimise squared error over noise variance plus `penalty` for each
    cut, with at least three points on each. A cut is a shift where a jump saves more than `penalty` over a trend that
    only bends there.

    `step`: shape (N,), strictly increasing. Longer series are averaged into 400 blocks. `value`: shape (N,). Average a
    training signal to block means of ten steps or more before: its noise is autocorrelated. `variance`: noise variance
    of one value. `penalty`: price of a cut and of a jump; ``4 log N`` if not given.
    Returns the `most` clearest ones in order of step; empty with fewer than six points or without noise to compare
    with.

    What it cannot see: a jump that is small beside the noise. Against a trend a jump must be twice as clear as against
    a level, since a line alone explains three quarters of it. On simulated flat runs and noisy straight lines it finds
    a shift in 1 % of cases or less. A curve that swings within a dozen points looks like jumps to it.

    Source: Jackson et al. 2005, IEEE Signal Processing Letters 12 (optimal partitioning); Killick, Fearnhead, Eckley
    2012, JASA 107 (PELT).
    """
    step, value, variance = bounded(floats(step), floats(value), variance, MOST_POINTS)
    if value.size < 2 * SHORTEST or not 0.0 < variance < math.inf:
        return ()
    price = 4.0 * math.log(value.size) if penalty is None else penalty
    starts = change_points(step, (value - value.mean()) / math.sqrt(variance), price)
    jumps = [jump for jump in _jumps(step, value, variance, starts) if jump.z**2 > price]
    clearest = sorted(jumps, key=lambda jump: -abs(jump.z))[:most]
    return tuple(sorted(clearest, key=lambda jump: jump.step))


def change_points(step: FloatArray, signal: FloatArray, penalty: float, shortest: int = SHORTEST) -> tuple[int, ...]:
    """Which straight pieces cost least?

    `step`: shape (N,), strictly increasing, N at least 2. `signal`: shape (N,), in units of the noise. The cost is
    O(N^2). `penalty`: price of one change, above 0. `shortest`: least points on a piece.
    Returns the first index of each piece but the first.
    Raises ValueError if the penalty is not positive.
    """
    if not penalty > 0.0:
        raise ValueError(f"penalty is {penalty}; it must be above 0.")
    n = signal.size
    x = (step - step.mean()) / np.ptp(step)
    sums = np.pad(np.cumsum([x, signal, x * x, x * signal, signal * signal], axis=1), ((0, 0), (1, 0)))
    least = np.full(n + 1, math.inf)  # least cost of the first t points
    least[0] = -penalty
    previous = np.zeros(n + 1, dtype=np.int64)
    for t in range(shortest, n + 1):
        s = np.arange(t - shortest + 1)  # start of the last piece
        cost = least[s] + penalty + _off_the_line(sums[:, t, None] - sums[:, s], t - s)
        previous[t] = int(np.argmin(cost))
        least[t] = cost[previous[t]]
    return _walked_back(previous)


def _off_the_line(sums: FloatArray, count: IntArray) -> FloatArray:
    """The squared distance of each piece from its line, from its sums of x, y, xx, xy and yy, shape (5, S)."""
    x, y, xx, xy, yy = sums
    xx, xy, yy = xx - x * x / count, xy - x * y / count, yy - y * y / count
    return floats(np.maximum(yy - xy * xy / xx, 0.0))


def _walked_back(previous: IntArray) -> tuple[int, ...]:
    """The starts of the pieces, from where each best last piece begins."""
    starts = []
    at = int(previous[-1])
    while at > 0:
        starts.append(at)
        at = int(previous[at])
    return tuple(reversed(starts))


def _jumps(step: FloatArray, value: FloatArray, variance: float, starts: tuple[int, ...]) -> Iterator[Shift]:
    """The jumps between neighbouring pieces, beyond two lines with one curvature: where a curve turns is no jump."""
    edges = (0, *starts, value.size)
    for (first, at), last in zip(pairwise(edges), edges[2:], strict=False):
        x = (step[first:last] - (step[at - 1] + step[at]) / 2.0) / (step[last - 1] - step[first])
        after = (x > 0.0).astype(np.float64)
        design = np.stack([np.ones_like(x), after, x, x * after, x * x], axis=1)
        inverse = np.linalg.pinv(design)[1]
        z = float(inverse @ value[first:last]) / (math.sqrt(variance) * float(np.linalg.norm(inverse)))
        before = float(value[max(first, at - _NEAR) : at].mean())
        yield Shift(float(step[at]), before, float(value[at : min(last, at + _NEAR)].mean()), z)
