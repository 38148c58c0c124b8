"""A series as a few straight pieces, for prose: "rises to 4.15 by step 300, flat to 500, falls to 4.30"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from heldout.stats.arrays import FloatArray, floats, scaled
from heldout.stats.smoothing import block_means

Direction = Literal["rising", "falling", "flat"]

MOST_POINTS = 200
_ROUNDS = 3  # of moving each knot to its best place
_FEWEST_FOR_A_CORNER = 7


@dataclass(frozen=True, slots=True)
class Segment:
    """One straight piece."""

    start: float  # first and last step; the next piece starts where this one ends
    end: float
    start_value: float  # height of the line there
    end_value: float
    slope: float  # value per step
    direction: Direction  # not flat if |z| is at least two; more where few points leave few degrees of freedom
    z: float  # slope over its standard deviation; infinite if nothing is left over, `nan` for a constant series


@dataclass(frozen=True, slots=True, eq=False)
class _Broken:
    """A broken line: its knots (inner points, as indices), heights at all corners, residuals, and inverse Gram."""

    knots: tuple[int, ...]
    coefficients: FloatArray
    residual: FloatArray
    inverse: FloatArray

    @property
    def rss(self) -> float:
        """Sum of squared residuals."""
        return float(self.residual @ self.residual)


def trend_segments(
    step: FloatArray, value: FloatArray, max_segments: int = 6, penalty: float = 3.0
) -> tuple[Segment, ...]:
    """Which straight pieces describe the series?

    A continuous broken line with corners at data points. Corners are added one at a time where they help most, and all
    are moved to their best place after each addition; their number minimises ``n log(RSS / n) + penalty m log n``, with
    n reduced by the autocorrelation of the residuals.

    `step`: shape (N,), strictly increasing. Longer series are averaged into 200 blocks. `value`: shape (N,).
    `max_segments`: most pieces, at least 1. `penalty`: price of a corner in units of log n: one for its slope, one for
    its place, one for the search. A curve that was smoothed before shows its larger turns at 2.
    Returns them in order of step; empty with fewer than three points.
    Raises ValueError if max_segments is below 1.

    What it cannot see: jumps (drawn as short steep pieces) and curves (drawn as several pieces). The z of a slope takes
    the corners as given, and so is a guide for words, not a test.

    Source: Liu, Wu, Zidek 1997, "On segmented multivariate regression", Statistica Sinica 7; Friedman 1991 (MARS),
    Annals of Statistics 19.
    """
    if max_segments < 1:
        raise ValueError(f"max_segments is {max_segments}; it must be at least 1.")
    first, last = (float(step[0]), float(step[-1])) if len(step) else (math.nan, math.nan)
    x, y, _ = block_means(floats(step), floats(value), MOST_POINTS)
    if x.size < 3:
        return ()
    x[0], x[-1] = first, last  # the pieces span the series, not the middles of its end blocks
    y, unit = scaled(y)
    t = (x - first) / (last - first)
    fits = _growing(t, y, max_segments - 1)
    independent = _independent_share(fits[-1].residual)
    best = min(fits, key=lambda fit: _criterion(fit, y, independent, penalty))
    return _described(best, x, t, y, unit, independent)


def _growing(t: FloatArray, y: FloatArray, most: int) -> list[_Broken]:
    """The best broken line found with 0, 1, 2, ... corners."""
    fits = [_fit(t, y, ())]
    for _ in range(min(most, (t.size - 3) // 2) if t.size >= _FEWEST_FOR_A_CORNER else 0):
        knots = fits[-1].knots
        place = _best_place(t, y, knots)
        if place is None:
            break
        fits.append(_fit(t, y, _settled(t, y, (*knots, place))))
    return fits


def _settled(t: FloatArray, y: FloatArray, knots: tuple[int, ...]) -> tuple[int, ...]:
    """Move each corner to its best place, the others held, until nothing moves."""
    for _ in range(_ROUNDS):
        before = knots
        for knot in before:
            others = tuple(k for k in knots if k != knot)
            place = _best_place(t, y, others)
            knots = (*others, knot if place is None else place)
        if sorted(knots) == sorted(before):
            break
    return tuple(sorted(knots))


def _best_place(t: FloatArray, y: FloatArray, knots: tuple[int, ...]) -> int | None:
    """Where one more corner lowers the residual most."""
    basis = np.linalg.qr(_design(t, knots))[0]
    rest = y - basis @ (basis.T @ y)
    gap = max(1, t.size // 50)
    taken = {near for knot in knots for near in range(knot - gap, knot + gap + 1)}
    places = [i for i in range(gap, t.size - gap) if i not in taken]
    if not places:
        return None
    hinges = np.maximum(t[:, None] - t[None, places], 0.0)
    hinges -= basis @ (basis.T @ hinges)
    gain = (rest @ hinges) ** 2 / np.maximum(np.sum(hinges * hinges, axis=0), 1e-300)
    return places[int(np.argmax(gain))]


def _design(t: FloatArray, knots: tuple[int, ...]) -> FloatArray:
    """Columns for the start value, the first slope, and the change of slope at each corner."""
    return np.stack([np.ones_like(t), t, *(np.maximum(t - t[knot], 0.0) for knot in knots)], axis=1)


def _fit(t: FloatArray, y: FloatArray, knots: tuple[int, ...]) -> _Broken:
    """Least squares for these corners."""
    basis, upper = np.linalg.qr(_design(t, knots))
    coefficients = np.linalg.solve(upper, basis.T @ y)
    inverse = np.linalg.inv(upper)
    return _Broken(knots, coefficients, y - basis @ (basis.T @ y), inverse @ inverse.T)


def _independent_share(residual: FloatArray) -> float:
    """How many independent points one point is worth, from the lag-one autocorrelation of the residuals."""
    power = float(residual @ residual)
    phi = float(residual[1:] @ residual[:-1]) / power if power > 0.0 else 0.0
    phi = min(max(phi, 0.0), 0.9)
    return (1.0 - phi) / (1.0 + phi)


def _criterion(fit: _Broken, y: FloatArray, independent: float, penalty: float) -> float:
    """Misfit plus the price of the corners."""
    n = y.size * independent
    exact = _rounding(y)  # below this all fits are equally perfect
    return n * math.log(max(fit.rss, exact) / y.size) + penalty * len(fit.knots) * math.log(max(n, 2.0))


def _rounding(y: FloatArray) -> float:
    """Sum of squares that is rounding error only."""
    return 1e-24 * y.size * float(np.max(np.abs(y))) ** 2 + 1e-300


def _described(
    fit: _Broken, x: FloatArray, t: FloatArray, y: FloatArray, unit: float, independent: float
) -> tuple[Segment, ...]:
    """The pieces with their slopes and directions; `y` and the fit are in that unit."""
    corners = [0, *fit.knots, t.size - 1]
    heights = (_design(t, fit.knots) @ fit.coefficients)[corners]
    free = max(y.size - fit.coefficients.size - len(fit.knots), 1)
    variance = fit.rss / free / independent if fit.rss > _rounding(y) else 0.0
    pieces = []
    for i, (start, end) in enumerate(pairwise(corners)):
        contrast = np.zeros(fit.coefficients.size)
        contrast[1 : i + 2] = 1.0  # the slope is the first slope plus all changes so far
        slope = float(contrast @ fit.coefficients)
        # Not below 0, although rounding may take it there where a step far away leaves the others no room.
        spread = max(float(contrast @ fit.inverse @ contrast), 0.0)
        z = _ratio(slope, math.sqrt(variance * spread), float(np.max(np.abs(y))))
        span = float(x[-1] - x[0])
        pieces.append(
            Segment(
                *(float(x[start]), float(x[end]), float(heights[i]) * unit, float(heights[i + 1]) * unit),
                *(slope * unit / span, _direction(z, free), z),
            )
        )
    return tuple(pieces)


def _ratio(slope: float, sd: float, size: float) -> float:
    """Slope over its standard deviation, where both may be zero; `size` is that of the values."""
    if sd > 0.0:
        return slope / sd
    return math.copysign(math.inf, slope) if abs(slope) > 1e-12 * size else math.nan


def _direction(z: float, free: int) -> Direction:
    """The word for this slope, at about the two-sided 5 % point of Student's t."""
    enough = 2.0 + 2.5 / free + 3.0 / free**2
    if z >= enough:
        return "rising"
    return "falling" if z <= -enough else "flat"
