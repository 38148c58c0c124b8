"""Give a plot what the words around it leave, and shorten those for which there is no room."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from heldout.charts.matplotlib_backend.plot import Plot
from heldout.charts.spec import shorten


def fit(plot: Plot) -> None:
    """Give the plot what the words around it leave; one in somebody else's figure keeps its place."""
    for attempt in range(2):
        changed = _shorten_labels(plot) | _thin_labels(plot)
        if attempt and not changed:
            break  # the words take as much as before
        if plot.fitted:
            _move(plot)


def _move(plot: Plot) -> None:
    dpi = plot.figure.dpi
    width, height = plot.figure.bbox.width, plot.figure.bbox.height
    edge = 0.5 * plot.scale.font / 72.0 * dpi
    inner = plot.axes.get_window_extent(plot.renderer)
    boxes = [box for axes in plot.every_axes if (box := axes.get_tightbbox(plot.renderer)) is not None]
    words = Bbox.union([inner, *boxes])
    left, right = inner.x0 - words.x0 + edge, words.x1 - inner.x1 + edge
    bottom, top = inner.y0 - words.y0 + edge, words.y1 - inner.y1 + edge + plot.above * dpi
    distances = _label_distances(plot, inner)
    for axes in plot.every_axes:
        axes.set_position((left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height))
    _fix_labels(distances)


def _label_distances(plot: Plot, inner: Bbox) -> list[tuple[Axes, float, float, float]]:
    """Return how far below, left and right of the plot the axis labels stand, in pixels."""
    found = []
    for axes in plot.every_axes:
        _, x_label = axes.xaxis.label.get_transform().transform(axes.xaxis.label.get_position())
        y_label, _ = axes.yaxis.label.get_transform().transform(axes.yaxis.label.get_position())
        found.append((axes, inner.y0 - x_label, inner.x0 - y_label, y_label - inner.x1))
    return found


def _fix_labels(distances: Sequence[tuple[Axes, float, float, float]]) -> None:
    """Keep axis labels at their distances; left to itself, matplotlib measures all ticks again at each draw."""
    for axes, below, left, right in distances:
        plot = axes.get_window_extent()
        axes.xaxis.set_label_coords(0.5, -below / plot.height)
        axes.yaxis.set_label_coords(-left / plot.width if left > 0 else 1.0 + right / plot.width, 0.5)


def _shorten_labels(plot: Plot) -> bool:
    """Leave out the middle of an axis label that is longer than its axis; say whether any was."""
    inner = plot.axes.get_window_extent(plot.renderer)
    changed = False
    for axes in plot.every_axes:
        for label, room in ((axes.xaxis.label, 1.15 * inner.width), (axes.yaxis.label, 1.1 * inner.height)):
            extent = label.get_window_extent(plot.renderer)
            longest = max(extent.width, extent.height)
            if longest > room and not label.get_parse_math():
                label.set_text(shorten(label.get_text(), int(len(label.get_text()) * room / longest)))
                changed = True
    return changed


def _thin_labels(plot: Plot) -> bool:
    """Leave out step labels at regular distances until they stand apart; say whether that changed anything."""
    axis, labels = plot.chart.x, plot.axes.get_xticklabels()
    shown = [label.get_text() for label in labels]
    widest = max(label.get_window_extent(plot.renderer).width for label in labels)
    share = float(np.diff(axis.fraction(axis.ticks[:2]), append=1.0)[0])
    room = plot.axes.get_window_extent(plot.renderer).width * share
    every = math.ceil(1.25 * widest / room)
    texts = [text if place % every == 0 else "" for place, text in enumerate(axis.tick_texts)]
    if texts == shown:
        return False
    plot.axes.set_xticks(axis.ticks, texts)
    plot.axes.set_xlim(axis.limits)
    return True
