"""The legend, and the words beside marks, where they hide least."""

from __future__ import annotations

from matplotlib.legend import Legend
from matplotlib.text import Text as DrawnText

from heldout.charts.matplotlib_backend.frame import title
from heldout.charts.matplotlib_backend.plot import Look, Plot
from heldout.charts.matplotlib_backend.room import fit
from heldout.charts.placement import (
    Box,
    Drawn,
    beside_horizontal,
    beside_vertical,
    corner_box,
    drawn,
    emptiest,
    label_box,
    legend_place,
)
from heldout.charts.spec import Colour, Place, Rule, Text, shorten

_FRAME: Look = {"frameon": True, "framealpha": 0.85, "edgecolor": "none", "fancybox": False}  # of the legend
# A handle is as long as three dashes and the two gaps between them, so that a dashed line is symmetric there.
_SPACES: Look = {"borderpad": 0.3, "handlelength": 2.96, "labelspacing": 0.35, "borderaxespad": 0, "columnspacing": 1.4}


def legend(plot: Plot) -> None:
    """Put one legend for both sides where it hides least."""
    if not plot.handles or plot.chart.legend is Place.NONE:
        return
    box = _legend(plot)
    size, margin = plot.size_of(box), plot.across(0.7 * plot.scale.font)
    place = legend_place(plot.chart, size, margin)
    if place is Place.ABOVE:
        _move_above(plot, box)
        return
    corner = corner_box(place, size, margin)
    box.set_loc((corner.left, corner.bottom))
    plot.taken.append(corner)


def _legend(plot: Plot, columns: int = 1) -> Legend:
    handles, blank = [handle for handle, _ in plot.handles], [" "] * len(plot.handles)
    look: Look = {"facecolor": plot.palette["ground"], "fontsize": plot.scale.tick, **_FRAME, **_SPACES}
    box = Legend(plot.axes, handles, blank, loc="lower left", ncols=columns, **look)
    for text, (_, label) in zip(box.get_texts(), plot.handles, strict=True):
        text.set_color(plot.palette[Colour.INK])
        plot.write(text, label)  # only here: a legend drops labels with a leading "_"
    box.set_zorder(90)
    plot.axes.add_artist(box)
    return box


def _move_above(plot: Plot, box: Legend) -> None:
    """Put the legend between title and plot: in a row if that is wide enough, else in a column."""
    plot.legend_above = True
    for columns in range(len(plot.handles), 0, -1):
        box.remove()
        box = _legend(plot, columns)
        if plot.size_of(box)[0] <= 1.0:
            break
    _shorten_entries(plot, box)
    high = box.get_window_extent(plot.renderer).height / plot.figure.dpi
    gap = 0.3 * plot.scale.font / 72.0
    title(plot, pad=(high + 2 * gap) * 72.0)
    box.set_in_layout(not plot.fitted)
    plot.above = 0.0 if plot.chart.title else high + gap
    fit(plot)
    box.set_loc((0.0, 1.0 + plot.across(gap * 72.0)[1]))


def _shorten_entries(plot: Plot, box: Legend) -> None:
    """Leave out the middle of entries that would reach beyond the figure."""
    place = plot.axes.get_position()
    for _ in range(3):  # signs are of different widths
        excess = plot.size_of(box)[0] - (1.0 - place.x0) / place.width
        if excess > 0.0:
            _cut_entries(plot, box, excess)


def _cut_entries(plot: Plot, box: Legend, excess: float) -> None:
    sizes = [plot.size_of(text)[0] for text in box.get_texts()]
    for text, size in zip(box.get_texts(), sizes, strict=True):
        room = max(sizes) - excess
        if size > room and not text.get_parse_math():
            text.set_text(shorten(text.get_text(), int(len(text.get_text()) * room / size) - 1))


def place_labels(plot: Plot) -> None:
    """Put the words beside marks where they touch nothing."""
    content = drawn(plot.chart)
    for layer in plot.labels:
        if isinstance(layer, Text):
            _label(plot, layer, content)
        elif layer.label:
            _rule_label(plot, layer, content)
    over = max((box.top for box in plot.taken), default=0.0) - 1.0
    if over > 0.0:
        plot.above = max(plot.above, over * plot.axes.get_window_extent(plot.renderer).height / plot.figure.dpi)
        fit(plot)


def _label(plot: Plot, layer: Text, content: Drawn) -> None:
    if not (plot.chart.x.sees(layer.step) and plot.chart.axis(layer.side).sees(layer.value)):
        return
    text = _words(plot, layer.text, layer.colour)
    gap, size = plot.across(0.75 * plot.scale.font), plot.size_of(text)
    at, headroom = plot.fractions(layer.side, layer.step, layer.value), _headroom(plot, size, gap)
    _settle_or_drop(plot, text, label_box(at, size, gap, content, plot.taken, headroom=headroom))


def _headroom(plot: Plot, size: tuple[float, float], gap: tuple[float, float]) -> float:
    """How far a label may reach over the top: by its height, if nothing else stands there."""
    return 0.0 if plot.chart.title or plot.legend_above else size[1] + gap[1]


def _rule_label(plot: Plot, layer: Rule, content: Drawn) -> None:
    """Write a rule's label along it, at the end where there is most room; nowhere, if there is none."""
    text = _words(plot, layer.label, layer.colour)
    size, gap = plot.size_of(text), plot.across(0.4 * plot.scale.font)
    if layer.step is not None:
        options = beside_vertical(float(plot.chart.x.fraction(layer.step)), size, gap)
    else:
        options = beside_horizontal(float(plot.chart.axis(layer.side).fraction(layer.value or 0.0)), size, gap)
    _settle_or_drop(plot, text, emptiest(options, content, plot.taken))


def _words(plot: Plot, text: str, colour: Colour) -> DrawnText:
    """Write words on a ground of their own, which a curve shows through: they stay words in every file."""
    ground = {"boxstyle": "square,pad=0.12", "facecolor": plot.palette["ground"], "alpha": 0.7, "linewidth": 0}
    look: Look = {"fontsize": plot.scale.tick, "color": plot.palette[colour], "bbox": ground, "zorder": 95}
    words = plot.axes.text(0.5, 0.5, "", ha="left", va="bottom", transform=plot.axes.transAxes, **look)
    plot.write(words, text)
    return words


def _settle_or_drop(plot: Plot, text: DrawnText, box: Box | None) -> None:
    if box is None:
        text.remove()
        return
    text.set_position((box.left, box.bottom))
    plot.taken.append(box)
