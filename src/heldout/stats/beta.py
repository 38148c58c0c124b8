"""The beta distribution: how likely is a share below a value, and below which value is it with a probability?

Own code, because importing scipy.special costs a third of a second; tested against it.
"""

from __future__ import annotations

import math

_TINY, _PRECISE = 1e-300, 1e-15
_MOST_TERMS = 10_000  # of the continued fraction; it needs about the square root of a + b
_LARGE = 20.0  # from here on Stirling's series is as good as a double
_HALVINGS = 80  # of the interval from 0 to 1: beyond the precision of a double


def beta_cdf(x: float, a: float, b: float) -> float:
    """How likely does a value of Beta(a, b) lie below `x`?

    `x` is within [0, 1], `a` and `b` are above 0.

    Source: Press et al. 2007, "Numerical recipes", section 6.4 (continued fraction of Lentz).

    >>> round(beta_cdf(0.5, 2.0, 3.0), 6)
    0.6875
    """
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    return beta_below(x, 1.0 - x, a, b)


def beta_below(x: float, rest: float, a: float, b: float) -> float:
    """How likely does a value of Beta(a, b) lie below `x`, which is within (0, 1) and ``1 - rest``?

    With the rest given, an `x` that is so near 1 that 1 - x has few digits left loses none of them.
    """
    front = math.exp(a * _log(x, rest) + b * _log(rest, x) - log_beta(a, b))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(rest, b, a) / b


def log_beta(a: float, b: float) -> float:
    """What is the logarithm of the beta function of `a` and `b`, both above 0?

    Where one of them is large the difference of two logarithms of the gamma function, which would cancel, is taken from
    their asymptotic series.
    """
    small, large = min(a, b), max(a, b)
    return math.lgamma(small) - _log_gamma_ratio(large, small)


def _log_gamma_ratio(a: float, add: float) -> float:
    """``lgamma(a + add) - lgamma(a)``."""
    if a < _LARGE:
        return math.lgamma(a + add) - math.lgamma(a)
    moved = (a - 0.5) * math.log1p(add / a) + add * math.log(a + add) - add
    return moved + _stirling(a + add) - _stirling(a)


def _stirling(a: float) -> float:
    """What Stirling's formula leaves of the logarithm of the gamma function, right to 1e-17 from 20 on."""
    square, total = 1.0 / a**2, 0.0
    for term in (1.0 / 1188.0, -1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0):
        total = total * square + term
    return total / a


def _log(x: float, rest: float) -> float:
    """The logarithm of `x`, which is ``1 - rest``, by whichever of the two has more digits."""
    return math.log1p(-rest) if rest < 0.5 else math.log(x)


def beta_quantile(p: float, a: float, b: float) -> float:
    """Below which value does a value of Beta(a, b) lie with probability `p`?

    `p` is within [0, 1], `a` and `b` are above 0.

    >>> round(beta_quantile(0.975, 1.0, 6.0), 6)  # none of six
    0.459258
    """
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if beta_cdf(middle, a, b) < p else (low, middle)
    return 0.5 * (low + high)


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function."""
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        before = value
        for term in (even, odd):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            value *= c * d
        if abs(value - before) <= _PRECISE * abs(value):
            break
    return value


def _away(value: float) -> float:
    """Keep a denominator away from zero."""
    return value if abs(value) > _TINY else _TINY
