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

from heldout.charts.spec import Axis, Band, Colour, Dash, Layer, Line, Marker, Points, Side, Text, shorten
from heldout.charts.ticks import short_number, value_label, whole_multiples
from heldout.errors import ChartError
from heldout.run import Series
from heldout.stats.arrays import FloatArray
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


@dataclass(frozen=True)
class DrawnCurve:
    """One series and everything that is drawn of it."""

    series: Series
    look: Look
    asked_window: float | None
    interval: tuple[FloatArray, FloatArray] | None = None  # both ends of a band that belongs to every value

    def __post_init__(self) -> None:
        if len(self.series) == 0:
            raise ChartError(f"{self.series.name} has no finite value to draw; choose another metric.")

    @cached_property
    def step(self) -> FloatArray:
        return np.asarray(self.series.step, dtype=np.float64)

    @cached_property
    def value(self) -> FloatArray:
        return np.asarray(self.series.value, dtype=np.float64)

    @property
    def dense(self) -> bool:
        return len(self.series) >= DENSE and self.interval is None

    @cached_property
    def window(self) -> float:
        return self.asked_window or suggest_window(self.step, self.value)

    @cached_property
    def marked(self) -> tuple[float, ...]:
        return whole_multiples(self.step[0], self.step[-1], MARKS)

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
        last = gaps(self.step, self.window)
        return tuple((0.5 * (self.step[last] + self.step[last + 1])).tolist())

    @property
    def _pieces(self) -> list[slice]:
        edges = [0, *np.searchsorted(self.step, self.breaks).tolist(), len(self.step)]
        return [slice(first, last) for first, last in pairwise(edges)]

    def _smoothed(self, piece: slice) -> tuple[FloatArray, FloatArray]:
        step, value, _ = block_means(self.step[piece], self.value[piece], _SMOOTH_POINTS)
        even = step if step.size <= _SMOOTH_AT else np.linspace(step[0], step[-1], _SMOOTH_AT)
        inside = [mark for mark in self.marked if step[0] <= mark <= step[-1]]
        at = np.union1d(even, np.clip([*inside, step[0], step[-1]], step[0], step[-1]))
        line = local_linear(step, value, self.window, at=at)
        return at, np.clip(line, value.min(), value.max())  # a straight line at an end may leave the values

    @cached_property
    def ends(self) -> tuple[FloatArray, FloatArray] | None:
        """Both ends of the 95 % bars, or of the band; those of a share end at nothing and at all."""
        if self.interval is not None:
            return self.interval
        spread = self.series.spread
        if spread is None or self.dense or not np.isfinite(spread).any():
            return None
        half = TWO_SIDED_95 * np.nan_to_num(np.asarray(spread, dtype=np.float64), posinf=0.0)
        lowest, highest = self._possible()
        return np.maximum(self.value - half, lowest), np.minimum(self.value + half, highest)

    def _possible(self) -> tuple[float, float]:
        """Between which numbers can values lie, as far as they show it?"""
        low, high = float(self.value.min()), float(self.value.max())
        whole = 100.0 if "%" in self.look.unit else 1.0
        return (0.0 if low >= 0.0 else -np.inf), (whole if low >= 0.0 and high <= whole else np.inf)

    @property
    def core(self) -> tuple[float, float]:
        """What must be in view: the curve and its bars."""
        _, value = self.line
        low, high = self.ends or (value, value)
        return float(low.min()), float(high.max())

    @property
    def extent(self) -> tuple[float, float]:
        """What the ticks cover: the curve, and all but the outermost of the values behind it."""
        low, high = self.core
        if self.dense:
            outer = np.percentile(self.value, QUANTILES)
            return min(low, float(outer[0])), max(high, float(outer[1]))
        return low, high

    @property
    def entry(self) -> str:
        """What the legend says."""
        name = shorten(self.look.entry, _ENTRY)
        return f"{name}, local-linear over {short_number(self.window)} steps" if self.dense else name

    @property
    def peak(self) -> tuple[float, float] | None:
        """Where the curve is highest; None if it is flat."""
        step, value = self.line
        top = int(np.argmax(value))
        return (float(step[top]), float(value[top])) if np.ptp(value) > 1e-12 * abs(value[top]) else None

    def behind(self) -> Layer | None:
        """Draw the values of a dense series, or the band of one that has one."""
        look = self.look
        if self.interval is not None:
            return Band(look.side, self.step, *self.interval, colour=look.colour, alpha=0.15)
        if not self.dense:
            return None
        if len(self.series) > LINE_UNTIL:
            band = envelope(self.step, self.value, _BAND_BINS)
            return Band(look.side, *band, colour=look.colour, breaks=self.breaks, of=(self.step, self.value))
        faint: dict[str, Any] = {"width": 0.4, "alpha": 0.3, "raw": True, "breaks": self.breaks}
        return Line(look.side, self.step, self.value, colour=look.colour, **faint)

    def beyond(self, axis: Axis) -> Iterator[Layer]:
        """Mark at the frame where single values of a dense series lie outside of it."""
        if not self.dense or len(self.series) > LINE_UNTIL:
            return
        low, high = axis.limits
        look = self.look
        for out, edge, marker in ((self.value > high, high, Marker.ABOVE), (self.value < low, low, Marker.BELOW)):
            step = self.step[out]
            if len(step):
                at = np.full(len(step), edge)
                yield Points(look.side, step, at, colour=look.colour, marker=marker, size=0.6, alpha=0.5)

    def bars(self) -> Layer | None:
        """Draw the bars of a sparse series."""
        look = self.look
        if self.ends is None or self.interval is not None:
            return None
        return Points(look.side, self.step, self.value, *self.ends, colour=look.colour, marker=Marker.NONE, alpha=0.6)

    def curve(self) -> Layer:
        """Draw the curve."""
        look, (step, value) = self.look, self.line
        marked = tuple(mark for mark in self.marked if self._known(mark)) if self.dense else None
        words: dict[str, Any] = {"marked": marked, "breaks": self.breaks}
        return Line(look.side, step, value, self.entry, look.colour, look.dash, look.marker, **words)

    def _known(self, step: float) -> bool:
        return any(self.step[piece][0] <= step <= self.step[piece][-1] for piece in self._pieces)

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
