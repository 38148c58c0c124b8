"""The frame of a plot: spines, ticks, grid, the names of the axes and the title."""

from __future__ import annotations

import textwrap
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from heldout.charts.matplotlib_backend.plot import DASHES, Look, Plot
from heldout.charts.spec import Axis, Colour


def frame(plot: Plot) -> None:
    """Two spines and three axes; no lid."""
    same = plot.palette["page"] == plot.palette["ground"]
    plot.axes.set(facecolor="none" if same else plot.palette["ground"], axisbelow=True)
    for name, spine in plot.axes.spines.items():
        spine.set(linewidth=1.6 * plot.scale.hair, edgecolor=plot.palette[Colour.INK], zorder=1.5)
        spine.set_visible(name in ("left", "bottom"))
    _x_axis(plot)
    _y_axis(plot, plot.chart.left, plot.axes, "left")
    if plot.chart.right is not None:
        plot.right_axes.xaxis.set_visible(False)
        plot.right_axes.patch.set_visible(False)
        _y_axis(plot, plot.chart.right, plot.right_axes, "right")


def _x_axis(plot: Plot) -> None:
    """Ticks below, and a faint line at each."""
    axis, axes = plot.chart.x, plot.axes
    axes.set_xscale("log" if axis.log else "linear")
    axes.set_xticks(axis.ticks, axis.tick_texts)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(axis.limits)
    axes.set_xlabel("", fontsize=plot.scale.font, color=plot.palette[axis.colour])
    plot.write(axes.xaxis.label, axis.title)
    _ticks(plot, "x", axis, axes)
    look: Look = {"color": plot.palette["grid"], "linestyle": DASHES[plot.chart.grid]}
    axes.grid(True, axis="both", linewidth=plot.scale.hair, zorder=0.5, **look)


def _y_axis(plot: Plot, axis: Axis, axes: Axes, side: Literal["left", "right"]) -> None:
    axes.set_yscale("log" if axis.log else "linear")
    axes.set_yticks(axis.ticks, axis.tick_texts)
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(axis.limits)
    axes.set_autoscale_on(False)
    axes.yaxis.set_label_position(side)
    axes.yaxis.set_ticks_position(side)
    axes.set_ylabel("", fontsize=plot.scale.font, color=plot.palette[axis.colour])
    plot.write(axes.yaxis.label, axis.title)
    for name, spine in axes.spines.items():
        spine.set_visible(name == side or (name == "bottom" and side == "left"))
    axes.spines[side].set(edgecolor=plot.palette[axis.colour], linewidth=1.6 * plot.scale.hair)
    _ticks(plot, "y", axis, axes)


def _ticks(plot: Plot, which: Literal["x", "y"], axis: Axis, axes: Axes) -> None:
    length, width = 0.35 * plot.scale.font, 1.3 * plot.scale.hair
    look: Look = {"colors": plot.palette[axis.colour], "labelsize": plot.scale.tick}
    axes.tick_params(axis=which, length=length, pad=length, width=width, **look)
    axes.tick_params(axis=which, which="minor", length=0.55 * length, width=0.8 * width, color=look["colors"])


def title(plot: Plot, pad: float | None = None) -> None:
    """Write the title above the plot, at its left end, `pad` points over it."""
    words, font = plot.chart.title, plot.scale.font
    if not words:
        return
    look = {"fontsize": 1.1 * font, "fontweight": "bold", "color": plot.palette[Colour.INK]}
    written = plot.axes.set_title("", look, "left", pad or 0.8 * font)
    plot.write(written, words)
    lines = written.get_window_extent(plot.renderer).width / (0.8 * plot.scale.width * plot.figure.dpi)
    if lines > 1.0:
        written.set_text(textwrap.fill(written.get_text(), int(len(words) / lines)))
