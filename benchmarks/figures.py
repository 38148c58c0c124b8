"""What ``heldout bench detect`` measured, as figures: false alarms against delay, and regret over problems.

Only `heldout.charts.matplotlib_backend` and this file import matplotlib; colours, font and file formats are the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from benchmarks.cases import Case, Result
from benchmarks.harness import Estimate
from benchmarks.rivals import ALARM, OURS
from benchmarks.score import Score, percent
from heldout.charts import PAGE_CM, Colour
from heldout.charts.matplotlib_backend.files import encode
from heldout.charts.matplotlib_backend.settings import own_settings
from heldout.charts.matplotlib_backend.sizes import CM
from heldout.charts.palettes import PALETTES
from heldout.errors import UsageError

DPI = 200.0
_LIGHT = PALETTES["light"]
_INK, _MUTED, _OURS, _GRID = _LIGHT[Colour.INK], _LIGHT[Colour.MUTED], _LIGHT[Colour.LEFT], _LIGHT["grid"]
_FONT, _SMALL, _HAIR = 8.5, 7.5, 0.6  # points
_MOST_NAMES = 2  # on one line
_REFERENCES = ("always", "never")
_RATES = (0, 1, 5, 10, 25, 50, 75, 100)  # ticks, %


def save(results: Sequence[Result], folder: Path) -> list[Path]:
    """Draw everything into a folder, each figure as SVG and PNG; return the files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, figure, title, caption in _figures(results):
            for kind in ("svg", "png"):
                path = folder / f"{name}.{kind}"
                path.write_bytes(encode(figure, title, caption, kind, DPI))
                written.append(path)
    except OSError as error:
        raise UsageError(f"--figures {folder}: nothing can be written there ({error.strerror}).") from error
    return written


def _figures(results: Sequence[Result]) -> Iterator[tuple[str, Figure, str, str]]:
    """Each figure with the name of its file, its title and its caption."""
    with own_settings():
        for result in results:
            title = f"{result.case.name}: false alarms against delay"
            yield f"{result.case.name}-alarms", alarms(result), title, _size(result)
        for case, group in _by_evals(results).items():
            yield f"regret-{case}", regret(group), "Regret of the checkpoint taken", _size(group[0])


def _by_evals(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Results that differ in the number of problems only, by the rest of their name."""
    groups: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda result: result.case.n):
        groups.setdefault(result.case.name.removeprefix(f"n{result.case.n}"), []).append(result)
    return groups


def _size(result: Result) -> str:
    return f"{result.runs} simulated runs of each family, seed {result.seed}"


def _what(case: Case) -> str:
    """The configuration in words."""
    kind = "" if "-" not in case.name else f" ({case.name.split('-')[1]})"
    samples = "" if case.m == 1 else f", {case.m} samples"
    return f"{case.n} problems, {case.K} evaluations{samples}{kind}"


@dataclass(frozen=True, slots=True)
class _Mark:
    """One detector in the plane."""

    detector: str
    rate: Estimate  # of false alarms, %
    delay: Estimate  # in evals

    @classmethod
    def of(cls, one: Score, case: Case) -> _Mark:
        rate = percent(one.mean("false_alarms", case.nulls))
        return cls(one.detector, rate, one.mean("delay", case.scored))

    @property
    def name(self) -> str:
        return self.detector.replace(ALARM.name, "heldout")

    @property
    def is_ours(self) -> bool:
        return self.detector in {detector.name for detector in OURS}

    @property
    def colour(self) -> str:
        return _OURS if self.is_ours else _MUTED

    @property
    def weight(self) -> str:
        return "bold" if self.detector == ALARM.name else "normal"


def alarms(result: Result) -> Figure:
    """How much delay does each detector pay for few false alarms?

    Left, each at its customary threshold: false alarms across, on a scale that spreads the small ones, and delay
    upwards. Right, where there are tuned thresholds, the delays at equal false alarms.
    """
    customary = [_Mark.of(one, result.case) for one in result.default]
    tuned = [_Mark.of(one, result.case) for one in result.matched]
    figure = _figure(PAGE_CM, 9.6)
    top = 1.06 * max(mark.delay.value for mark in (*customary, *tuned))
    left = figure.add_axes((0.075, 0.115, 0.585 if tuned else 0.9, 0.745))
    _frame(left, "false alarms, % of the runs that never fall", "delay, evaluations; a miss counts to the end")
    left.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0.0)), np.square))
    left.set(xlim=(0.0, 104.0), ylim=(0.0, top), xticks=_RATES, xticklabels=map(str, _RATES))
    _title(left, "customary thresholds")
    for mark in customary:
        _draw(left, mark, mark.rate.value)
    _label_around(left, customary)
    if tuned:
        right = figure.add_axes((0.70, 0.115, 0.28, 0.745), sharey=left)
        _frame(right, "", "")
        right.set(xlim=(0.0, 1.0), xticks=())
        right.tick_params(labelleft=False, left=False)
        right.spines["bottom"].set_visible(False)
        right.spines["left"].set_visible(False)
        _title(right, "tuned to 5 % false alarms")
        for mark in tuned:
            _draw(right, mark, 0.05)
        _label_beside(right, tuned, 0.05)
    figure.text(0.012, 0.965, _what(result.case), fontsize=1.1 * _FONT, fontweight="bold", color=_INK, va="center")
    figure.text(0.988, 0.965, _size(result), fontsize=_SMALL, color=_MUTED, ha="right", va="center")
    return figure


def regret(results: Sequence[Result]) -> Figure:
    """How far is the checkpoint that each method takes below the best one, over the number of problems?"""
    figure = _figure(0.6 * PAGE_CM, 6.6)
    axes = figure.add_axes((0.13, 0.17, 0.64, 0.66))
    _frame(axes, "problems", "regret, percentage points")
    sizes = [float(result.case.n) for result in results]
    for method in results[0].selected:
        found = [result.selection(method).regret for result in results]
        colour = _OURS if method == "heldout" else _MUTED
        values, errors = [one.value for one in found], [one.se for one in found]
        axes.errorbar(
            sizes, values, errors, color=colour, linewidth=1.3, elinewidth=1.0, capsize=2.0, marker="o", markersize=4.5
        )
        axes.annotate(
            "highest rate seen" if method == "raw argmax" else method,
            (sizes[-1], values[-1]),
            xytext=(7.0, 0.0),
            textcoords="offset points",
            va="center",
            fontsize=_SMALL,
            color=colour,
            fontweight="bold" if method == "heldout" else "normal",
            annotation_clip=False,
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set_xlim(sizes[0] / 1.25, sizes[-1] * 1.25)
    axes.set_ylim(0.0, None)
    case = results[0].case
    title = _what(case).split(", ", 1)[1]
    figure.text(0.02, 0.95, title, fontsize=1.1 * _FONT, fontweight="bold", color=_INK, va="center")
    figure.text(0.98, 0.95, _size(results[0]), fontsize=0.9 * _SMALL, color=_MUTED, ha="right", va="center")
    return figure


def _figure(width_cm: float, height_cm: float) -> Figure:
    figure = Figure(figsize=(width_cm * CM, height_cm * CM), dpi=DPI, facecolor=_LIGHT["ground"])
    FigureCanvasAgg(figure)
    return figure


def _frame(axes: Axes, x: str, y: str) -> None:
    """Two spines, a faint grid, no lid."""
    axes.set_axisbelow(True)
    axes.grid(True, color=_GRID, linewidth=_HAIR)
    axes.set_xlabel(x, fontsize=_FONT, color=_INK)
    axes.set_ylabel(y, fontsize=_FONT, color=_INK)
    axes.tick_params(labelsize=_SMALL, colors=_INK, width=_HAIR, length=3.0)
    for side, spine in axes.spines.items():
        spine.set(visible=side in ("left", "bottom"), linewidth=1.6 * _HAIR, edgecolor=_INK)


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=_FONT, color=_MUTED, pad=8.0)


def _draw(axes: Axes, mark: _Mark, x: float) -> None:
    """A dot with its standard error; open for what cannot be wrong."""
    reference = mark.detector in _REFERENCES
    axes.errorbar(
        x,
        mark.delay.value,
        mark.delay.se,
        color=mark.colour,
        elinewidth=0.9,
        marker="o",
        markersize=6.5 if reference or mark.detector == ALARM.name else 4.8,
        markerfacecolor=_LIGHT["ground"] if reference else mark.colour,
        markeredgecolor=mark.colour if reference else _LIGHT["ground"],
        markeredgewidth=1.0 if reference else 0.5,
        clip_on=False,
        zorder=4.0 if mark.is_ours else 3.0,
    )


def _label(axes: Axes, mark: _Mark, text: str) -> Text:
    """The name of a detector, in shares of the figure, not placed yet; the grid stays behind it."""
    return axes.text(
        0.0,
        0.0,
        text,
        transform=axes.figure.transFigure,
        fontsize=_SMALL,
        color=mark.colour,
        fontweight=mark.weight,
        ha="left",
        va="center",
        zorder=5.0,
        bbox={"facecolor": _LIGHT["ground"], "edgecolor": "none", "pad": 0.4},
    )


def _label_beside(axes: Axes, marks: Sequence[_Mark], x: float) -> None:
    """Names and delays in a column right of the dots, in their order, as near to their heights as type allows."""
    ordered = sorted(marks, key=lambda mark: mark.delay.value)
    pixels = [axes.transData.transform((x, mark.delay.value)) for mark in ordered]
    line = 1.3 * _SMALL / 72.0 * DPI
    low, high = axes.bbox.y0 + 0.5 * line, axes.bbox.y1
    for mark, (at, height), y in zip(ordered, pixels, _apart([p[1] for p in pixels], line, low, high), strict=True):
        start = axes.bbox.x0 + 0.17 * axes.bbox.width
        _label(axes, mark, f"{mark.name}  {mark.delay.value:.1f}").set_position(_shares(axes, (start, y)))
        _leader(axes, (at, height), (start - 0.2 * line, y), mark)


def _apart(wanted: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Rising places at least so far from each other, as near to the wanted ones as possible (least squares).

    Groups that would touch are pooled about the mean of where their members want to be, as in isotonic regression.
    """
    groups: list[tuple[float, int]] = []  # the mean of wanted places less their rank's share, and how many
    for rank, place in enumerate(wanted):
        mean, count = place - rank * least, 1
        while groups and groups[-1][0] > mean:
            before, many = groups.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        groups.append((mean, count))
    offsets = [mean for mean, count in groups for _ in range(count)]
    most = high - (len(wanted) - 1) * least
    return [float(np.clip(offset, low, max(low, most))) + rank * least for rank, offset in enumerate(offsets)]


def _label_around(axes: Axes, marks: Sequence[_Mark]) -> None:
    """Each name right or left of its dot, or as little above or below as it takes to touch nothing."""
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    line = 1.25 * _SMALL / 72.0 * DPI
    dots = _dots(axes, marks, 0.3 * line)
    taken = [Bbox.from_bounds(x - 0.4 * line, y - 0.4 * line, 0.8 * line, 0.8 * line) for (x, y), _ in dots]
    inside = Bbox.from_extents(axes.bbox.x0, axes.bbox.y0, axes.bbox.x1, axes.bbox.y1 + line)
    for (x, y), here in dots:
        text = _label(axes, here[0], ", ".join(mark.name for mark in here))
        wide = text.get_window_extent(renderer).width
        boxes = (Bbox.from_bounds(left, middle - 0.5 * line, wide, line) for left, middle in _places(x, y, wide, line))
        free = (box for box in boxes if _within(box, inside) and not any(map(box.overlaps, taken)))
        box = next(free, Bbox.from_bounds(x + 0.6 * line, y - 0.5 * line, wide, line))
        left, middle = box.x0, 0.5 * (box.y0 + box.y1)
        text.set_position(_shares(axes, (left, middle)))
        taken.append(Bbox.from_extents(box.x0 - 0.4 * line, box.y0, box.x1 + 0.4 * line, box.y1))
        if abs(middle - y) > 0.3 * line:
            near = left - 0.15 * line if left > x else left + wide + 0.15 * line
            _leader(axes, (x, y), (near, middle), here[0])


def _dots(axes: Axes, marks: Sequence[_Mark], near: float) -> list[tuple[tuple[float, float], list[_Mark]]]:
    """Where the dots are, in pixels, heldout's own first; others that lie on each other share one name."""
    dots: list[tuple[tuple[float, float], list[_Mark]]] = []
    for mark in sorted(marks, key=lambda mark: (mark.detector != ALARM.name, not mark.is_ours, mark.delay.value)):
        x, y = axes.transData.transform((mark.rate.value, mark.delay.value)).tolist()
        near_by = (here for at, here in dots if math.dist(at, (x, y)) < near)
        same = [here for here in near_by if not here[0].is_ours and len(here) < _MOST_NAMES]
        if same and not mark.is_ours:
            same[0].append(mark)
        else:
            dots.append(((x, y), [mark]))
    return dots


def _within(box: Bbox, other: Bbox) -> bool:
    return bool(box.x0 >= other.x0 and box.x1 <= other.x1 and box.y0 >= other.y0 and box.y1 <= other.y1)


def _places(x: float, y: float, wide: float, line: float) -> Iterator[tuple[float, float]]:
    """Left end and middle of a name beside a dot: at its height, then further and further from it."""
    for shift in np.arange(0.0, 12.0, 0.25):
        gap = (0.6 + 0.5 * min(shift, 2.0)) * line
        for sign in (1.0, -1.0):
            yield x + gap, y + sign * shift * line
            yield x - gap - wide, y + sign * shift * line


def _leader(axes: Axes, start: tuple[float, float], end: tuple[float, float], mark: _Mark) -> None:
    """A hair line from a dot to its name, whose ends are given in pixels."""
    axes.plot(
        *zip(_shares(axes, start), _shares(axes, end), strict=True),
        transform=axes.figure.transFigure,
        color=mark.colour,
        linewidth=_HAIR,
        alpha=0.6,
        clip_on=False,
        zorder=2.0,
    )


def _shares(axes: Axes, pixels: tuple[float, float]) -> tuple[float, float]:
    """A place in pixels as shares of the figure: a file of another kind has pixels of its own."""
    x, y = axes.figure.transFigure.inverted().transform(pixels).tolist()
    return x, y
