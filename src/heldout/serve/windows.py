"""Windows of metrics as bytes: what still shows of a series of any length in a plot so many pixels wide.

An answer is, for each key in the order asked for, the number of its points as an unsigned 32-bit integer and four bytes
of nothing, then all its steps and then all its values as 64-bit floats, everything little-endian. What stands in a
window is the lowest and the highest value of each column of pixels, so that no spike is lost at any zoom.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heldout.charts.curve import reduce
from heldout.errors import UsageError
from heldout.run import Run
from heldout.stats.arrays import FloatArray
from heldout.stats.smoothing import local_linear

MOST_PIXELS = 4000
_MOST_KEYS = 32


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which window is wanted.

    Attributes
    ----------
    keys
        Metrics, or roles such as ``reward``.
    low, high
        First and last step.
    pixels
        How wide the plot is.
    smooth
        The window, in steps, of a line through all values; 0 for the values themselves.
    """

    keys: tuple[str, ...]
    low: float = -np.inf
    high: float = np.inf
    pixels: int = 1000
    smooth: float = 0.0


def packed(run: Run, wanted: Wanted) -> bytes:
    """Return a window as bytes; an UnknownMetric where a key is not there."""
    return b"".join(_series(*_points(run, key, wanted)) for key in wanted.keys)


def wanted_of(asked: Mapping[str, str], keys: tuple[str, ...]) -> Wanted:
    """Return the window that the query of an address asks for; a UsageError where that is not allowed."""
    if not 1 <= len(keys) <= _MOST_KEYS:
        raise UsageError(f"{len(keys)} keys were asked for; name 1 to {_MOST_KEYS}, each with key=.")
    pixels = number_of(asked, "px", 1000.0)
    if not 1 <= pixels <= MOST_PIXELS:
        raise UsageError(f"px is {pixels:g}; it must be from 1 to {MOST_PIXELS}.")
    low, high = range_of(asked)
    smooth = number_of(asked, "smooth", 0.0)
    if not 0.0 <= smooth < np.inf:
        raise UsageError(f"smooth is {smooth:g}; it must be a number of steps, 0 for none.")
    return Wanted(keys, low, high, int(pixels), smooth)


def range_of(asked: Mapping[str, str]) -> tuple[float, float]:
    """Return the first and the last step that an address asks for."""
    low, high = number_of(asked, "from", -np.inf), number_of(asked, "to", np.inf)
    if not low <= high:
        raise UsageError(f"from is {low:g} and to is {high:g}; from must not be above to.")
    return low, high


def number_of(asked: Mapping[str, str], name: str, otherwise: float) -> float:
    """Return a number in an address."""
    text = asked.get(name, "")
    try:
        found = float(text) if text else otherwise
    except ValueError:
        found = np.nan
    if np.isnan(found):
        raise UsageError(f"{name} is {text[:20]!r}; it must be a number.")
    return found


def _points(run: Run, key: str, wanted: Wanted) -> tuple[FloatArray, FloatArray]:
    series = run[key]
    step, value = series.step.astype(np.float64), series.value
    if wanted.smooth and len(series) > 1:
        low, high = max(wanted.low, step[0]), min(wanted.high, step[-1])
        at = np.linspace(low, max(low, high), min(wanted.pixels, 400))
        return at, np.asarray(local_linear(step, value, wanted.smooth, at=at), dtype=np.float64)
    inside = slice(*np.searchsorted(step, [wanted.low, np.nextafter(wanted.high, np.inf)]).tolist())
    return reduce(step[inside], value[inside], wanted.pixels)


def _series(step: FloatArray, value: FloatArray) -> bytes:
    return struct.pack("<I4x", step.size) + step.astype("<f8").tobytes() + value.astype("<f8").tobytes()
