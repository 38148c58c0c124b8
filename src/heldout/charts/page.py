"""Charts as files and as elements of a page, drawn in processes of their own where a pool of them is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from heldout.charts.drawing import inside_page, renders
from heldout.charts.palettes import as_variables
from heldout.charts.spec import KINDS, Chart, Kind

NARROW_CM = 9.0  # about the width of a phone: the words keep their size, the plot gives way


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure as its files and as drawings inside a page.

    Attributes
    ----------
    files
        Format → bytes.
    wide, narrow
        SVG elements for wide and narrow screens, in colours that follow the page's theme.
    """

    files: dict[Kind, bytes]
    wide: str
    narrow: str


def draw(chart: Chart, kinds: Sequence[Kind]) -> Drawn:
    """Draw a chart as files, and for a page."""
    wanted: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind in kinds or kind == "svg")
    files = renders(chart, wanted)
    narrow = renders(chart, ("svg",), width_cm=NARROW_CM)["svg"]
    wide_svg, narrow_svg = (as_variables(inside_page(svg)) for svg in (files["svg"], narrow))
    return Drawn({kind: files[kind] for kind in kinds}, wide_svg, narrow_svg)


def draw_all(charts: Sequence[Chart], kinds: Sequence[Kind], pool: Executor | None = None) -> Iterator[Drawn]:
    """Draw several charts: at once in the pool, if there is one, else when the next one is asked for.

    A pool that died costs time, not the figures.
    """
    started = None if pool is None else pool.map(draw, charts, [tuple(kinds)] * len(charts))
    return _collected(started, charts, kinds)


def _collected(started: Iterator[Drawn] | None, charts: Sequence[Chart], kinds: Sequence[Kind]) -> Iterator[Drawn]:
    done = 0
    if started is not None:
        try:
            for drawn in started:
                yield drawn
                done += 1
        except BrokenProcessPool:
            pass
    yield from (draw(chart, kinds) for chart in charts[done:])
