"""Where do two series that used to move together part?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from heldout.stats.arrays import BoolArray, FloatArray, IntArray, floats
from heldout.stats.correlation import correlate
from heldout.stats.local_level import window_slopes
from heldout.stats.noise import bends, difference_noise
from heldout.stats.peaks import local_maxima
from heldout.stats.smoothing import bounded

MOST_POINTS = 120
WIDTHS = (4, 6, 8)
_SLOPE_Z = 1.28


@dataclass(frozen=True, slots=True)
class Divergence:
    """A stretch over which x rose while y fell."""

    start: float  # first step
    end: float  # last step
    x_slope_z: float  # of the window in it where the two part most
    y_slope_z: float


@dataclass(frozen=True, slots=True)
class OppositeTurn:
    """A step at which one series peaks and the other dips."""

    step: float
    x_value: float  # there
    y_value: float
    x_deviation: float  # of x from the line between its two neighbours, in its unit
    score: float  # minus the product of the deviations of x and y, each in units of its own typical size


@dataclass(frozen=True, slots=True, eq=False)
class _Windows:
    """All windows of one width: the slope z of both series in each."""

    width: int
    x: FloatArray
    y: FloatArray

    @property
    def parting(self) -> BoolArray:
        """Where x rises and y falls."""
        return (self.x > _SLOPE_Z) & (self.y < -_SLOPE_Z)

    @property
    def together(self) -> BoolArray:
        """Where both rise."""
        return (self.x > _SLOPE_Z) & (self.y > _SLOPE_Z)


def divergence_windows(
    step: FloatArray,
    x: FloatArray,
    y: FloatArray,
    x_variance: float | None = None,
    y_variance: float | None = None,
) -> tuple[Divergence, ...]:
    """Over which stretches did x rise while y fell, although the two had moved together before?

    In windows of 4, 6 and 8 points, the local-level slope of x has z above 1.28 and that of y below -1.28. A window
    counts only if, before its start, the changes of x and y were positively correlated (95 % interval above zero), or
    both rose in one window. Overlapping windows are merged.

    `step`, strictly increasing, `x` and `y`, for example reward and pass rate: shape (N,); longer series are averaged
    into 120 blocks. The noise variances of one value come from second differences if not given.
    Returns them in order of step; empty with fewer than eight points, and for series without any noise.

    Exploratory: many windows are looked at and no error rate is controlled. What it cannot see: x falling while y rises
    (exchange the two), and a pair that never moved together.
    """
    step, x, y = floats(step), floats(x), floats(y)
    if step.size < 8:
        return ()
    noise_x = difference_noise(x, step) if x_variance is None else x_variance
    noise_y = difference_noise(y, step) if y_variance is None else y_variance
    few, x, noise_x = bounded(step, x, noise_x, MOST_POINTS)
    _, y, noise_y = bounded(step, y, noise_y, MOST_POINTS)
    if not (noise_x > 0.0 and noise_y > 0.0):
        return ()
    windows = [_windows(few, x, y, noise_x, noise_y, width) for width in WIDTHS]
    since = _together_since(x, y, windows)
    found = [
        (start, start + w.width - 1, float(w.x[start]), float(w.y[start]))
        for w in windows
        for start in np.flatnonzero(w.parting).tolist()
        if start >= since
    ]
    return tuple(_merged(few, sorted(found)))


def _windows(
    step: FloatArray, x: FloatArray, y: FloatArray, x_variance: float, y_variance: float, width: int
) -> _Windows:
    """Slope z of both series in every window of this width."""
    slope_x, sd_x = window_slopes(step, x, x_variance, width)
    slope_y, sd_y = window_slopes(step, y, y_variance, width)
    return _Windows(width, slope_x / sd_x, slope_y / sd_y)


def _together_since(x: FloatArray, y: FloatArray, windows: list[_Windows]) -> float:
    """First index by which the pair has been seen to move together; infinite if never."""
    seen = [int(np.argmax(w.together)) + w.width - 1 for w in windows if w.together.any()]
    first = min(seen, default=math.inf)
    for end in range(6, x.size):  # seven points: six changes
        if end >= first:
            break
        if correlate(np.diff(x[: end + 1]), np.diff(y[: end + 1])).low > 0.0:
            return float(end)
    return float(first)


def _merged(step: FloatArray, found: list[tuple[int, int, float, float]]) -> list[Divergence]:
    """Overlapping windows as one, with the slopes of the one that parts most."""
    groups: list[list[tuple[int, int, float, float]]] = []
    for window in found:
        if groups and window[0] <= max(w[1] for w in groups[-1]):
            groups[-1].append(window)
        else:
            groups.append([window])
    out = []
    for group in groups:
        best = max(group, key=lambda w: min(w[2], -w[3]))
        out.append(Divergence(float(step[group[0][0]]), float(step[max(w[1] for w in group)]), best[2], best[3]))
    return out


def opposite_turns(step: FloatArray, x: FloatArray, y: FloatArray, most: int = 10) -> tuple[OppositeTurn, ...]:
    """At which single steps does one series peak while the other dips?

    `step`, strictly increasing, `x` and `y`: shape (N,).
    Returns the `most` highest scores, the highest first; empty with fewer than four points, or if a series is straight.

    A score of 1 is one typical deviation in each series. What it cannot see: whether a turn is more than noise. In
    independent noise two of nine inner points are opposite turns, so only a score far above the others says much.

    The typical size is 1.4826 times the median absolute deviation. Source: Hampel 1974, JASA 69.
    """
    step, x, y = floats(step), floats(x), floats(y)
    if step.size < 4:
        return ()
    bend_x, bend_y = _bends(step, x), _bends(step, y)
    size_x, size_y = _typical(bend_x), _typical(bend_y)
    if size_x == 0.0 or size_y == 0.0:
        return ()
    at = np.union1d(_shared(local_maxima(x), local_maxima(-y), x, y), _shared(local_maxima(-x), local_maxima(y), x, y))
    score = -(bend_x[at - 1] / size_x) * (bend_y[at - 1] / size_y)
    best = np.argsort(-score, kind="stable")[:most]
    return tuple(
        OppositeTurn(float(step[i]), float(x[i]), float(y[i]), float(bend_x[i - 1]), float(s))
        for i, s in zip(at[best], score[best], strict=True)
    )


def _shared(one: IntArray, other: IntArray, x: FloatArray, y: FloatArray) -> IntArray:
    """Steps where both turn, without flat tops."""
    at = np.intersect1d(one, other)
    strict = [(v[at] != v[at - 1]) & (v[at] != v[at + 1]) for v in (x, y)]
    return np.asarray(at[strict[0] & strict[1]], dtype=np.int64)


def _bends(step: FloatArray, value: FloatArray) -> FloatArray:
    """Distance of each inner point from the line between its neighbours, shape (N - 2,)."""
    bend, _ = bends(step, value)
    bend[np.abs(bend) < 1e-12 * np.max(np.abs(value))] = 0.0  # rounding error on a straight line
    return bend


def _typical(bend: FloatArray) -> float:
    """Robust standard deviation about zero; the ordinary one if more than half are zero."""
    robust = 1.4826 * float(np.median(np.abs(bend)))
    return robust if robust > 0.0 else math.sqrt(float(np.mean(bend**2)))
