"""What the detectors of training signals share: a beginning to compare with, bins of values, and a latch.

The first values of a run are its baseline; every later value comes in a bin of a few points and counts through the
bin's median, so that no single noisy point decides anything. Bins are counted off from the start of the run, not of
the block, so the findings do not depend on how the run is cut.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from heldout.detectors.base import Block, Points
from heldout.detectors.question import COUNT, Question, parameter
from heldout.findings import Finding
from heldout.run import NO_STEPS
from heldout.stats.arrays import BoolArray, FloatArray, IntArray, floats

SIGMA_PER_MAD = 1.4826  # of normal values: standard deviation over median absolute deviation
_STRONGEST_AUTOCORRELATION = 0.9  # beyond it the formula for the error of a slope grows without bound
_FEWEST_FOR_SLOPE = 4
_MOST_DOUBLINGS = 20  # of the bins between two episodes; more than any run has
_REFRESH = 10  # points after which median and spread of the trailing window are taken anew
_LEAST_SIGMA = 0.15  # a value that hardly varies is not far away because it varies a little more
_FEWEST_USUAL = 20  # points before anything is judged by them
_MOST_AT_ONCE = 4096  # trailing windows that are looked at together


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Bins of some points in a row each; all of shape (N,)."""

    first: IntArray  # their first steps
    last: IntArray  # their last steps, increasing
    value: FloatArray  # their medians
    low: FloatArray  # their smallest values
    high: FloatArray  # their largest values
    mean: FloatArray

    def __len__(self) -> int:
        return len(self.last)

    def only(self, places: IntArray) -> Bins:
        """Return some of them."""
        return Bins(*(getattr(self, one)[places] for one in self.__slots__))


_NO_BINS = Bins(NO_STEPS, NO_STEPS, *[np.empty(0)] * 4)


class Ended(Protocol):
    """What has a first and a last step, many times; both of shape (N,)."""

    @property
    def first(self) -> IntArray:
        """First steps."""

    @property
    def last(self) -> IntArray:
        """Last steps, increasing."""


@dataclass(slots=True)
class Track:
    """One metric: its beginning, and the points that wait for their bin to be full."""

    start: int  # points in the beginning
    width: int  # points in a bin
    level: float = 0.0  # median of the beginning; 0 until that is complete
    noise: float = 0.0  # its median absolute deviation times 1.4826, likewise
    first: int = -1  # first step of the metric, -1 before
    begun: list[float] = field(default_factory=list)  # values of the beginning so far
    waiting: list[Points] = field(default_factory=list)  # for their bin
    count: int = 0  # points that wait

    def update(self, points: Points | None) -> Bins:
        """Take in points, NaN left out; return the bins that are now full. The beginning is in none of them."""
        if points is None:
            return _NO_BINS
        step, value, finite = points.step, points.value, np.isfinite(points.value)
        if np.count_nonzero(finite) < len(finite):
            step, value = step[finite], value[finite]
        if len(step) and self.first < 0:
            self.first = int(step[0])
        missing = self.start - len(self.begun)
        if missing > 0:
            self.begun += value[:missing].tolist()
            step, value = step[missing:], value[missing:]
            if len(self.begun) == self.start:
                self.level = median(self.begun)
                self.noise = SIGMA_PER_MAD * median([abs(one - self.level) for one in self.begun])
        self.waiting.append(Points(step, value))
        self.count += len(step)
        return self._full_bins() if self.count >= self.width else _NO_BINS

    def far_above(self, now: FloatArray, sigmas: float) -> BoolArray:
        """Whether levels are as many times their start, in units of the relative noise there, on a log scale."""
        if not self.level > 0.0:
            return np.zeros(np.shape(now), dtype=bool)
        return np.log(np.where(now > 0.0, now, self.level) / self.level) > sigmas * self.noise / self.level

    def far_below(self, now: FloatArray, sigmas: float) -> BoolArray:
        """Whether levels are as small a part of their start, likewise."""
        if not self.level > 0.0:
            return np.zeros(np.shape(now), dtype=bool)
        return far_below(now, self.level, sigmas * self.noise / self.level)

    def _full_bins(self) -> Bins:
        step, value = (np.concatenate([getattr(one, what) for one in self.waiting]) for what in ("step", "value"))
        count = len(value) // self.width
        end = count * self.width
        self.waiting, self.count = [Points(step[end:].copy(), value[end:].copy())], len(value) - end
        steps, rows = step[:end].reshape(count, self.width), value[:end].reshape(count, self.width)
        ordered = np.sort(rows, axis=1)
        return Bins(steps[:, 0], steps[:, -1], middle_of(ordered), ordered[:, 0], ordered[:, -1], rows.mean(axis=1))


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

    def update_all(
        self, first: IntArray, on: BoolArray, off: BoolArray, sure: Callable[[int], bool] = lambda place: True
    ) -> Episodes:
        """Take in many bins, as `update` does one after the other; those that change nothing are passed over.

        Parameters
        ----------
        first
            First step of each.
        on, off
            Whether it is on, or off.
        sure
            Asked of one that is on, by its place, where that would count: whether it really is. For what is costly.
        """
        begins, fired = list[tuple[int, int]](), np.zeros(len(first), dtype=bool)
        if not self.fired and not np.count_nonzero(on):
            self.count = 0 if len(first) else self.count
            return Episodes(begins, fired)
        turns = {False: np.flatnonzero(on).tolist(), True: np.flatnonzero(off).tolist()}
        at = 0
        while at < len(first):
            places = turns[self.fired]
            here = bisect_left(places, at)
            place = places[here] if here < len(places) else len(first)
            fired[at:place] = self.fired
            self.count = 0 if place > at else self.count
            if place < len(first):
                counts = self.fired or sure(place)
                if self.update(int(first[place]), bool(on[place]) and counts, bool(off[place])):
                    begins.append((place, self.since))
                fired[place] = self.fired
            at = place + 1
        return Episodes(begins, fired)


class Episodes(NamedTuple):
    """The episodes that begin in some bins."""

    begins: list[tuple[int, int]]  # the place of the bin in which each does, and the step since when bins were on
    fired: BoolArray  # whether one goes on after each bin, shape (N,)


@dataclass(slots=True)
class Usual:
    """What is usual of a positive value: median and robust spread of the logarithms of the last ones."""

    window: int  # points
    logs: FloatArray = field(default_factory=lambda: np.empty(0))  # the last ones
    middle: float = 0.0  # their median; 0 until enough are known
    sigma: float = math.inf  # their median absolute deviation times 1.4826, likewise
    fresh: int = 0  # points since these were taken

    def bounds(self, logs: FloatArray, factor: float, sigmas: float) -> tuple[FloatArray, FloatArray]:
        """Take in more logarithms, shape (N,); return the median before each, and above what it would be surprising.

        That is at least so many times the median, and as far in the usual noise.
        """
        every, known = np.concatenate([self.logs, logs]), len(self.logs)
        floor = math.log(factor)
        if self.fresh + len(logs) < _REFRESH:  # all are held against the same
            self.fresh, self.logs = self.fresh + len(logs), every[-self.window :].copy()
            middles = np.full(len(logs), self.middle)
            return middles, middles + max(sigmas * self.sigma, floor)
        ends = np.arange(_REFRESH - self.fresh, len(logs) + 1, _REFRESH)
        ends = ends[known + ends >= min(_FEWEST_USUAL, self.window)]
        taken = map(_usual, in_order_before(every, known + ends, self.window))
        found = np.concatenate([[[self.middle], [self.sigma]], *taken], axis=1)
        self.middle, self.sigma = found[:, -1].tolist()
        self.fresh, self.logs = (self.fresh + len(logs)) % _REFRESH, every[-self.window :].copy()
        middles, spreads = found[:, np.searchsorted(ends, np.arange(len(logs)), side="right")]
        return middles, middles + np.maximum(sigmas * spreads, floor)


def _usual(ordered: FloatArray) -> FloatArray:
    """Return median and robust spread of each row, shape (2, N); its values are in order."""
    middle = middle_of(ordered)
    far = middle_of(np.sort(np.abs(ordered - middle[:, None]), axis=1))
    return np.stack([middle, np.maximum(SIGMA_PER_MAD * far, _LEAST_SIGMA)])


@dataclass(slots=True)
class Line:
    """The last bins of one metric, up to any of them, and the least squares line through those."""

    most: int = 20  # bins
    steps: IntArray = field(default_factory=lambda: NO_STEPS)
    values: FloatArray = field(default_factory=lambda: np.empty(0))

    def add(self, steps: IntArray, values: FloatArray) -> None:
        """Take in more bins, and forget those that are too old to be asked for."""
        self.steps = np.concatenate([self.steps[-self.most :], steps])
        self.values = np.concatenate([self.values[-self.most :], values])

    def until(self, step: float) -> tuple[IntArray, FloatArray]:
        """Return the last bins up to a step: steps and values."""
        end = int(np.searchsorted(self.steps, step, side="right"))
        last = slice(max(end - self.most, 0), end)
        return self.steps[last], self.values[last]

    def rises(self, step: float, errors: float) -> bool:
        """Whether it rises up to a step by more than so many standard errors."""
        rise, error = slope(*self.until(step))
        return rise > max(errors * error, 0.0)

    def scatter(self, step: float) -> float:
        """Return the standard deviation of the values up to a step round the line; infinite where there are too few."""
        x, y = self.until(step)
        if len(x) < _FEWEST_FOR_SLOPE:
            return math.inf
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
        full = {name: track.update(points.get(name)) for name, track in self._tracks.items()}
        full = {name: bins for name, bins in full.items() if len(bins)}
        return sorted(self._look(full), key=lambda finding: finding.step) if full else []

    def _look(self, full: Mapping[str, Bins]) -> Iterable[Finding]:
        """Return what is found in bins of one or more metrics, each kind in order of steps."""
        raise NotImplementedError

    def _begins(
        self, kind: str, bins: Ended, on: BoolArray, off: BoolArray, sure: Callable[[int], bool] = lambda place: True
    ) -> list[tuple[int, tuple[int, int]]]:
        """Return the places of the bins in which an episode begins, each with the steps of what is on there.

        Bins are on, surely off, or between. Off is always less than not on: noise that swings about a threshold makes
        one episode, not many. Without `sure` of a place it is not on; see `Latch.update_all`.
        """
        begins = self._latches[kind].update_all(bins.first, on, off, sure).begins
        return [(place, (since, int(bins.last[place]))) for place, since in begins]


def far_below(now: FloatArray, level: float, by: float) -> BoolArray:
    """Whether values lie below a level, which is above 0, by more than so much on a log scale."""
    return (now <= 0.0) | (np.log(level / np.where(now > 0.0, now, level)) > by)


def median(values: Sequence[float]) -> float:
    """Return the median of a short, non-empty list."""
    return float(middle_of(np.sort(np.array([values], dtype=np.float64), axis=1))[0])


def middle_of(ordered: FloatArray) -> FloatArray:
    """Return the median of each row of values that are in order, shape (N, n) with n at least 1."""
    half = ordered.shape[1] // 2
    return ordered[:, half] if ordered.shape[1] % 2 else 0.5 * (ordered[:, half - 1] + ordered[:, half])


def in_order_before(values: FloatArray, ends: IntArray, window: int) -> Iterator[FloatArray]:
    """Yield the last values before each of some places, which increase, in order of size: rows of shape (n, window).

    Where there are fewer than `window`, rows come one by one. Of very many only some are in memory at once.
    """
    short = int(np.searchsorted(ends, window))
    yield from (np.sort(values[None, :end], axis=1) for end in ends[:short].tolist())
    if short < len(ends):
        windows = sliding_window_view(values, window)
        for some in np.array_split(ends[short:], -(-len(ends) // _MOST_AT_ONCE)):
            yield np.sort(windows[some - window], axis=1)


def slope(step: npt.ArrayLike, value: npt.ArrayLike) -> tuple[float, float]:
    """Return the slope of a least squares line and its standard error, widened for autocorrelated residuals."""
    x, y = floats(step), floats(value)
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
