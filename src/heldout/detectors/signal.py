"""What the detectors of training signals share: a beginning to compare with, bins of values, and a latch.

The first values of a run are its baseline; every later value comes in a bin of a few points and counts through the
bin's median, so that no single noisy point decides anything. Bins are counted off from the start of the run, not of
the block, so the findings do not depend on how the run is cut.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from heldout.detectors.base import Block, Points
from heldout.detectors.question import COUNT, Question, parameter
from heldout.findings import Finding

SIGMA_PER_MAD = 1.4826  # of normal values: standard deviation over median absolute deviation
_STRONGEST_AUTOCORRELATION = 0.9  # beyond it the formula for the error of a slope grows without bound
_FEWEST_FOR_SLOPE = 4
_MOST_DOUBLINGS = 20  # of the bins between two episodes; more than any run has
_REFRESH = 10  # points after which median and spread of the trailing window are taken anew
_LEAST_SIGMA = 0.15  # a value that hardly varies is not far away because it varies a little more
_FEWEST_USUAL = 20  # points before anything is judged by them


class Bin(NamedTuple):
    """Some points in a row: first and last step, median, smallest and largest value, and mean."""

    first: int
    last: int
    value: float
    low: float
    high: float
    mean: float


@dataclass(slots=True)
class Track:
    """One metric: its beginning, and the points that wait for their bin to be full."""

    start: int  # points in the beginning
    width: int  # points in a bin
    level: float = 0.0  # median of the beginning; 0 until that is complete
    noise: float = 0.0  # its median absolute deviation times 1.4826, likewise
    first: int = -1  # first step of the metric, -1 before
    begun: list[float] = field(default_factory=list)  # values of the beginning so far
    steps: list[int] = field(default_factory=list)  # what waits for its bin
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
                self.noise = SIGMA_PER_MAD * median([abs(one - self.level) for one in self.begun])
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
        means = rows.mean(axis=1).tolist()
        self.steps, self.values = self.steps[end:], self.values[end:]
        return list(map(Bin._make, zip(firsts, lasts, middles, lows, highs, means, strict=True)))


@dataclass(slots=True)
class Latch:
    """Says yes once per episode: after `patience` bins in a row that are on; again only after as many that are off.

    After each further episode it takes twice as many: what comes and goes all the time is told a few times only.
    """

    patience: int
    fired: bool = False  # whether an episode is going on
    episodes: int = 0  # so far
    count: int = 0  # bins in a row so far: on while waiting for an episode, off while in one
    since: int = -1  # first step of the bins that are on

    def update(self, first: int, on: bool, off: bool) -> bool:
        """Take in one bin (its first step, and whether it is on or off); return whether an episode begins here."""
        if self.fired:
            self.count = self.count + 1 if off else 0
            if self.count >= self.patience << min(self.episodes - 1, _MOST_DOUBLINGS):
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
        self.fired, self.count, self.episodes = True, 0, self.episodes + 1
        return True


@dataclass(slots=True)
class Usual:
    """What is usual of a positive value: median and robust spread of the logarithms of the last ones."""

    window: int  # points
    logs: deque[float] = field(init=False)
    middle: float = 0.0  # their median; 0 until enough are known
    sigma: float = math.inf  # their median absolute deviation times 1.4826, likewise
    fresh: int = 0  # points since these were taken

    def __post_init__(self) -> None:
        self.logs = deque(maxlen=self.window)

    def add(self, log: float) -> None:
        """Take in one logarithm more, and forget the one that is too old."""
        self.logs.append(log)
        self.fresh += 1
        if self.fresh == _REFRESH:
            self._refresh()

    def bound(self, factor: float, sigmas: float) -> float:
        """Return the logarithm above which a value is at least so many times the median, and as far in its noise."""
        return self.middle + max(sigmas * self.sigma, math.log(factor))

    def _refresh(self) -> None:
        self.fresh = 0
        if len(self.logs) < min(_FEWEST_USUAL, self.window):
            return
        ordered = sorted(self.logs)
        self.middle = median(ordered)
        at = bisect_left(ordered, self.middle)
        far = sorted([self.middle - one for one in ordered[:at]] + [one - self.middle for one in ordered[at:]])
        self.sigma = max(SIGMA_PER_MAD * median(far), _LEAST_SIGMA)


@dataclass(slots=True)
class Line:
    """The least squares line through the last bins."""

    most: int = 20  # bins
    steps: deque[float] = field(init=False)
    values: deque[float] = field(init=False)

    def __post_init__(self) -> None:
        self.steps, self.values = deque(maxlen=self.most), deque(maxlen=self.most)

    def add(self, step: int, value: float) -> None:
        """Take in one bin more, and forget the one that is too old."""
        self.steps.append(step)
        self.values.append(value)

    def rises(self, errors: float) -> bool:
        """Whether it rises by more than so many standard errors."""
        rise, error = slope(self.steps, self.values)
        return rise > max(errors * error, 0.0)

    def scatter(self) -> float:
        """Return the standard deviation of the values round the line; infinite where there are too few to tell."""
        if len(self.steps) < _FEWEST_FOR_SLOPE:
            return math.inf
        x, y = np.array(self.steps), np.array(self.values)
        x, y = x - x.mean(), y - y.mean()
        rest = y - float((x * y).sum()) / float((x * x).sum()) * x
        return math.sqrt(float((rest * rest).sum()) / (len(x) - 2))


@dataclass(eq=False, kw_only=True)
class Signal(Question):
    """A detector that looks at training signals only, and so never speaks of what the model can do."""

    caveat = "This is no evidence about what the model can do; only a held-out score is."


@dataclass(eq=False, kw_only=True)
class Binned(Signal):
    """A detector that looks at bins of points, each kind of finding once per episode; what it looks for is in `_look`.

    False alarms are given for 2000 simulated healthy runs of 200 to 1000 steps, as ``heldout bench signals`` measures
    them: flat, drifting or improving levels under autocorrelated noise (AR(1), coefficient 0.5 to 0.95).
    """

    beside: ClassVar[tuple[str, ...]] = ()  # metrics that it looks at too, where they are logged

    start: int = parameter(20, COUNT, "points that make the start")
    width: int = parameter(5, COUNT, "points in a bin")
    patience: int = parameter(3, COUNT, "bins in a row")

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        return self._looked(block.metrics)

    def _reset(self) -> None:
        self._tracks = {name: Track(self.start, self.width) for name in (*self.needs, *self.beside)}
        self._latches = {kind: Latch(self.patience) for kind in self.texts}

    def _looked(self, points: Mapping[str, Points]) -> list[Finding]:
        """Take in points; look at the bins that are now full."""
        return [finding for ended in ended_together(self._tracks, points) for finding in self._look(ended)]

    def _look(self, ended: Mapping[str, Bin]) -> Iterable[Finding]:
        """Return what is found in bins of several metrics that ended at the same step."""
        raise NotImplementedError

    def _begins(self, kind: str, one: Bin, on: bool, off: bool) -> tuple[int, int] | None:
        """Return the steps of an episode that begins with this bin, which is on, surely off, or between; else None.

        Off is always less than not on: noise that swings about a threshold makes one episode, not many.
        """
        latch = self._latches[kind]
        return (latch.since, one.last) if latch.update(one.first, on, off) else None


def ended_together(tracks: Mapping[str, Track], points: Mapping[str, Points]) -> list[dict[str, Bin]]:
    """Let each track take in its points; return the bins that are full: by last step, those of one step together."""
    together: dict[int, dict[str, Bin]] = {}
    for name, track in tracks.items():
        for one in track.update(points.get(name)):
            together.setdefault(one.last, {})[name] = one
    return [together[step] for step in sorted(together)]


def median(values: Sequence[float]) -> float:
    """Return the median of a short, non-empty list."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else 0.5 * (ordered[half - 1] + ordered[half])


def slope(step: Iterable[float], value: Iterable[float]) -> tuple[float, float]:
    """Return the slope of a least squares line and its standard error, widened for autocorrelated residuals."""
    x, y = np.array(list(step), dtype=np.float64), np.array(list(value), dtype=np.float64)
    if len(x) < _FEWEST_FOR_SLOPE:
        return 0.0, math.inf
    x, y = x - x.mean(), y - y.mean()
    square = float((x * x).sum())
    if square <= 0.0:
        return 0.0, math.inf
    rise = float((x * y).sum()) / square
    rest = y - rise * x
    power = float((rest * rest).sum())
    if power <= 0.0:
        return rise, 0.0
    together = float((rest[1:] * rest[:-1]).sum()) / power
    together = min(max(together, 0.0), _STRONGEST_AUTOCORRELATION)
    return rise, math.sqrt(power / (len(x) - 2) / square * (1.0 + together) / (1.0 - together))
