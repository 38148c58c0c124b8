"""One series and everything that is drawn of it: line, values behind it, bars, peak; as much as pixels can show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from tsdownsample import MinMaxDownsampler

from heldout.charts.abscissa import STEPS, Abscissa
from heldout.charts.spec import Axis, Band, Colour, Dash, Layer, Line, Marker, Points, Side, Text, shorten
from heldout.charts.ticks import short_number, spread_ticks, value_label, whole_multiples
from heldout.errors import ChartError
from heldout.run import Series
from heldout.stats.arrays import BoolArray, FloatArray, IntArray
from heldout.stats.levels import TWO_SIDED_95
from heldout.stats.smoothing import DENSE, block_means, gaps, local_linear, suggest_window

LINE_UNTIL = 2000  # points; a longer series stands as a band behind its smoothed line
MARKS = 14  # markers on a smoothed line at most

_SMOOTH_AT = 400  # steps at which a smoothed line is computed; finer than a plot of 16 cm shows
_BAND_BINS = 240
_SMOOTH_POINTS = 20_000  # means of blocks that a longer series is smoothed from, for time
_ENTRY = 40  # characters
QUANTILES = (5.0, 95.0)  # what the caption of a band calls 90 % of the values

_SAMPLER: Any = MinMaxDownsampler()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Look:
    """How one series is called and drawn."""

    name: str
    entry: str
    unit: str
    side: Side
    colour: Colour
    marker: Marker
    dash: Dash
    share: bool = False  # whether its values are shares of 1
    chosen: bool = False  # whether a person chose the words: those are not cut short


@dataclass(frozen=True)
class DrawnCurve:
    """One series and everything that is drawn of it."""

    series: Series
    look: Look
    asked_window: float | None = None
    interval: tuple[FloatArray, FloatArray] | None = None  # both ends of a band that belongs to every value
    traces: tuple[FloatArray, ...] = ()  # further curves at the same steps, which stand faintly behind
    skipped: int = 0  # steps that some of several runs have and others have not
    summary: str = ""  # what the curve is of several runs, for the legend
    abscissa: Abscissa = STEPS
    view: tuple[float, float] | None = None  # between what the x axis is seen; all of it if None
    raw: bool = True  # whether the values of a dense series stand behind it

    def __post_init__(self) -> None:
        if len(self.series) == 0:
            raise ChartError(f"{self.series.name} has no finite value to draw; choose another metric.")
        first, last = (self.step[0], self.step[-1]) if self.step.size else (np.nan, np.nan)
        if not self.step.size or (not self._seen(np.array([first, last])).any() and not self._surrounds(first, last)):
            raise ChartError(self._out_of_view(first, last))

    def _surrounds(self, first: float, last: float) -> bool:
        return self.view is not None and first <= self.view[0] and last >= self.view[1]

    def _out_of_view(self, first: float, last: float) -> str:
        name, axis = self.series.name, self.abscissa.label
        if not self.step.size:
            return f"{name} has no value at which the axis {axis!r} is known; choose another axis or metric."
        low, high = self.view or (first, last)
        return f"{name} goes from {first:g} to {last:g} on the axis {axis!r}, and {low:g} to {high:g} is asked for."

    def _seen(self, x: FloatArray) -> BoolArray:
        low, high = self.view or (-np.inf, np.inf)
        return (x >= low) & (x <= high)

    @cached_property
    def _order(self) -> IntArray:
        """Which values are drawn, from left to right."""
        x = self.abscissa.at(self.series.step)
        order = np.argsort(x, kind="stable")
        return order[np.isfinite(x[order])]

    @cached_property
    def step(self) -> FloatArray:
        """Where each value stands on the x axis."""
        return self.abscissa.at(self.series.step)[self._order]

    @cached_property
    def value(self) -> FloatArray:
        return np.asarray(self.series.value, dtype=np.float64)[self._order]

    @property
    def left_out(self) -> int:
        """How many values have no place on the x axis."""
        return len(self.series) - self.step.size

    @property
    def dense(self) -> bool:
        """Whether the values are noise with a curve in it, which is what is drawn."""
        return self.step.size >= DENSE and self.interval is None and self.asked_window != 0.0

    @cached_property
    def window(self) -> float:
        return self.asked_window or suggest_window(*self._distinct)

    @cached_property
    def _distinct(self) -> tuple[FloatArray, FloatArray]:
        """The values with those that stand at one place as their mean."""
        if self.abscissa.whole:
            return self.step, self.value
        x, of, count = np.unique(self.step, return_inverse=True, return_counts=True)
        return x, np.bincount(of, self.value) / count

    @cached_property
    def marked(self) -> tuple[float, ...]:
        low, high = self._ends
        return whole_multiples(low, high, MARKS) if self.abscissa.whole else spread_ticks(low, high, MARKS)

    @property
    def _ends(self) -> tuple[float, float]:
        """Between what the curve is drawn."""
        low, high = self.view or (-np.inf, np.inf)
        return max(float(self.step[0]), low), min(float(self.step[-1]), high)

    @cached_property
    def line(self) -> tuple[FloatArray, FloatArray]:
        """The curve itself: smoothed if the series is dense, each piece between two gaps on its own."""
        if not self.dense:
            return self.step, self.value
        pieces = [self._smoothed(piece) for piece in self._pieces]
        return np.concatenate([step for step, _ in pieces]), np.concatenate([value for _, value in pieces])

    @cached_property
    def breaks(self) -> tuple[float, ...]:
        """The middle of each gap: where nothing was logged for longer than the window, a line would say what is not
        known.
        """
        if not self.dense:
            return ()
        step, _ = self._distinct
        last = gaps(step, self.window)
        return tuple((0.5 * (step[last] + step[last + 1])).tolist())

    @property
    def _pieces(self) -> list[slice]:
        step, _ = self._distinct
        edges = [0, *np.searchsorted(step, self.breaks).tolist(), len(step)]
        return [slice(first, last) for first, last in pairwise(edges)]

    def _smoothed(self, piece: slice) -> tuple[FloatArray, FloatArray]:
        """Smooth a piece from all of its values, and return of it what is seen."""
        x, y = self._distinct
        step, value, _ = block_means(x[piece], y[piece], _SMOOTH_POINTS)
        low, high = max(step[0], self._ends[0]), min(step[-1], self._ends[1])
        if low > high:
            return np.empty(0), np.empty(0)
        inner = step[(step >= low) & (step <= high)]
        even = inner if inner.size <= _SMOOTH_AT else self._evenly(low, high)
        inside = [mark for mark in self.marked if low <= mark <= high]
        at = np.union1d(even, np.clip([*inside, low, high], low, high))
        line = local_linear(step, value, self.window, at=at)
        return at, np.clip(line, value.min(), value.max())  # a straight line at an end may leave the values

    def _evenly(self, low: float, high: float) -> FloatArray:
        """Return places that are equally far apart on the x axis."""
        return (np.geomspace if self.abscissa.log else np.linspace)(low, high, _SMOOTH_AT)

    @cached_property
    def ends(self) -> tuple[FloatArray, FloatArray] | None:
        """Both ends of the 95 % bars, or of the band; those of a share end at nothing and at all."""
        if self.interval is not None:
            low, high = self.interval
            return low[self._order], high[self._order]
        spread = self.series.spread
        if spread is None or self.dense or not np.isfinite(spread).any():
            return None
        half = TWO_SIDED_95 * np.nan_to_num(np.asarray(spread, dtype=np.float64)[self._order], posinf=0.0)
        lowest, highest = self._possible()
        return np.maximum(self.value - half, lowest), np.minimum(self.value + half, highest)

    def _possible(self) -> tuple[float, float]:
        """Between which numbers can values lie, as far as they show it?"""
        low, high = float(self.value.min()), float(self.value.max())
        whole = 100.0 if "%" in self.look.unit else 1.0
        return (0.0 if low >= 0.0 else -np.inf), (whole if low >= 0.0 and high <= whole else np.inf)

    @property
    def core(self) -> tuple[float, float]:
        """What must be in view: the curve and its bars; of a band that would flatten the curves, as much as they."""
        step, value = self.line
        low, high = self._range(step, value, *(one[self._order] for one in self.traces))
        if self.ends is None:
            return low, high
        bottom, top = self._range(self.step, *self.ends)
        reach = (high - low) or abs(high) or 1.0
        return (max(bottom, low - reach), min(top, high + reach)) if self.traces else (bottom, top)

    def _range(self, step: FloatArray, *curves: FloatArray) -> tuple[float, float]:
        """Return the lowest and the highest value that is seen, also where a line enters and leaves the plot."""
        ends = self._ends
        seen = [np.concatenate([one[self._seen(step)], np.interp(ends, step, one)]) for one in curves]
        return float(np.min(seen)), float(np.max(seen))

    @property
    def extent(self) -> tuple[float, float]:
        """What the ticks cover: the curve, and all but the outermost of the values behind it."""
        low, high = self.core
        _, value = self.shown
        if self.dense and self.raw and value.size:
            outer = np.percentile(value, QUANTILES)
            return min(low, float(outer[0])), max(high, float(outer[1]))
        return low, high

    @cached_property
    def shown(self) -> tuple[FloatArray, FloatArray]:
        """The values that are in view: where they stand, and what they are."""
        seen = self._seen(self.step)
        return self.step[seen], self.value[seen]

    @property
    def entry(self) -> str:
        """What the legend says."""
        smoothed = f"local-linear over {self.wide}" if self.dense else ""
        return ", ".join(filter(None, (self._name, self.summary, smoothed)))

    @property
    def _name(self) -> str:
        return self.look.entry if self.look.chosen else shorten(self.look.entry, _ENTRY)

    @property
    def wide(self) -> str:
        """The smoothing window with its unit."""
        size = self.window if self.abscissa.whole else float(f"{self.window:.3g}")
        return f"{short_number(size)} {self.abscissa.width}"

    @property
    def peak(self) -> tuple[float, float] | None:
        """Where the curve is highest in view; None if it is flat."""
        step, value = self.line
        value = value[self._seen(step)]
        if not value.size or np.ptp(value) <= 1e-12 * abs(value.max()):
            return None
        top = int(np.argmax(value))
        return float(step[self._seen(step)][top]), float(value[top])

    def behind(self) -> Iterator[Layer]:
        """Draw the values of a dense series, or the band and the single curves of one that has them."""
        look = self.look
        if self.interval is not None and self.ends is not None:
            low, high = self.ends
            wide = high > low  # where all seeds have one value, a band of no width would say that nothing is unsure
            if wide.any():
                yield Band(look.side, self.step[wide], low[wide], high[wide], colour=look.colour, alpha=0.15)
            faint: dict[str, Any] = {"width": 0.45, "alpha": 0.45, "raw": True}
            yield from (
                Line(look.side, self.step, one[self._order], colour=look.colour, **faint) for one in self.traces
            )
        elif self.dense and self.raw:
            yield self._cloud()

    def _cloud(self) -> Layer:
        """Draw the values behind a smoothed line: as a line, or as a band where there are too many."""
        look, (step, value) = self.look, self.shown
        if step.size > LINE_UNTIL:
            words: dict[str, Any] = {"colour": look.colour, "breaks": self._seen_breaks, "of": (step, value)}
            at, low, high = envelope(np.log(step) if self.abscissa.log else step, value, _BAND_BINS)
            return Band(look.side, np.exp(at) if self.abscissa.log else at, low, high, **words)
        faint: dict[str, Any] = {"width": 0.4, "alpha": 0.3, "raw": True, "breaks": self._seen_breaks}
        return Line(look.side, step, value, colour=look.colour, **faint)

    @property
    def _seen_breaks(self) -> tuple[float, ...]:
        """The gaps that are in view."""
        low, high = self._ends
        return tuple(step for step in self.breaks if low < step < high)

    def beyond(self, axis: Axis) -> Iterator[Layer]:
        """Mark at the frame where single values of a dense series lie outside of it."""
        step, value = self.shown
        if not self.dense or not self.raw or step.size > LINE_UNTIL:
            return
        low, high = axis.limits
        look = self.look
        for out, edge, marker in ((value > high, high, Marker.ABOVE), (value < low, low, Marker.BELOW)):
            if out.any():
                at = np.full(int(out.sum()), edge)
                yield Points(look.side, step[out], at, colour=look.colour, marker=marker, size=0.6, alpha=0.5)

    def bars(self) -> Layer | None:
        """Draw the bars of a sparse series."""
        look = self.look
        if self.ends is None or self.interval is not None:
            return None
        return Points(look.side, self.step, self.value, *self.ends, colour=look.colour, marker=Marker.NONE, alpha=0.6)

    def curve(self) -> Layer:
        """Draw the curve."""
        look, (step, value) = self.look, self.line
        many = self.step.size >= DENSE
        marked = tuple(mark for mark in self.marked if self._known(mark)) if many else None
        words: dict[str, Any] = {"marked": marked, "breaks": self._seen_breaks}
        return Line(look.side, step, value, self.entry, look.colour, look.dash, look.marker, **words)

    def _known(self, step: float) -> bool:
        at, _ = self._distinct
        return any(at[piece][0] <= step <= at[piece][-1] for piece in self._pieces)

    def peak_mark(self) -> Layer | None:
        """Draw a ring around the highest point."""
        if self.peak is None:
            return None
        step, value = ([number] for number in self.peak)
        return Points(self.look.side, step, value, colour=self.look.colour, marker=Marker.RING)  # type: ignore[arg-type]

    def peak_text(self, axis: Axis) -> Layer | None:
        """Write the highest value."""
        if self.peak is None:
            return None
        text = value_label(self.peak[1], axis.ticks, "%" if "%" in axis.unit else "")
        return Text(self.look.side, *self.peak, text, self.look.colour)


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


def broken(step: FloatArray, *values: FloatArray, breaks: tuple[float, ...]) -> tuple[FloatArray, ...]:
    """Where does a curve stop and go on? The steps and values with a NaN at each break."""
    at = np.searchsorted(step, breaks)
    return np.insert(step, at, breaks), *(np.insert(value, at, np.nan) for value in values)


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
