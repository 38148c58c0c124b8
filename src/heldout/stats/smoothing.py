"""Lines through noise: local lines, and means over blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from heldout.stats.arrays import FloatArray, IntArray, floats

DENSE = 50  # from this many values on, a line through every value hides its own shape: it is smoothed to be seen

_CHUNK = 4096  # evaluation points at a time: the temporaries of one chunk stay in cache
_ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A local line at each evaluation point: its height there, and the weight that a value observed there has in it."""

    height: FloatArray
    own_weight: FloatArray


def local_linear(step: FloatArray, value: FloatArray, window: float, at: FloatArray | None = None) -> FloatArray:
    """What is the level of a noisy series around each step?

    At each evaluation point a straight line is fitted to the values within half a window on either side, weighted by
    the Epanechnikov kernel. A straight line comes back unchanged, also at both ends.

    `step`: shape (N,), strictly increasing, any spacing. `value`: shape (N,). `window`: full width in steps. Where it
    holds fewer than three usable points it is widened to the nearest three. `at`: shape (M,), where to evaluate; `step`
    if not given. Between the first and the last step.
    Returns shape (M,); `nan` if there is no data. One value gives a constant, two give their line.
    Raises ValueError if the window is not a positive number.

    The cost is O(N + M), up to the search for the window's ends. The window is cut at cells half a window wide, and
    prefix sums of the moments are taken about the centre of each cell, so that no large powers cancel.

    What it cannot see: anything shorter than the window, which is drawn flatter than it is.

    Source: Fan, Gijbels 1996, "Local polynomial modelling and its applications".
    """
    if not (window > 0.0 and math.isfinite(window)):
        raise ValueError(f"window is {window}; it must be a positive number of steps.")
    step, value = floats(step), floats(value)
    return _local_lines(step, value, window, step if at is None else floats(at)).height


def _local_lines(step: FloatArray, value: FloatArray, window: float, at: FloatArray) -> _Fit:
    """Fit the local line at each point of `at`."""
    if step.size == 0:
        return _Fit(np.full(at.size, np.nan), np.full(at.size, np.nan))
    middle = float(value.mean())
    span = float(step[-1] - step[0])
    half = 0.5 * (min(window, 100.0 * span) if span > 0.0 else window)  # wider makes no difference but to rounding
    x, t = (step - step[0]) / half, (at - step[0]) / half
    y = value - middle
    fit = _window_lines(x, y, t)
    few = np.isnan(fit.height)
    near = _nearest_lines(x, y, t[few])
    fit.height[few], fit.own_weight[few] = near.height, near.own_weight
    fit.height[:] += middle
    return fit


def _window_lines(x: FloatArray, y: FloatArray, t: FloatArray) -> _Fit:
    """Fit within distance 1 of each `t`; `nan` where fewer than three points carry weight."""
    cell = np.floor(x)
    u = x - (cell + 0.5)
    square = u * u
    powers = [np.ones_like(u), u, square, square * u, square * square]
    sums = np.zeros((x.size + 1, 9))  # one row per point: the nine sums of a point are read together
    for column, term in enumerate([*powers, *(y * p for p in powers[:4])]):
        np.cumsum(term, out=sums[1:, column])
    fit = _Fit(np.empty(t.size), np.empty(t.size))
    for start in range(0, t.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        fit.height[part], fit.own_weight[part] = _chunk_lines(x, cell, sums, t[part])
    return fit


def _chunk_lines(x: FloatArray, cell: FloatArray, sums: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Solve the weighted normal equations of one chunk from the prefix sums."""
    home = np.floor(t)
    first = np.searchsorted(cell, home, "left")
    last = np.searchsorted(cell, home, "right")
    low = np.minimum(np.searchsorted(x, t - 1.0, "right"), first)
    high = np.maximum(np.searchsorted(x, t + 1.0, "left"), last)
    total = np.zeros((9, t.size))
    for begin, end, centre in ((low, first, home - 0.5), (first, last, home + 0.5), (last, high, home + 1.5)):
        total += _shifted(np.ascontiguousarray((sums[end] - sums[begin]).T), centre - t)
    m0, m1, m2, m3, m4, n0, n1, n2, n3 = total
    s0, s1, s2 = m0 - m2, m1 - m3, m2 - m4  # weighted by the kernel 1 - (x - t)^2
    determinant = s0 * s2 - s1 * s1
    # Below this the weight sits on one or two points, for example when two of three lie on the window's edge.
    solid = (high - low >= 3) & (determinant > 1e-3 * (m0 * m2 - m1 * m1))
    safe = np.where(solid, determinant, 1.0)
    height = np.where(solid, (s2 * (n0 - n2) - s1 * (n1 - n3)) / safe, np.nan)
    return height, np.where(solid, s2 / safe, np.nan)


def _shifted(moments: FloatArray, by: FloatArray) -> FloatArray:
    """Turn sums of u^p and y u^p into sums of (u + by)^p and y (u + by)^p."""
    out = np.empty_like(moments)
    for base, most in ((0, 5), (5, 4)):
        for p in range(most):
            total = moments[base].copy()  # Horner's rule in `by`
            for r in range(1, p + 1):
                total = total * by + math.comb(p, r) * moments[base + r]
            out[base + p] = total
    return out


def _nearest_lines(x: FloatArray, y: FloatArray, t: FloatArray) -> _Fit:
    """Fit through the three points nearest to each `t` (fewer if there are fewer)."""
    count = min(3, x.size)
    place = np.searchsorted(x, t)[:, None] + np.arange(-count, 1)
    begin = np.clip(place, 0, x.size - count)
    reach = np.maximum(np.abs(x[begin] - t[:, None]), np.abs(x[begin + count - 1] - t[:, None]))
    best = np.argmin(reach, axis=1)[:, None]
    index = np.take_along_axis(begin, best, axis=1) + np.arange(count)
    half = np.maximum(np.take_along_axis(reach, best, axis=1) * 4.0 / 3.0, np.finfo(float).tiny)
    u = (x[index] - t[:, None]) / half
    weight = 1.0 - u * u
    s0, s1, s2 = weight.sum(1), (weight * u).sum(1), (weight * u * u).sum(1)
    mean, slope_part = (weight * y[index]).sum(1), (weight * u * y[index]).sum(1)
    determinant = s0 * s2 - s1 * s1
    line = determinant > 1e-12 * s0 * s0
    safe = np.where(line, determinant, 1.0)
    height = np.where(line, (s2 * mean - s1 * slope_part) / safe, mean / s0)
    return _Fit(height, np.where(line, s2 / safe, 1.0 / s0))


def gaps(step: FloatArray, widest: float) -> IntArray:
    """Behind which values does nothing follow for longer than `widest` steps? Their indices, shape (G,).

    A line through a series says nothing there. `step`: shape (N,), increasing.
    """
    return np.flatnonzero(np.diff(step) > widest).astype(np.int64)


def suggest_window(step: FloatArray, value: FloatArray) -> float:
    """How wide should the smoothing window be to draw this noisy series?

    Among windows between a fourteenth and a sixth of the run, the one with the least generalised cross-validation error
    on means of some five points each; at least seven points wide; rounded to a number that reads well.

    `step`, strictly increasing, and `value`: shape (N,).
    Returns the full window in steps; `nan` with fewer than three points.

    What it cannot see: noise that is autocorrelated over more than a few points. Such noise looks like signal to
    cross-validation, which is why the choice is kept between two bounds.

    Source: Craven, Wahba 1979, "Smoothing noisy data with spline functions", Numer. Math. 31.
    """
    step, value = floats(step), floats(value)
    if step.size < 3:
        return math.nan
    span = float(step[-1] - step[0])
    few, mean, _ = block_means(step, value, min(2000, max(40, step.size // 5)))
    candidates = [span / parts for parts in (14.0, 12.0, 10.0, 8.0, 6.0)]
    scores = [_gcv(few, mean, window) for window in candidates]
    return _round_window(max(candidates[int(np.argmin(scores))], 7.0 * float(np.median(np.diff(step)))))


def _gcv(step: FloatArray, value: FloatArray, window: float) -> float:
    """Mean squared residual over the squared share of free residuals."""
    fit = _local_lines(step, value, window, step)
    free = 1.0 - min(float(fit.own_weight.mean()), 1.0 - 1e-9)
    return float(np.mean((value - fit.height) ** 2)) / free**2


def _round_window(window: float) -> float:
    """The next larger number with a short leading figure."""
    scale = 10.0 ** math.floor(math.log10(window))
    return next(r * scale for r in _ROUND if r * scale >= window * (1.0 - 1e-9))


def block_means(step: FloatArray, value: FloatArray, blocks: int) -> tuple[FloatArray, FloatArray, IntArray]:
    """What does the series look like in at most `blocks` points?

    Consecutive points are averaged in blocks of (nearly) equal count.

    `step` and `value`: shape (N,). `blocks` is at least 1. A series that is short enough comes back as it is.
    Returns the mean step, mean value and number of points of each block, each of shape (min(N, blocks),).
    Raises ValueError if blocks is below 1.
    """
    if blocks < 1:
        raise ValueError(f"blocks is {blocks}; it must be at least 1.")
    step, value = floats(step), floats(value)
    if step.size <= blocks:
        return step.copy(), value.copy(), np.ones(step.size, dtype=np.int64)
    edges = np.arange(blocks + 1, dtype=np.int64) * step.size // blocks
    count = np.diff(edges)
    return np.add.reduceat(step, edges[:-1]) / count, np.add.reduceat(value, edges[:-1]) / count, count


def latest_blocks(count: int, most: int) -> IntArray:
    """Where do at most `most` blocks of `count` values begin, counted off from the last value backwards?

    All are of one size but the first, which may be shorter: the blocks at the end, which decide, are whole ones.

    `count` and `most` are at least 1.
    Returns indices, shape (B,), the first of them 0.
    """
    each = math.ceil(count / most)
    return np.maximum(np.arange(count, 0, -each)[::-1] - each, 0).astype(np.int64)


def bounded(step: FloatArray, value: FloatArray, variance: float, most: int) -> tuple[FloatArray, FloatArray, float]:
    """What are the series and its noise in at most `most` points, for a method that costs more than linear time?

    `step` and `value`: shape (N,). `variance`: that of the noise of one value.
    Returns step, value and noise variance of one of them. The variance of a block mean is that of one value over the
    count, or what second differences of the block means show if that is more: autocorrelated noise does not average out
    as fast.
    """
    few, mean, count = block_means(step, value, most)
    if few.size == step.size:
        return few, mean, variance
    second = mean[2:] - 2.0 * mean[1:-1] + mean[:-2]
    seen = float(np.mean(second**2)) / 6.0 if second.size else 0.0
    return few, mean, max(variance / float(np.mean(count)), seen)
