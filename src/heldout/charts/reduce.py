"""How little of a long series has to be drawn so that nothing that pixels can show is lost?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from tsdownsample import MinMaxDownsampler

from heldout.stats.arrays import FloatArray

QUANTILES = (5.0, 95.0)  # what the caption of a band calls 90 % of the values

_SAMPLER: Any = MinMaxDownsampler()  # type: ignore[no-untyped-call]


def reduce(step: npt.ArrayLike, value: npt.ArrayLike, pixels: int) -> tuple[FloatArray, FloatArray]:
    """Which points of a long series still show in a plot `pixels` wide?

    The lowest and the highest point of each pixel column, and the first and the last point of all: at most
    ``2 * pixels + 2``. Steps, shape (N,), increase with any spacing.
    """
    step, value = np.ascontiguousarray(step, dtype=np.float64), np.ascontiguousarray(value, dtype=np.float64)
    if step.size <= 2 * pixels + 2:
        return step, value
    kept = _SAMPLER.downsample(step, value, n_out=2 * pixels).astype(np.int64)
    kept = np.union1d(kept, (0, step.size - 1))
    return step[kept], value[kept]


def envelope(
    step: npt.ArrayLike, value: npt.ArrayLike, bins: int, quantiles: tuple[float, float] = QUANTILES
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Between which curves do most values of a noisy series lie? Mean step, low and high of each bin of steps.

    Bins are equally wide, and empty ones are left out; quantiles are in per cent, and (0, 100) gives the lowest and the
    highest value. Steps, shape (N,), increase with any spacing.
    """
    step, value = np.asarray(step, dtype=np.float64), np.asarray(value, dtype=np.float64)
    if step.size == 0:
        return step, value, value
    starts = _starts(step, bins)
    parts = [np.percentile(part, quantiles) for part in np.split(value, starts[1:])]
    counts = np.diff([*starts, step.size])
    low, high = np.asarray(parts, dtype=np.float64).T
    return np.add.reduceat(step, starts) / counts, low, high


def _starts(step: FloatArray, bins: int) -> npt.NDArray[np.int64]:
    """Return the index at which each bin begins that is not empty."""
    edges = np.linspace(step[0], step[-1], bins + 1)[:-1]
    return np.unique(np.searchsorted(step, edges, side="left")).astype(np.int64)
