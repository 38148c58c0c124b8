"""Which peaks and troughs of a curve stand out?

`scipy.signal.find_peaks` gives the same peaks and prominences, and is what the tests compare with; scipy.signal takes
nearly two seconds to import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.smoothing import block_means

Kind = Literal["peak", "trough"]

MOST_POINTS = 2000


@dataclass(frozen=True, slots=True)
class Peak:
    """One peak or trough."""

    step: float
    value: float  # of the curve there
    prominence: (
        float  # how far it is down from a peak (up from a trough) to where a higher (lower) one, or the end, begins
    )
    z: float  # prominence over the standard deviation of that difference
    kind: Kind


def peaks(
    step: FloatArray, value: FloatArray, difference_sd: FloatArray | float, least: float = 2.0
) -> tuple[Peak, ...]:
    """Which turns of this curve are larger than its uncertainty?

    `step`: shape (N,), strictly increasing. A curve of more than 2000 points is averaged into 2000 blocks. `value`:
    shape (N,): a smoothed curve or a posterior mean, not raw noise. `difference_sd`: standard deviation of the
    difference between two points of the curve: one number, or shape (N, N) as from
    `heldout.stats.gp.GPPosterior.difference_sd`, with N at most 2000. `least`: smallest z that is returned.
    Returns them in order of step. A flat top counts once, at its middle. The two ends are never peaks.
    Raises ValueError if `difference_sd` is a matrix of another shape, or for more than 2000 points.

    Exploratory: z is the ratio for this one turn, although many were looked at. What it cannot see: a rise at the very
    end, which may become a peak, is not one yet.
    """
    step, value, sd = floats(step), floats(value), floats(difference_sd)
    if sd.ndim and sd.shape != (value.size, value.size):
        raise ValueError(f"difference_sd has shape {sd.shape}; for {value.size} points it must be a number or square.")
    if sd.ndim and value.size > MOST_POINTS:
        raise ValueError(f"A matrix for {value.size} points is not supported; average to {MOST_POINTS} or fewer.")
    step, value, _ = block_means(step, value, MOST_POINTS)
    found = [*_turns(step, value, sd, "peak"), *_turns(step, -value, sd, "trough")]
    return tuple(sorted((peak for peak in found if peak.z >= least), key=lambda peak: peak.step))


def _turns(step: FloatArray, value: FloatArray, sd: FloatArray, kind: Kind) -> list[Peak]:
    """The peaks of `value`, which is the negative curve for troughs."""
    sign = 1.0 if kind == "peak" else -1.0
    found = []
    for top in local_maxima(value).tolist():
        height, foot = prominence(value, top)
        spread = float(sd[top, foot]) if sd.ndim else float(sd)
        z = height / spread if spread > 0.0 else np.inf
        found.append(Peak(float(step[top]), sign * float(value[top]), height, z, kind))
    return found


def local_maxima(value: FloatArray) -> IntArray:
    """Where is the curve higher than on both sides?

    Returns indices into `value`, shape (N,): the middle one (rounded down) of a flat top. Never the first or the last.
    """
    if value.size < 3:
        return np.empty(0, dtype=np.int64)
    start = np.concatenate([[0], np.flatnonzero(np.diff(value)) + 1])  # of each run of equal values
    end = np.concatenate([start[1:], [value.size]]) - 1
    height = value[start]
    top = np.flatnonzero((height[1:-1] > height[:-2]) & (height[1:-1] > height[2:])) + 1
    return np.asarray((start[top] + end[top]) // 2, dtype=np.int64)


def prominence(value: FloatArray, top: int) -> tuple[float, int]:
    """How far does this peak rise above the ground around it, and where is that ground?

    `value` has shape (N,), and `top` is the index of a local maximum.
    Returns the prominence, and the index of the foot: the higher one of the lowest points on either side, each side
    reaching to the next higher value or to the end.
    """
    higher = np.flatnonzero(value > value[top])
    place = int(np.searchsorted(higher, top))
    low = int(higher[place - 1]) + 1 if place > 0 else 0
    high = int(higher[place]) if place < higher.size else value.size
    left = low + int(np.argmin(value[low : top + 1]))
    right = top + int(np.argmin(value[top:high]))
    foot = left if value[left] >= value[right] else right
    return float(value[top] - value[foot]), foot
