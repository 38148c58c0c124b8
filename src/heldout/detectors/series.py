"""What the detectors of single metrics share: a beginning to compare with, bins of values, and a latch.

The first values of a run are its baseline; every later value comes in a bin of a few points and counts through the
bin's median, so that no single noisy point decides anything. Bins are counted off from the start of the run, not of
the block, so the findings do not depend on how the run is cut.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from heldout.detectors.base import Block, Points

NO_EVIDENCE = "This is no evidence about what the model can do; only a held-out score is."

_SIGMA_PER_MAD = 1.4826
_STRONGEST_AUTOCORRELATION = 0.9


class Bin(NamedTuple):
    """Some points in a row: first and last step, median, smallest and largest value."""

    first: int
    last: int
    value: float
    low: float
    high: float


@dataclass(slots=True)
class Track:
    """One metric: its beginning, and the points that wait for their bin to be full.

    Attributes
    ----------
    start, width
        Points in the beginning, points in a bin.
    level, noise
        Median of the beginning, and its median absolute deviation times 1.4826; 0 until the beginning is complete.
    first
        First step of the metric, -1 before.
    begun
        Values of the beginning so far.
    steps, values
        What waits for its bin.
    """

    start: int
    width: int
    level: float = 0.0
    noise: float = 0.0
    first: int = -1
    begun: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def update(self, points: Points | None) -> list[Bin]:
        """Take in points, NaN left out; return the bins that are now full. The beginning is in none of them."""
        if points is None:
            return []
        finite = np.isfinite(points.value)
        step, value = points.step[finite].tolist(), points.value[finite].tolist()
        if step and self.first < 0:
            self.first = step[0]
        missing = self.start - len(self.begun)
        if missing > 0:
            self.begun += value[:missing]
            step, value = step[missing:], value[missing:]
            if len(self.begun) == self.start:
                self.level = median(self.begun)
                self.noise = _SIGMA_PER_MAD * median([abs(one - self.level) for one in self.begun])
        self.steps += step
        self.values += value
        return self._full_bins()

    def far_above(self, now: float, sigmas: float) -> bool:
        """Whether a level is as many times its start, in units of the relative noise there, on a log scale."""
        return now > 0.0 < self.level and math.log(now / self.level) > sigmas * self.noise / self.level

    def far_below(self, now: float, sigmas: float) -> bool:
        """Whether a level is as small a part of its start, likewise."""
        return self.level > 0.0 and (now <= 0.0 or math.log(self.level / now) > sigmas * self.noise / self.level)

    def _full_bins(self) -> list[Bin]:
        count = len(self.values) // self.width
        if not count:
            return []
        end = count * self.width
        rows = np.array(self.values[:end]).reshape(count, self.width)
        firsts, lasts = self.steps[: end : self.width], self.steps[self.width - 1 : end : self.width]
        middles, lows, highs = np.median(rows, axis=1).tolist(), rows.min(axis=1).tolist(), rows.max(axis=1).tolist()
        self.steps, self.values = self.steps[end:], self.values[end:]
        return list(map(Bin._make, zip(firsts, lasts, middles, lows, highs, strict=True)))


@dataclass(slots=True)
class Latch:
    """Says yes once per episode: after `patience` bins in a row that are on; again only after as many that are off.

    Attributes
    ----------
    patience
        Bins in a row.
    fired
        Whether an episode is going on.
    count
        Bins in a row so far: on while waiting for an episode, off while in one.
    since
        First step of the bins that are on.
    """

    patience: int
    fired: bool = False
    count: int = 0
    since: int = -1

    def update(self, first: int, on: bool, off: bool) -> bool:
        """Take in one bin (its first step, and whether it is on or off); return whether an episode begins here."""
        if self.fired:
            self.count = self.count + 1 if off else 0
            if self.count >= self.patience:
                self.fired, self.count = False, 0
            return False
        if not on:
            self.count = 0
            return False
        if not self.count:
            self.since = first
        self.count += 1
        if self.count < self.patience:
            return False
        self.fired, self.count = True, 0
        return True


class Remembering:
    """Tells its parameters in `repr`."""

    def __repr__(self) -> str:
        names = inspect.signature(type(self)).parameters
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def in_order(bins: Mapping[str, Sequence[Bin]]) -> list[tuple[int, dict[str, Bin]]]:
    """Put the bins of several metrics in order of their last steps; bins that end together come together."""
    together: dict[int, dict[str, Bin]] = {}
    for name, full in bins.items():
        for one in full:
            beside = together.get(one.last)
            if beside is None:
                together[one.last] = {name: one}
            else:
                beside[name] = one
    return sorted(together.items(), key=lambda item: item[0])


def ended_together(tracks: Mapping[str, Track], block: Block) -> list[dict[str, Bin]]:
    """Let each metric's track take in a block; return the bins that ended, by step and metric."""
    return [
        ended for _, ended in in_order({name: track.update(block.metrics.get(name)) for name, track in tracks.items()})
    ]


def median(values: Sequence[float]) -> float:
    """Return the median of a short, non-empty list."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else 0.5 * (ordered[half - 1] + ordered[half])


def remember(past: list[float], value: float, most: int) -> None:
    """Append to a list that keeps its last `most` values."""
    past.append(value)
    if len(past) > most:
        del past[0]


def slope(step: Sequence[float], value: Sequence[float]) -> tuple[float, float]:
    """Return the slope of a least squares line and its standard error, widened for autocorrelated residuals."""
    x, y = np.array(step, dtype=np.float64), np.array(value, dtype=np.float64)
    x, y = x - x.mean(), y - y.mean()
    square = float((x * x).sum())
    if len(x) < 4 or square <= 0.0:
        return 0.0, math.inf
    rise = float((x * y).sum()) / square
    rest = y - rise * x
    power = float((rest * rest).sum())
    if power <= 0.0:
        return rise, 0.0
    together = float((rest[1:] * rest[:-1]).sum()) / power
    together = min(max(together, 0.0), _STRONGEST_AUTOCORRELATION)
    return rise, math.sqrt(power / (len(x) - 2) / square * (1.0 + together) / (1.0 - together))


def at_least(name: str, value: float, smallest: float) -> None:
    """Raise ValueError unless ``value >= smallest`` and finite."""
    if not (value >= smallest and math.isfinite(value)):
        raise ValueError(f"{name} is {value}; it must be at least {smallest:g} and finite.")


def above(name: str, value: float, bound: float) -> None:
    """Raise ValueError unless ``value > bound`` and finite."""
    if not (value > bound and math.isfinite(value)):
        raise ValueError(f"{name} is {value}; it must be above {bound:g} and finite.")


def share_between(name: str, value: float) -> None:
    """Raise ValueError unless ``0 < value < 1``."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} is {value}; it must be between 0 and 1, both excluded.")


def counts(**values: int) -> None:
    """Raise ValueError unless all are whole numbers of at least 1."""
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1.")
