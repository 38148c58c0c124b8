"""From a chart to a file, to bytes, or to an element of a page. The backend is loaded when something is drawn.

A report draws several charts, in processes of their own where a pool of them is given (`draw_all`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heldout.charts.palettes import as_variables
from heldout.charts.spec import FILE_KINDS, KINDS, NARROWEST_CM, PAGE_CM, THEMES, WIDEST_CM, Chart, Kind, Theme
from heldout.charts.style import PLAIN, Style
from heldout.errors import ChartError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def save(
    chart: Chart,
    path: str | Path,
    *,
    width_cm: float = PAGE_CM,
    height_cm: float | None = None,
    theme: Theme = "light",
    dpi: float = 200.0,
    style: Style = PLAIN,
) -> Path:
    """Draw a chart into a file; its suffix says in which format.

    Parameters
    ----------
    chart
        The specification.
    path
        Ends in .svg, .png, .pdf or .pgf (for LaTeX); its folder is made if it is not there.
    width_cm
        8.5 for one column of a paper, 16 for a page, 25 for a slide; text keeps a readable size at each.
    height_cm
        Chosen to suit the width if not given.
    theme
        ``light`` or ``dark``.
    dpi
        Pixels per inch of a PNG.
    style
        Fonts, colours, and a style sheet.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ChartError
        If the suffix, the theme or the size is not one that can be drawn.
    """
    path = Path(path)
    kind = _kind_of(path)
    data = render(chart, kind, width_cm=width_cm, height_cm=height_cm, theme=theme, dpi=dpi, style=style)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def draw(
    chart: Chart,
    ax: Axes | None = None,
    *,
    width_cm: float = PAGE_CM,
    height_cm: float | None = None,
    theme: Theme = "light",
    style: Style = PLAIN,
) -> Axes:
    """Draw a chart on axes of matplotlib, to go on with there.

    Parameters
    ----------
    chart
        The specification.
    ax
        Empty axes of a figure of yours, which keep their place; a new figure of pyplot's is made if none are given.
    width_cm, height_cm
        Size of the new figure, as for `save`; not asked where `ax` is given.
    theme
        ``light`` or ``dark``.
    style
        Fonts, colours, and a style sheet.

    Returns
    -------
    Axes
        The left axes, in the units of the steps and of the left side; those of the right side share their x axis.

    Raises
    ------
    ChartError
        If the theme or the size is not one that can be drawn.

    Examples
    --------
    >>> from heldout import charts, read
    >>> ax = charts.draw(charts.reward_and_held_out(read("example:deepseek-r1")))
    >>> line = ax.axvline(650.0, linestyle=":")
    """
    _check_size(width_cm, height_cm, theme, 100.0)
    from heldout.charts import matplotlib_backend  # heavy, and not needed to describe a chart

    return matplotlib_backend.draw(chart, ax, width_cm=width_cm, height_cm=height_cm, theme=theme, style=style)


def render(
    chart: Chart,
    kind: Kind,
    *,
    width_cm: float = PAGE_CM,
    height_cm: float | None = None,
    theme: Theme = "light",
    dpi: float = 200.0,
    style: Style = PLAIN,
) -> bytes:
    """Draw a chart into memory: the bytes of an SVG, PNG or PDF file. The same chart gives the same bytes."""
    return renders(chart, (kind,), width_cm=width_cm, height_cm=height_cm, theme=theme, dpi=dpi, style=style)[kind]


def renders(
    chart: Chart,
    kinds: Sequence[Kind] = KINDS,
    *,
    width_cm: float = PAGE_CM,
    height_cm: float | None = None,
    theme: Theme = "light",
    dpi: float = 200.0,
    style: Style = PLAIN,
) -> dict[Kind, bytes]:
    """Draw a chart once and write it in several formats; faster than one by one."""
    _check_size(width_cm, height_cm, theme, dpi)
    from heldout.charts import matplotlib_backend  # heavy, and not needed to describe a chart

    return matplotlib_backend.render(
        chart, tuple(kinds), width_cm=width_cm, height_cm=height_cm, theme=theme, dpi=dpi, style=style
    )


def unknown_signs(chart: Chart, style: Style = PLAIN) -> str:
    """Which signs of a chart's words does no font of this machine have? They are drawn as boxes."""
    from heldout.charts.matplotlib_backend.fonts import unknown_signs

    return unknown_signs(chart, style.font)


def svg(
    chart: Chart,
    *,
    width_cm: float = PAGE_CM,
    height_cm: float | None = None,
    theme: Theme = "light",
    style: Style = PLAIN,
) -> str:
    """Return an ``<svg>`` element to put inside an HTML page.

    It has no XML declaration, and its ids are its own: several can stand in one page.
    """
    return inside_page(render(chart, "svg", width_cm=width_cm, height_cm=height_cm, theme=theme, style=style))


def inside_page(data: bytes) -> str:
    """Take the XML declaration off an SVG file, so that it can stand in a page."""
    text = data.decode()
    return text[text.index("<svg") :]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure as its files and as a drawing inside a page."""

    files: dict[Kind, bytes]
    still: str  # an SVG element in colours that follow the page's theme


def drawn(chart: Chart, kinds: Sequence[Kind]) -> Drawn:
    """Draw a chart as files, and for a page."""
    wanted: tuple[Kind, ...] = tuple(kind for kind in FILE_KINDS if kind in kinds or kind == "svg")
    files = renders(chart, wanted)
    return Drawn({kind: files[kind] for kind in kinds}, as_variables(inside_page(files["svg"])))


def draw_all(charts: Sequence[Chart], kinds: Sequence[Kind], pool: Executor | None = None) -> Iterator[Drawn]:
    """Draw several charts: at once in the pool, if there is one, else when the next one is asked for.

    A pool that died costs time, not the figures.
    """
    started = None if pool is None else pool.map(drawn, charts, [tuple(kinds)] * len(charts))
    return _collected(started, charts, kinds)


def _collected(started: Iterator[Drawn] | None, charts: Sequence[Chart], kinds: Sequence[Kind]) -> Iterator[Drawn]:
    done = 0
    if started is not None:
        try:
            for one in started:
                yield one
                done += 1
        except BrokenProcessPool:
            pass
    yield from (drawn(chart, kinds) for chart in charts[done:])


def _kind_of(path: Path) -> Kind:
    suffix = path.suffix.lower().removeprefix(".")
    for kind in FILE_KINDS:
        if suffix == kind:
            return kind
    seen = f"ends in {path.suffix!r}" if path.suffix else "has no suffix"
    raise ChartError(f"The chart's file {path.name!r} {seen}; it must end in .svg, .png, .pdf or .pgf.")


def _check_size(width_cm: float, height_cm: float | None, theme: str, dpi: float) -> None:
    for name, size in (("width", width_cm), ("height", width_cm if height_cm is None else height_cm)):
        if not NARROWEST_CM <= size <= WIDEST_CM:
            raise ChartError(
                f"The chart's {name} is {size} cm; it must be between {NARROWEST_CM:g} and {WIDEST_CM:g} cm."
            )
    if theme not in THEMES:
        raise ChartError(f"The theme is {theme!r}; it must be {' or '.join(THEMES)}.")
    if not 30 <= dpi <= 1200:
        raise ChartError(f"The resolution is {dpi} dots per inch; it must be between 30 and 1200.")
