"""What a chart is, before anyone draws it: axes, layers, where the legend goes, and what is drawn between them.

Everything here is frozen. A method that changes something returns a changed copy, so that one chart can be handed to
the report, the page and the test without fear. Colours are roles (`left`, `right`, `mark`, …) and not values: a theme
gives them values when the chart is drawn, so that one chart serves light and dark, screen and print.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from heldout.charts.ticks import log_labels, tick_labels
from heldout.errors import ChartError
from heldout.showing import in_notebook
from heldout.stats.arrays import BoolArray, FloatArray
from heldout.text import visible

Theme: TypeAlias = Literal["light", "dark"]
Kind: TypeAlias = Literal["svg", "png", "pdf", "pgf"]

THEMES: tuple[Theme, ...] = ("light", "dark")
KINDS: tuple[Kind, ...] = ("svg", "png", "pdf")  # of a report
FILE_KINDS: tuple[Kind, ...] = (*KINDS, "pgf")  # of a file

PAGE_CM = 16.0
COLUMN_CM = 8.5
SLIDE_CM = 25.0
NARROWEST_CM, WIDEST_CM = 4.0, 120.0


class Side(StrEnum):
    """The axis that a layer is measured against."""

    LEFT = "left"
    RIGHT = "right"


class Colour(StrEnum):
    """What a colour is for; a theme says which colour that is."""

    INK = "ink"  # text and the frame
    MUTED = "muted"  # the grid's label, notes
    LEFT = "left"  # the series on the left axis
    RIGHT = "right"  # the series on the right axis
    RIGHT_2 = "right-2"  # further series on the right axis
    RIGHT_3 = "right-3"
    RIGHT_4 = "right-4"
    MARK = "mark"  # what the reader is pointed at: the chosen checkpoint


class Dash(StrEnum):
    """How a line is broken."""

    SOLID = "solid"
    DASHED = "dashed"
    DOTTED = "dotted"
    DASH_DOT = "dash-dot"


class Marker(StrEnum):
    """The shape that stands at a point."""

    NONE = "none"
    CIRCLE = "circle"
    SQUARE = "square"
    DIAMOND = "diamond"
    TRIANGLE = "triangle"
    ABOVE = "above"  # an arrow at the frame: something lies beyond it
    BELOW = "below"
    RING = "ring"  # open, and larger than the others, so that it goes around one of them


class Place(StrEnum):
    """Where the legend goes."""

    AUTO = "auto"  # where it hides least; decided when the size is known
    UPPER_LEFT = "upper left"
    UPPER_RIGHT = "upper right"
    LOWER_LEFT = "lower left"
    LOWER_RIGHT = "lower right"
    UPPER_CENTER = "upper center"
    LOWER_CENTER = "lower center"
    ABOVE = "above"  # outside the frame
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis."""

    label: str  # what it measures, without the unit
    ticks: tuple[float, ...]  # where ticks stand, increasing
    limits: tuple[float, float]  # the lowest and the highest value that can be seen
    colour: Colour = Colour.INK  # of the label, the ticks and the spine
    unit: str = ""  # in brackets after the label, and after a value that is written beside a mark
    format: str = ""  # specification for the ticks, such as ``.2f``; as many decimals as the step needs if empty
    log: bool = False  # whether equal distances are equal ratios

    def __post_init__(self) -> None:
        low, high = self.limits
        if self.log and low <= 0.0:
            raise ChartError(f"The axis {self.label!r} begins at {low:g}; a logarithmic one begins above 0.")
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise ChartError(f"The axis {self.label!r} goes from {low} to {high}; it must go up, between two numbers.")

    @property
    def title(self) -> str:
        """The label, with the unit unless it is there already."""
        said = re.search(rf"(?<!\w){re.escape(self.unit)}(?!\w)", self.label)
        return self.label if not self.unit or said else f"{self.label} ({self.unit})".strip()

    @property
    def tick_texts(self) -> tuple[str, ...]:
        """What is written at each tick."""
        return log_labels(self.ticks) if self.log and not self.format else tick_labels(self.ticks, self.format)

    def fraction(self, value: npt.ArrayLike) -> FloatArray:
        """How far along the axis each value lies: 0 at its low end, 1 at its high end.

        On a logarithmic axis a value that is not above 0 lies as far below the low end as the plot is high.
        """
        (low, high), values = self.limits, np.asarray(value, dtype=np.float64)
        if not self.log:
            return (values - low) / (high - low)
        return np.asarray(np.log(np.where(values > 0.0, values, low * low / high) / low) / np.log(high / low))

    def sees(self, value: npt.ArrayLike) -> BoolArray:
        """Whether each value lies between the limits."""
        values = np.asarray(value, dtype=np.float64)
        return (values >= self.limits[0]) & (values <= self.limits[1])


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line through points; step and value are finite, of shape (N,)."""

    side: Side  # the axis that it is measured against
    step: FloatArray
    value: FloatArray
    label: str = ""  # its entry in the legend; none if empty
    colour: Colour = Colour.LEFT
    dash: Dash = Dash.SOLID
    marker: Marker = Marker.NONE  # the shape that stands at its points
    marked: tuple[float, ...] | None = None  # steps where it stands, interpolated between points; all points if None
    width: float = 1.0  # in units of a normal line
    alpha: float = 1.0  # 1 is opaque
    raw: bool = False  # whether it stands behind a smoothed line: a legend may cover it
    breaks: tuple[float, ...] = ()  # steps at which the line is interrupted, because nothing is known there

    def __post_init__(self) -> None:
        _keep_arrays(self, "step", "value")

    def at_marks(self) -> tuple[FloatArray, FloatArray]:
        """Return where the markers stand: steps and values, each of shape (M,)."""
        if self.marked is None:
            return self.step, self.value
        steps = np.asarray(self.marked, dtype=np.float64)
        return steps, np.interp(steps, self.step, self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """The area between two curves, shape (N,) each."""

    side: Side
    step: FloatArray
    low: FloatArray
    high: FloatArray
    label: str = ""
    colour: Colour = Colour.LEFT
    alpha: float = 0.2
    breaks: tuple[float, ...] = ()  # steps at which it is interrupted
    of: tuple[FloatArray, FloatArray] | None = None  # steps and values that it sums up; a page shows them from near

    def __post_init__(self) -> None:
        _keep_arrays(self, "step", "low", "high")


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Shapes at points, with bars from `low` to `high` where they are given; shape (N,) each."""

    side: Side
    step: FloatArray
    value: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None
    label: str = ""
    colour: Colour = Colour.LEFT
    marker: Marker = Marker.CIRCLE
    size: float = 1.0
    alpha: float = 1.0

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise ChartError(f"{_whose(self)} has one end of its bars only; give both low and high.")
        _keep_arrays(self, "step", "value", *(("low", "high") if self.low is not None else ()))

    @property
    def bars(self) -> tuple[FloatArray, FloatArray] | None:
        """Both ends of the bars, if there are bars."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True, slots=True)
class Rule:
    """A thin straight line across the plot: vertical at `step`, or horizontal at `value` of one side."""

    step: float | None = None
    value: float | None = None
    side: Side = Side.LEFT
    label: str = ""
    colour: Colour = Colour.MARK
    dash: Dash = Dash.SOLID

    def __post_init__(self) -> None:
        if (self.step is None) == (self.value is None):
            raise ChartError(
                f"A rule stands at a step or at a value; this one has step {self.step} and value {self.value}."
            )


@dataclass(frozen=True, slots=True)
class Text:
    """A few words beside a point; on which side of it they stand is decided when their size is known."""

    side: Side
    step: float
    value: float
    text: str
    colour: Colour = Colour.INK


@dataclass(frozen=True, slots=True)
class Span:
    """A shaded range of steps."""

    low: float
    high: float
    label: str = ""
    colour: Colour = Colour.MARK
    alpha: float = 0.12


Layer: TypeAlias = Line | Band | Points | Rule | Text | Span


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as data."""

    x: Axis
    left: Axis
    right: Axis | None = None  # a chart of one series has none
    layers: tuple[Layer, ...] = ()  # the first at the bottom; spans and rules always lie beneath the curves
    title: str = ""  # above the plot
    caption: str = ""  # what a reader has to know; not drawn: it goes below the figure and into the file's description
    legend: Place = Place.AUTO  # where the legend goes, unless it would hide a curve there at the size that is drawn
    grid: Dash = Dash.SOLID  # horizontal lines stand at the left ticks; with as many on the right they serve both axes
    mathtext: frozenset[str] = frozenset()  # words in which ``$…$`` is a formula: what a person wrote, never a key

    def __post_init__(self) -> None:
        if self.right is None and any(getattr(layer, "side", None) == Side.RIGHT for layer in self.layers):
            raise ChartError("A layer is measured against the right axis, and the chart has none; give it one.")

    def __repr__(self) -> str:
        """Say what is drawn."""
        return f"<Chart {visible(self.name)!r}: {len(self.layers)} layers>"

    def _repr_svg_(self) -> str:
        return str(in_notebook("chart_as_svg", self))

    def axis(self, side: Side) -> Axis:
        """Return the axis of a side."""
        return self.right if side == Side.RIGHT and self.right is not None else self.left

    def with_layers(self, *layers: Layer) -> Chart:
        """Return a chart with further layers on top."""
        return replace(self, layers=(*self.layers, *layers))

    def with_title(self, title: str) -> Chart:
        """Return a chart with another title."""
        return replace(self, title=title)

    def with_caption(self, caption: str) -> Chart:
        """Return a chart with another caption."""
        return replace(self, caption=caption)

    @property
    def entries(self) -> tuple[str, ...]:
        """What the legend says, from top to bottom."""
        return tuple(layer.label for layer in self.layers if not isinstance(layer, Rule | Text) and layer.label)

    @property
    def name(self) -> str:
        """One line that says what is drawn: the title, or else the axes' labels."""
        sides = self.left.title if self.right is None else f"{self.left.title} and {self.right.title}"
        return self.title or f"{sides} over {self.x.title}"


def as_place(place: Place | str) -> Place:
    """Turn ``"upper left"`` into the place that it names."""
    try:
        return Place(place)
    except ValueError:
        raise ChartError(f"A legend cannot be placed {place!r}; it can be {', '.join(Place)}.") from None


def shorten(text: str, most: int) -> str:
    """Fit a long key into `most` characters by leaving out its middle.

    Examples
    --------
    >>> shorten("val-core/openai/humaneval/acc/mean@16", 20)
    'val-core/o…c/mean@16'
    """
    if len(text) <= most:
        return text
    end = max(most - 1, 0) // 2
    return f"{text[: max(most - 1, 0) - end]}…{text[len(text) - end :]}"


def _keep_arrays(layer: Line | Band | Points, *names: str) -> None:
    """Keep private, read-only copies of a layer's arrays, all of one length and all finite."""
    lengths = set()
    for name in names:
        array = np.array(getattr(layer, name), dtype=np.float64).ravel()
        if not np.isfinite(array).all():
            raise ChartError(f"{_whose(layer)} has a {name} that is not a finite number; leave such points out.")
        array.flags.writeable = False
        object.__setattr__(layer, name, array)
        lengths.add(array.size)
    if len(lengths) > 1:
        raise ChartError(f"{_whose(layer)} has {' and '.join(names)} of different lengths: {sorted(lengths)}.")


def _whose(layer: Line | Band | Points) -> str:
    return f"The {type(layer).__name__.lower()} {layer.label!r}" if layer.label else f"A {type(layer).__name__.lower()}"
