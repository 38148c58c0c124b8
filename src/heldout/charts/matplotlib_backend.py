"""Draw a chart with matplotlib. Only this file and the figures of the benchmark import it.

Everything is drawn in the unit square: a layer's points become fractions of its axes, and ticks are fractions with
fixed texts. The two sides then share one order of drawing, and numbers as large as 1e12 lose nothing.

The same chart gives the same bytes: the user's own matplotlib settings are set aside, and no file holds a date.

Text in an SVG is drawn as outlines. What was measured and placed here is what every browser shows, whichever fonts it
has; a screen reader gets the title and the description instead. A PDF holds its fonts (type 42), so that its text can
be searched and edited.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property, singledispatchmethod
from html import escape
from typing import Any, Literal, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.text import Text as DrawnText
from matplotlib.transforms import Bbox

from heldout.charts.curve import broken, reduce
from heldout.charts.palettes import PALETTES
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
from heldout.charts.spec import (
    Axis,
    Band,
    Chart,
    Colour,
    Dash,
    Kind,
    Line,
    Marker,
    Place,
    Points,
    Rule,
    Side,
    Span,
    Text,
    Theme,
    shorten,
)

CM = 1.0 / 2.54  # inches
LEAST_POINTS = 6.5  # smaller words cannot be read in print

_FIRST_GUESS = (0.12, 0.15, 0.76, 0.75)  # where the plot stands until its words have been measured

_MARKERS = {
    Marker.NONE: "",
    Marker.CIRCLE: "o",
    Marker.SQUARE: "s",
    Marker.DIAMOND: "D",
    Marker.TRIANGLE: "^",
    Marker.ABOVE: "^",
    Marker.BELOW: "v",
    Marker.RING: "o",
}
_MARKER_SIZES = {
    Marker.SQUARE: 0.92,
    Marker.DIAMOND: 0.88,
    Marker.TRIANGLE: 1.1,
    Marker.RING: 2.1,
}
_DASHES: Mapping[Dash, Any] = {
    Dash.SOLID: "solid",
    Dash.DASHED: (0, (4.0, 2.0)),
    Dash.DOTTED: (0, (1.2, 1.6)),
    Dash.DASH_DOT: (0, (5.0, 1.6, 1.2, 1.6)),
}
# For keys in Chinese, Japanese or Korean, which matplotlib's own font lacks: what Linux, macOS and Windows bring along.
_MORE_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS"),
)
_Look: TypeAlias = Mapping[str, Any]  # keyword arguments of matplotlib
_FRAME: _Look = {"frameon": True, "framealpha": 0.85, "edgecolor": "none", "fancybox": False}  # of the legend
_SPACES: _Look = {"borderpad": 0.3, "handlelength": 2.6, "labelspacing": 0.35, "borderaxespad": 0, "columnspacing": 1.4}
_SETTINGS: Mapping[str, Any] = {
    "text.parse_math": False,  # a dollar sign in a key is a dollar sign
    "text.usetex": False,
    "axes.unicode_minus": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "heldout",
    "pdf.fonttype": 42,
    "path.simplify": True,
}


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of a figure, in points where not said otherwise."""

    width: float  # inches
    height: float  # inches
    font: float  # of the axis labels
    tick: float  # of the tick labels, the legend and words beside marks
    line: float  # width of a curve
    marker: float
    hair: float  # width of frame and grid

    @classmethod
    def of(cls, width_cm: float, height_cm: float | None) -> Scale:
        """Choose sizes that suit a width: text grows slower than the figure."""
        height = height_cm or width_cm * float(np.interp(width_cm, (8.5, 16.0), (0.70, 0.54)))
        font = float(np.interp(width_cm, (4.0, 8.5, 16.0, 25.0, 120.0), (6.5, 7.2, 9.0, 15.0, 72.0)))
        return cls(
            width=width_cm * CM,
            height=height * CM,
            font=font,
            tick=max(LEAST_POINTS, 0.92 * font),
            line=0.17 * font,
            marker=0.52 * font,
            hair=0.075 * font,
        )


def render(
    chart: Chart, kinds: Sequence[Kind], *, width_cm: float, height_cm: float | None, theme: Theme, dpi: float
) -> dict[Kind, bytes]:
    """Draw a chart once and write it in each format; sizes and theme as for `heldout.charts.save`."""
    with own_settings():
        drawing = _Drawing(chart, Scale.of(width_cm, height_cm), PALETTES[theme], dpi)
        drawing.frame()
        drawing.x_axis()
        drawing.y_axes()
        drawing.title()
        for depth, layer in enumerate(chart.layers):
            drawing.draw(layer, 2.0 + depth)
        drawing.fit()
        drawing.legend()
        drawing.place_labels()
        return {kind: encode(drawing.figure, chart.name, chart.caption, kind, dpi) for kind in kinds}


@contextmanager
def own_settings() -> Iterator[None]:
    """Set the user's matplotlib settings aside, and its warning about signs that the font does not have."""
    settings: dict[Any, Any] = {
        key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith("backend")
    }
    with mpl.rc_context(settings | {**_SETTINGS, "font.family": _families()}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*missing from.*font.*")
        yield


@cache
def _families() -> list[str]:
    """The font that matplotlib brings along, then what this machine has for signs that are not in it."""
    installed = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _MORE_FONTS if name in installed)]


@dataclass
class _Drawing:
    """A figure in the making."""

    chart: Chart
    scale: Scale
    palette: Mapping[str, str]
    dpi: float
    handles: list[tuple[Artist, str]] = field(default_factory=list)
    labels: list[Text | Rule] = field(default_factory=list)
    taken: list[Box] = field(default_factory=list)
    legend_above: bool = False
    above: float = 0.0  # inches over the plot for a legend or labels

    @cached_property
    def figure(self) -> Figure:
        figure = Figure(figsize=(self.scale.width, self.scale.height), dpi=self.dpi, facecolor=self.palette["ground"])
        FigureCanvasAgg(figure)
        return figure

    @property
    def renderer(self) -> Any:
        """What measures words."""
        return self.figure.canvas.get_renderer()  # type: ignore[attr-defined]

    @cached_property
    def axes(self) -> Axes:
        return self.figure.add_axes(_FIRST_GUESS, facecolor="none")

    @cached_property
    def right_axes(self) -> Axes:
        axes = self.figure.add_axes(_FIRST_GUESS, facecolor="none")
        axes.xaxis.set_visible(False)
        axes.patch.set_visible(False)
        return axes

    def frame(self) -> None:
        """Two spines and the x axis; no lid."""
        self.axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
        self.axes.set_axisbelow(True)
        for name, spine in self.axes.spines.items():
            spine.set(linewidth=1.6 * self.scale.hair, edgecolor=self.palette[Colour.INK], zorder=1.5)
            spine.set_visible(name in ("left", "bottom"))

    def x_axis(self) -> None:
        """Ticks below, and a faint line at each."""
        axis = self.chart.x
        self.axes.set_xticks(axis.fraction(axis.ticks), axis.tick_texts)
        self.axes.set_xlabel(axis.title, fontsize=self.scale.font, color=self.palette[axis.colour])
        self._ticks("x", axis, self.axes)
        look: _Look = {"color": self.palette["grid"], "linestyle": _DASHES[self.chart.grid]}
        self.axes.grid(True, axis="both", linewidth=self.scale.hair, zorder=0.5, **look)

    def y_axes(self) -> None:
        """Ticks on either side in the colour of what they measure."""
        self._y_axis(self.chart.left, self.axes, "left")
        if self.chart.right is not None:
            self._y_axis(self.chart.right, self.right_axes, "right")

    def _y_axis(self, axis: Axis, axes: Axes, side: Literal["left", "right"]) -> None:
        axes.set_ylim(0.0, 1.0)
        axes.set_yticks(axis.fraction(axis.ticks), axis.tick_texts)
        axes.yaxis.set_label_position(side)
        axes.yaxis.set_ticks_position(side)
        axes.set_ylabel(axis.title, fontsize=self.scale.font, color=self.palette[axis.colour])
        for name, spine in axes.spines.items():
            spine.set_visible(name == side or (name == "bottom" and side == "left"))
        axes.spines[side].set(edgecolor=self.palette[axis.colour], linewidth=1.6 * self.scale.hair)
        self._ticks("y", axis, axes)

    def _ticks(self, which: Literal["x", "y"], axis: Axis, axes: Axes) -> None:
        length, width = 0.35 * self.scale.font, 1.3 * self.scale.hair
        look: _Look = {"colors": self.palette[axis.colour], "labelsize": self.scale.tick}
        axes.tick_params(axis=which, length=length, pad=length, width=width, **look)

    def title(self, pad: float | None = None) -> None:
        """Write the title above the plot, at its left end, `pad` points over it."""
        if not self.chart.title:
            return
        font = self.scale.font
        look = {"fontsize": 1.1 * font, "fontweight": "bold", "color": self.palette[Colour.INK]}
        title = self.axes.set_title(self.chart.title, look, "left", pad or 0.8 * font)
        lines = title.get_window_extent().width / (0.8 * self.scale.width * self.dpi)
        if lines > 1.0:
            title.set_text(textwrap.fill(self.chart.title, int(len(self.chart.title) / lines)))

    @property
    def columns(self) -> int:
        """How many pixel columns the plot has."""
        return max(200, round(self.scale.width * self.dpi))

    @singledispatchmethod
    def draw(self, layer: object, depth: float) -> None:
        """Draw one layer."""
        raise TypeError(f"{type(layer).__name__} is not a layer.")

    @draw.register
    def _(self, layer: Line, depth: float) -> None:
        step, value = broken(*reduce(layer.step, layer.value, self.columns), breaks=layer.breaks)
        x, y = self._points(layer.side, step, value)
        colour, width = self.palette[layer.colour], self.scale.line * layer.width
        pen: _Look = {"color": colour, "linewidth": width, "linestyle": _DASHES[layer.dash]}
        joints: _Look = {"solid_joinstyle": "round", "dash_joinstyle": "round"}
        self.axes.plot(x, y, alpha=layer.alpha, zorder=depth, **pen, **joints)
        marks = self._marker(layer.marker, colour)
        if layer.marker is not Marker.NONE:
            at = self._points(layer.side, *layer.at_marks())
            self.axes.plot(*at, linestyle="none", zorder=depth + 0.5, **marks)
        if layer.label:
            self.handles.append((Line2D([], [], **pen, **marks), layer.label))

    @draw.register
    def _(self, layer: Points, depth: float) -> None:
        x, y = self._points(layer.side, layer.step, layer.value)
        colour = self.palette[layer.colour]
        if layer.bars is not None:
            low, high = (self._points(layer.side, layer.step, end)[1] for end in layer.bars)
            reach, width = np.maximum((y - low, high - y), 0.0), 0.55 * self.scale.line
            pen: _Look = {"ecolor": colour, "elinewidth": width, "capthick": width, "capsize": 0.2 * self.scale.font}
            self.axes.errorbar(x, y, yerr=reach, fmt="none", alpha=layer.alpha, zorder=depth, **pen)
        if layer.marker is not Marker.NONE:
            marks = self._marker(layer.marker, colour, layer.size)
            self.axes.plot(x, y, linestyle="none", alpha=layer.alpha, zorder=depth, clip_on=False, **marks)
            if layer.label:
                self.handles.append((Line2D([], [], linestyle="none", **marks), layer.label))

    @draw.register
    def _(self, layer: Band, depth: float) -> None:
        step, bottom, top = broken(layer.step, layer.low, layer.high, breaks=layer.breaks)
        x, low = self._points(layer.side, step, bottom)
        _, high = self._points(layer.side, step, top)
        look: _Look = {"color": self.palette[layer.colour], "alpha": layer.alpha, "linewidth": 0, "zorder": depth}
        patch = self.axes.fill_between(x, low, high, **look)
        if layer.label:
            self.handles.append((patch, layer.label))

    @draw.register
    def _(self, layer: Span, depth: float) -> None:
        low, high = self.chart.x.fraction([layer.low, layer.high])
        colour = self.palette[layer.colour]
        self.axes.axvspan(low, high, color=colour, alpha=layer.alpha, linewidth=0, zorder=1.0)
        if layer.label:
            self.handles.append((Patch(facecolor=colour, alpha=2 * layer.alpha, linewidth=0), layer.label))

    @draw.register
    def _(self, layer: Rule, depth: float) -> None:
        width, dash = 0.6 * self.scale.line, _DASHES[layer.dash]
        look: _Look = {"color": self.palette[layer.colour], "linewidth": width, "linestyle": dash, "zorder": 1.8}
        if layer.step is not None:
            self.axes.axvline(float(self.chart.x.fraction(layer.step)), **look)
        elif layer.value is not None:
            self.axes.axhline(float(self.chart.axis(layer.side).fraction(layer.value)), **look)
        self.labels.append(layer)

    @draw.register
    def _(self, layer: Text, depth: float) -> None:
        self.labels.append(layer)

    def _points(self, side: Side, step: Any, value: Any) -> tuple[Any, Any]:
        return self.chart.x.fraction(step), self.chart.axis(side).fraction(value)

    def _marker(self, marker: Marker, colour: str, size: float = 1.0) -> dict[str, Any]:
        ring = marker is Marker.RING
        return {
            "marker": _MARKERS[marker],
            "markersize": size * self.scale.marker * _MARKER_SIZES.get(marker, 1.0),
            "markerfacecolor": "none" if ring else colour,
            "markeredgecolor": colour if ring else self.palette["ground"],
            "markeredgewidth": (0.6 if ring else 0.35) * self.scale.line,
        }

    def fit(self) -> None:
        """Give the plot what the words around it leave."""
        width, height = self.scale.width * self.dpi, self.scale.height * self.dpi
        edge = 0.5 * self.scale.font / 72.0 * self.dpi
        for attempt in range(2):
            changed = self._shorten_labels() | self._thin_labels()
            if attempt and not changed:
                break  # the words take as much as before
            plot = self.axes.get_window_extent(self.renderer)
            boxes = [box for axes in self.figure.axes if (box := axes.get_tightbbox(self.renderer)) is not None]
            words = Bbox.union([plot, *boxes])
            left, right = plot.x0 - words.x0 + edge, words.x1 - plot.x1 + edge
            bottom, top = plot.y0 - words.y0 + edge, words.y1 - plot.y1 + edge + self.above * self.dpi
            place = (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
            distances = self._label_distances(plot)
            for axes in self.figure.axes:
                axes.set_position(place)
            self._fix_labels(distances)

    def _label_distances(self, plot: Bbox) -> list[tuple[Axes, float, float, float]]:
        """Return how far below, left and right of the plot the axis labels stand, in pixels."""
        found = []
        for axes in self.figure.axes:
            _, x_label = axes.xaxis.label.get_transform().transform(axes.xaxis.label.get_position())
            y_label, _ = axes.yaxis.label.get_transform().transform(axes.yaxis.label.get_position())
            found.append((axes, plot.y0 - x_label, plot.x0 - y_label, y_label - plot.x1))
        return found

    def _fix_labels(self, distances: Sequence[tuple[Axes, float, float, float]]) -> None:
        """Keep axis labels at their distances; left to itself, matplotlib measures all ticks again at each draw."""
        for axes, below, left, right in distances:
            plot = axes.get_window_extent()
            axes.xaxis.set_label_coords(0.5, -below / plot.height)
            axes.yaxis.set_label_coords(-left / plot.width if left > 0 else 1.0 + right / plot.width, 0.5)

    def legend(self) -> None:
        """Put one legend for both sides where it hides least."""
        if not self.handles or self.chart.legend is Place.NONE:
            return
        legend = self._legend()
        size, margin = self._size_of(legend), self._across(0.7 * self.scale.font)
        place = legend_place(self.chart, size, margin)
        if place is Place.ABOVE:
            self._move_above(legend)
            return
        box = corner_box(place, size, margin)
        legend.set_loc((box.left, box.bottom))
        self.taken.append(box)

    def _legend(self, columns: int = 1) -> Legend:
        handles, blank = [handle for handle, _ in self.handles], [" "] * len(self.handles)
        look: _Look = {"facecolor": self.palette["ground"], "fontsize": self.scale.tick, **_FRAME, **_SPACES}
        legend = Legend(self.axes, handles, blank, loc="lower left", ncols=columns, **look)
        for text, (_, label) in zip(legend.get_texts(), self.handles, strict=True):
            text.set(text=label, color=self.palette[Colour.INK])  # set here: a legend drops labels with a leading "_"
        legend.set_zorder(90)
        self.axes.add_artist(legend)
        return legend

    def _move_above(self, legend: Legend) -> None:
        """Put the legend between title and plot: in a row if that is wide enough, else in a column."""
        self.legend_above = True
        for columns in range(len(self.handles), 0, -1):
            legend.remove()
            legend = self._legend(columns)
            if self._size_of(legend)[0] <= 1.0:
                break
        self._shorten_entries(legend)
        high = legend.get_window_extent(self.renderer).height / self.dpi
        gap = 0.3 * self.scale.font / 72.0
        self.title(pad=(high + 2 * gap) * 72.0)
        legend.set_in_layout(False)
        self.above = 0.0 if self.chart.title else high + gap
        self.fit()
        legend.set_loc((0.0, 1.0 + gap / (self.axes.get_position().height * self.scale.height)))

    def _shorten_entries(self, legend: Legend) -> None:
        """Leave out the middle of entries that would reach beyond the figure."""
        place = self.axes.get_position()
        excess = self._size_of(legend)[0] - (1.0 - place.x0) / place.width
        sizes = [self._size_of(text)[0] for text in legend.get_texts()]
        for text, size in zip(legend.get_texts(), sizes, strict=True):
            room = max(sizes) - excess
            if size > room:
                text.set_text(shorten(text.get_text(), int(len(text.get_text()) * room / size) - 1))

    def _shorten_labels(self) -> bool:
        """Leave out the middle of an axis label that is longer than its axis; say whether any was."""
        plot = self.axes.get_window_extent(self.renderer)
        changed = False
        for axes in self.figure.axes:
            for label, room in ((axes.xaxis.label, 1.15 * plot.width), (axes.yaxis.label, 1.1 * plot.height)):
                extent = label.get_window_extent(self.renderer)
                longest = max(extent.width, extent.height)
                if longest > room:
                    label.set_text(shorten(label.get_text(), int(len(label.get_text()) * room / longest)))
                    changed = True
        return changed

    def _thin_labels(self) -> bool:
        """Leave out step labels at regular distances until they stand apart; say whether that changed anything."""
        axis = self.chart.x
        shown = [label.get_text() for label in self.axes.get_xticklabels()]
        widest = max(label.get_window_extent(self.renderer).width for label in self.axes.get_xticklabels())
        share = float(np.diff(axis.fraction(axis.ticks[:2]), append=1.0)[0])
        room = self.axes.get_window_extent(self.renderer).width * share
        every = math.ceil(1.25 * widest / room)
        texts = [text if place % every == 0 else "" for place, text in enumerate(axis.tick_texts)]
        if texts == shown:
            return False
        self.axes.set_xticks(axis.fraction(axis.ticks), texts)
        return True

    def place_labels(self) -> None:
        """Put the words beside marks where they touch nothing."""
        content = drawn(self.chart)
        for layer in self.labels:
            if isinstance(layer, Text):
                self._label(layer, content)
            elif layer.label:
                self._rule_label(layer, content)
        over = max((box.top for box in self.taken), default=0.0) - 1.0
        if over > 0.0:
            self.above = max(self.above, over * self.axes.get_position().height * self.scale.height)
            self.fit()

    def _label(self, layer: Text, content: Drawn) -> None:
        x, y = (float(number) for number in self._points(layer.side, layer.step, layer.value))
        text = self._words(layer.text, layer.colour)
        gap, size = self._across(0.75 * self.scale.font), self._size_of(text)
        box = label_box((x, y), size, gap, content, self.taken, headroom=self._headroom(size, gap))
        self._settle_or_drop(text, box)

    def _headroom(self, size: tuple[float, float], gap: tuple[float, float]) -> float:
        """How far a label may reach over the top: by its height, if nothing else stands there."""
        return 0.0 if self.chart.title or self.legend_above else size[1] + gap[1]

    def _rule_label(self, layer: Rule, content: Drawn) -> None:
        """Write a rule's label along it, at the end where there is most room; nowhere, if there is none."""
        text = self._words(layer.label, layer.colour)
        size, gap = self._size_of(text), self._across(0.4 * self.scale.font)
        if layer.step is not None:
            options = beside_vertical(float(self.chart.x.fraction(layer.step)), size, gap)
        else:
            options = beside_horizontal(float(self.chart.axis(layer.side).fraction(layer.value or 0.0)), size, gap)
        self._settle_or_drop(text, emptiest(options, content, self.taken))

    def _words(self, text: str, colour: Colour) -> DrawnText:
        halo = withStroke(linewidth=0.24 * self.scale.font, foreground=self.palette["ground"], alpha=0.7)
        look: _Look = {"fontsize": self.scale.tick, "color": self.palette[colour], "path_effects": [halo], "zorder": 95}
        return self.axes.text(0.5, 0.5, text, ha="left", va="bottom", **look)

    def _settle_or_drop(self, text: DrawnText, box: Box | None) -> None:
        if box is None:
            text.remove()
            return
        text.set_position((box.left, box.bottom))
        self.taken.append(box)

    def _size_of(self, artist: Legend | DrawnText) -> tuple[float, float]:
        """Return an artist's width and height as fractions of the plot."""
        own, plot = artist.get_window_extent(self.renderer), self.axes.get_window_extent(self.renderer)
        return own.width / plot.width, own.height / plot.height

    def _across(self, points: float) -> tuple[float, float]:
        """Turn a length in points into fractions of the plot, across and up."""
        place = self.axes.get_position()
        inches = points / 72.0
        return inches / (place.width * self.scale.width), inches / (place.height * self.scale.height)


def encode(figure: Figure, name: str, caption: str, kind: Kind, dpi: float) -> bytes:
    """Write a figure in one format, without a date; name and caption are what a screen reader gets."""
    file = io.BytesIO()
    look: dict[str, Any] = {"facecolor": figure.get_facecolor(), "edgecolor": "none"}
    if kind == "svg":
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")), **look)
        return _finished_svg(file.getvalue().decode(), name, caption).encode()
    if kind == "pdf":
        about = {"Title": name, "Subject": caption, "Creator": "heldout", "CreationDate": None}
    else:
        about = {"Title": name, "Description": caption, "Software": "heldout"}
    about = {key: text for key, text in about.items() if text != ""}
    if kind == "png":
        look["pil_kwargs"] = {"compress_level": 4}  # three times as quick as the default, for a few bytes more
    figure.savefig(file, format=kind, dpi=dpi, metadata=about, **look)
    return file.getvalue()


def _finished_svg(svg: str, name: str, caption: str) -> str:
    """Make a drawing fit to stand inside a page beside others: own ids, a title and a description."""
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!DOCTYPE.*?>\s*", "", svg, flags=re.DOTALL)
    own = "h" + hashlib.sha256(svg.encode()).hexdigest()[:10]
    svg = re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{own}-", svg)
    title = f'<title id="{own}-title">{escape(name)}</title>'
    description = f'<desc id="{own}-desc">{escape(caption)}</desc>'
    return re.sub(
        r"<svg ([^>]*)>",
        lambda match: f'<svg role="img" aria-labelledby="{own}-title {own}-desc" {match[1]}>\n {title}\n {description}',
        svg,
        count=1,
    )
