"""Lines through a series whose noise is autocorrelated: how alike neighbouring values err, and the t values of a fit.

The noise is taken as AR(1). Its autocorrelation is read off what a fit leaves over, and corrected for what the fit took
away of it: of few values from those, of many from parts of the series on which a line is enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from heldout.stats.arrays import FloatArray, floats

LONG = 128  # values from which on their autocorrelation is taken from the values, not from the blocks
ROUNDING = 1e-9  # of the range of the values: a scatter below it is rounding, and no noise to compare with
_MOST_PHI = 0.99


def phi_of_blocks(value: FloatArray, mean: FloatArray) -> float:
    """How alike do neighbouring block means err: their autocorrelation, corrected for what a fit takes away of it?

    `value`: shape (N,), the series; `mean`: shape (B,), its means over blocks of nearly equal size, 64 of them where N
    is `LONG` or more. Returns a value from 0 to 0.99.

    What it cannot see: a level that wanders slowly, which counts as noise; a curve that no quadratic fits raises it.
    """
    count = mean.size
    if value.size >= LONG:
        return clipped(max(_carried_phi(value, count), _quarters_phi(mean)))
    phi = phi_of_residuals(left_over(quadratic(count), mean))
    if count <= 10:
        return clipped(phi + (3.0 + 4.0 * max(phi, 0.0)) / count)
    return clipped((phi + 3.0 / count) / (1.0 - 5.0 / count))


def phi_of_residuals(rest: FloatArray) -> float:
    """How alike do few neighbouring residuals, shape (B,), err? Their lag-one autocorrelation before any correction."""
    count = rest.size
    return _rooted(rest, (1, 2, 3), clear=count >= 24 and _rho(rest, (1,))[0] * math.sqrt(count) > 1.5)


def t_values(columns: FloatArray, mean: FloatArray, phi: float) -> tuple[FloatArray, FloatArray]:
    """What are the coefficients of a fit through AR(1) noise, and how many of their standard errors are they?

    `columns`: shape (B, c), what is fitted to `mean`, shape (B,); `phi`: the autocorrelation of its noise, below 1.
    Returns both, each of shape (c,). Errors are no smaller than rounding leaves them.

    Source: Prais, Winsten 1954, "Trend estimators and serial correlation", Cowles Commission 383.
    """
    both = np.column_stack([columns, mean])
    both[1:] -= phi * both[:-1].copy()
    both[0] *= math.sqrt(1.0 - phi * phi)
    white, y = both[:, :-1], both[:, -1]
    inverse = np.linalg.inv(white.T @ white)
    beta = inverse @ (white.T @ y)
    rest = y - white @ beta
    variance = max(float(rest @ rest) / (y.size - beta.size), (ROUNDING * float(np.ptp(mean))) ** 2)
    return beta, floats(beta / np.sqrt(variance * np.diag(inverse)))


def left_over(columns: FloatArray, mean: FloatArray) -> FloatArray:
    """What does the least-squares fit of `columns`, shape (B, c), leave over of `mean`, shape (B,)?"""
    base = np.linalg.qr(columns)[0]
    return floats(mean - base @ (base.T @ mean))


def quadratic(count: int) -> FloatArray:
    """The columns of a parabola through so many values: shape (count, 3)."""
    t = times(count)
    return np.stack([np.ones(count), t, t * t], axis=1)


def times(count: int) -> FloatArray:
    """Evenly spaced times from -1 to 1, shape (count,)."""
    return np.linspace(-1.0, 1.0, count)


def clipped(phi: float) -> float:
    """Keep an autocorrelation between 0 and 0.99, where a fit through such noise is defined."""
    return min(max(phi, 0.0), _MOST_PHI)


def _carried_phi(value: FloatArray, blocks: int) -> float:
    """Autocorrelation of block means as it follows from that of the values, as of an AR(1) process."""
    parts = min(max(value.size // 64, 2), 16)
    each = value.size // parts
    rest = _off_lines(value[: parts * each].reshape(parts, each))
    clear = _rho(rest, (1,))[0] * math.sqrt(value.size) > 2.0
    phi = clipped((_rooted(rest, (1, 2, 4, 8), clear) + 2.0 / each) / (1.0 - 4.0 / each))
    size = value.size / blocks
    kept = 1.0 - phi**size
    return phi * kept**2 / (size * (1.0 - phi * phi) - 2.0 * phi * kept) if phi > 0.0 else 0.0


def _quarters_phi(mean: FloatArray) -> float:
    """Autocorrelation of block means within the quarters of the series, where no trend bends."""
    rests = _off_lines(mean.reshape(4, -1))
    middle = float(np.median([_rho(rest, (1,))[0] for rest in rests]))
    return (middle + 2.0 / 16.0) / (1.0 - 4.0 / 16.0)


def _off_lines(rows: FloatArray) -> FloatArray:
    """What a line leaves over of each row."""
    t = times(rows.shape[1])
    centred = rows - rows.mean(axis=1, keepdims=True)
    return floats(centred - np.outer(centred @ t / (t @ t), t))


def _rho(rest: FloatArray, lags: Sequence[int]) -> list[float]:
    """Autocorrelations of residuals, each row pooled with the others."""
    power = float(np.sum(rest * rest))
    return [float(np.sum(rest[..., lag:] * rest[..., :-lag])) / power if power > 0.0 else 0.0 for lag in lags]


def _rooted(rest: FloatArray, lags: Sequence[int], clear: bool) -> float:
    """Lag-one autocorrelation; where it is `clear`, as large as further lags ask, which white noise on top hides."""
    rho = _rho(rest, lags)
    return max(rho[0], *(max(r, 0.0) ** (1.0 / lag) for r, lag in zip(rho, lags, strict=True))) if clear else rho[0]
