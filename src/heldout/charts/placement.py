"""Where do the legend and the labels go so that they hide least?

All positions here are fractions of the plot: (0, 0) is its lower left corner, (1, 1) the upper right one. Sizes come
from whoever draws, who alone knows how large the text is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from heldout.charts.spec import Band, Chart, Layer, Line, Marker, Place, Points, Rule
from heldout.stats.arrays import FloatArray

MARGIN = 0.02
# Inside the plot, as a person would choose if all were as empty.
CORNERS = (
    *(Place.UPPER_LEFT, Place.UPPER_RIGHT, Place.LOWER_LEFT, Place.LOWER_RIGHT),
    *(Place.UPPER_CENTER, Place.LOWER_CENTER),
)

TOO_MUCH = 0.008  # hiding this much of a curve, a legend had better stand outside
RAW_WEIGHT = 0.1  # a little of the noise behind a smoothed line may be covered
RULE_WEIGHT = 0.05
WIDEST = 0.7  # of the plot, for a legend inside it
IN_THE_WAY = 0.3  # a label that costs more is left out
_SAMPLES = 600
_Sample: TypeAlias = tuple[FloatArray, FloatArray, FloatArray]  # x, y and weight, as in `Drawn`


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    left: float
    bottom: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right end."""
        return self.left + self.width

    @property
    def top(self) -> float:
        """Its upper end."""
        return self.bottom + self.height

    def overlap(self, other: Box) -> float:
        """Return the area that two boxes share."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(wide, 0.0) * max(high, 0.0)

    def grown(self, wide: float, high: float) -> Box:
        """Return a box that is larger on each side."""
        return Box(self.left - wide, self.bottom - high, self.width + 2 * wide, self.height + 2 * high)

    def outside(self, headroom: float = 0.0) -> float:
        """How far it reaches beyond the plot, of which `headroom` over the top is allowed."""
        over = max(0.0, self.top - 1.0 - headroom)
        return max(0.0, -self.left) + max(0.0, self.right - 1.0) + max(0.0, -self.bottom) + over


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What is in the plot: points on the curves, shape (N,) each, and how bad it is to hide each one."""

    x: FloatArray
    y: FloatArray
    weight: FloatArray

    def hidden_by(self, box: Box) -> float:
        """Return the weight of what a box would hide; one whole curve weighs 1."""
        inside = (self.x >= box.left) & (self.x <= box.right) & (self.y >= box.bottom) & (self.y <= box.top)
        return float(self.weight[inside].sum())


def drawn(chart: Chart) -> Drawn:
    """Sample everything that a chart's layers put into the plot."""
    parts = [part for layer in chart.layers for part in _samples(chart, layer)]
    empty = np.empty(0)
    x, y, weight = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else (empty,) * 3
    return Drawn(x, y, weight)


def legend_place(
    chart: Chart, size: tuple[float, float] | None = None, margin: tuple[float, float] = (MARGIN, MARGIN)
) -> Place:
    """Where does the legend hide least of the curves?

    What the chart asks for, unless a curve would be hidden there; else the emptiest corner, the upper left one if
    several are as empty; above the plot if every corner would hide a curve. `size` is the legend's width and height,
    what they are about in a figure of 16 cm if not given; `margin` is its distance from the frame, across and up.
    """
    if chart.legend in (Place.ABOVE, Place.NONE):
        return chart.legend
    size = size or _page_size(chart)
    content = drawn(chart)
    near = (0.5 * margin[0], 0.5 * margin[1])
    boxes = {place: corner_box(place, size, margin).grown(*near) for place in CORNERS}
    hidden = {place: round(content.hidden_by(box), 4) for place, box in boxes.items()}
    if hidden.get(chart.legend, 1.0) <= TOO_MUCH:
        return chart.legend
    best = min(CORNERS, key=lambda place: hidden[place])
    return best if hidden[best] <= TOO_MUCH and size[0] <= WIDEST else Place.ABOVE


def _page_size(chart: Chart) -> tuple[float, float]:
    """About how large is the legend in a figure of 16 cm?"""
    return 0.09 + 0.0136 * max(map(len, chart.entries), default=0), 0.0575 * len(chart.entries)


def corner_box(place: Place, size: tuple[float, float], margin: tuple[float, float] = (MARGIN, MARGIN)) -> Box:
    """Return the rectangle that a legend of this size covers at a place inside the plot."""
    (width, height), (across, up) = size, margin
    vertical, horizontal = place.value.split()
    left = {"left": across, "right": 1.0 - across - width, "center": 0.5 - width / 2}[horizontal]
    return Box(left, up if vertical == "lower" else 1.0 - up - height, width, height)


def label_box(
    at: tuple[float, float],
    size: tuple[float, float],
    gap: tuple[float, float],
    content: Drawn,
    taken: Sequence[Box],
    headroom: float = 0.0,
) -> Box | None:
    """Where beside a point does a label touch least? None if it would be in the way wherever it stood.

    `gap` lies between point and label, across and up; `taken` holds the legend and other labels; `headroom` is how far
    over the top of the plot the label may reach.
    """
    costs = [(far + _cost(box, gap, content, taken, headroom), box) for box, far in _around(at, size, gap)]
    cost, box = min(costs, key=lambda option: option[0])
    return box if cost <= IN_THE_WAY else None


def beside_vertical(x: float, size: tuple[float, float], gap: tuple[float, float]) -> list[Box]:
    """Return where the label of a vertical rule can stand: at its ends, on either side; the first is the best."""
    (width, height), (across, up) = size, gap
    lefts, bottoms = (x + across, x - across - width), (1.0 - up - height, up)
    return [Box(left, bottom, width, height) for bottom in bottoms for left in lefts]


def beside_horizontal(y: float, size: tuple[float, float], gap: tuple[float, float]) -> list[Box]:
    """Return where the label of a horizontal rule can stand: at its ends, above and below; the first is the best."""
    (width, height), (across, up) = size, gap
    lefts, bottoms = (1.0 - across - width, across), (y + up, y - up - height)
    return [Box(left, bottom, width, height) for bottom in bottoms for left in lefts]


def emptiest(options: Sequence[Box], content: Drawn, taken: Sequence[Box]) -> Box | None:
    """Which of several boxes inside the plot hides least? None if none of them is inside and free."""
    free = [box for box in options if box.outside() == 0.0 and not any(box.overlap(other) for other in taken)]
    return min(free, key=content.hidden_by, default=None)


def _around(
    at: tuple[float, float], size: tuple[float, float], gap: tuple[float, float]
) -> Iterable[tuple[Box, float]]:
    """Boxes around a point in order of preference, each with what its distance costs."""
    (x, y), (width, height) = at, size
    for reach in (1.0, 1.5, 2.2):
        across, up = reach * gap[0], reach * gap[1]
        left, centre, right = x - across - width, x - width / 2, x + across
        above, middle, below = y + up, y - height / 2, y - up - height
        places = (
            *((centre, above, 0.0), (left, above - 0.6 * up, 0.004), (right, above - 0.6 * up, 0.004)),
            *((right, middle, 0.006), (left, middle, 0.006), (centre, below, 0.006)),
            *((left, below + 0.6 * up, 0.008), (right, below + 0.6 * up, 0.008)),
        )
        far = 0.02 * (reach - 1.0)
        yield from ((Box(side, bottom, width, height), far + cost) for side, bottom, cost in places)


def _cost(box: Box, gap: tuple[float, float], content: Drawn, taken: Sequence[Box], headroom: float) -> float:
    roomy = box.grown(0.25 * gap[0], 0.25 * gap[1])
    shared = sum(roomy.overlap(other) for other in taken) / (box.width * box.height)
    outside = 20.0 * roomy.outside(headroom + 0.25 * gap[1]) + 0.2 * box.outside()
    return 2.0 * content.hidden_by(roomy) + 3.0 * shared + outside


def _samples(chart: Chart, layer: Layer) -> Iterable[_Sample]:
    if isinstance(layer, Line) and layer.step.size:
        yield _along(chart, layer, layer.value, RAW_WEIGHT if layer.raw else 1.0)
        if layer.marker is not Marker.NONE:
            yield _at(chart, layer, *layer.at_marks())
    elif isinstance(layer, Points) and layer.step.size:
        yield _at(chart, layer, layer.step, layer.value)
        yield from _bars(chart, layer)
    elif isinstance(layer, Rule) and layer.step is not None:
        y = np.linspace(0.0, 1.0, _SAMPLES)
        yield np.full(_SAMPLES, float(chart.x.fraction(layer.step))), y, np.full(_SAMPLES, RULE_WEIGHT / _SAMPLES)
    elif isinstance(layer, Band) and layer.step.size:
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            yield _along(chart, layer, layer.low + share * (layer.high - layer.low), RAW_WEIGHT)


def _along(chart: Chart, layer: Line | Band, value: FloatArray, weight: float) -> _Sample:
    """Sample a curve at equal distances along the steps, and between two points that are far apart in height."""
    x, y = chart.x.fraction(layer.step), chart.axis(layer.side).fraction(value)
    if x.size == 1:
        return x, y, np.full(1, weight / _SAMPLES)
    at = np.linspace(x[0], x[-1], _SAMPLES)
    return at, np.interp(at, x, y), np.full(_SAMPLES, weight * (x[-1] - x[0]) / _SAMPLES)


def _at(chart: Chart, layer: Line | Points, step: FloatArray, value: FloatArray) -> _Sample:
    return chart.x.fraction(step), chart.axis(layer.side).fraction(value), np.full(step.size, 0.01)


def _bars(chart: Chart, layer: Points) -> Iterable[_Sample]:
    if layer.bars is None:
        return
    low, high = layer.bars
    for share in np.linspace(0.0, 1.0, 17):
        x, y, weight = _at(chart, layer, layer.step, low + share * (high - low))
        yield x, y, 0.4 * weight
