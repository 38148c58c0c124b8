"""Which fonts a chart's words are drawn with: the one that is asked for, and others for the signs that it lacks."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from matplotlib.font_manager import FontEntry, fontManager, get_font

from heldout.charts.spec import Chart, Line, Rule, Text
from heldout.errors import ChartError

# matplotlib brings these along, so that every machine draws the same; STIX is like Times.
_NAMED = {"sans": ("DejaVu Sans",), "serif": ("STIXGeneral", "DejaVu Serif", "DejaVu Sans")}
# For keys in Chinese, Japanese or Korean: what Linux, macOS and Windows bring along, before any other font.
_FIRST = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS"),
)
_BOXES = "Last Resort"  # a font of which every sign is a box
_FILES = {".ttf", ".otf", ".ttc"}


def families(font: str, texts: Iterable[str]) -> list[str]:
    """Return the names of fonts that have the signs of all texts, as far as this machine has such fonts."""
    own = list(_NAMED.get(font) or (_installed(font), "DejaVu Sans"))
    missing = set().union(*texts) - _signs_of(tuple(own))
    for entry in _others():
        if not missing:
            break
        if found := missing & _signs(entry.fname):
            own.append(entry.name)
            missing -= found
    return own


def unknown_signs(chart: Chart, font: str) -> str:
    """Return the signs of a chart's words that no installed font has."""
    texts = list(words(chart))
    return "".join(sorted(set().union(*texts) - _signs_of(tuple(families(font, texts)))))


def words(chart: Chart) -> Iterator[str]:
    """Yield everything that is written in a chart, as far as its signs are concerned."""
    yield from (chart.title, *chart.entries)
    for axis in (chart.x, chart.left, chart.right):
        if axis is not None:
            yield from (axis.title, *axis.tick_texts)
    for layer in chart.layers:
        yield layer.text if isinstance(layer, Text) else layer.label if isinstance(layer, Rule | Line) else ""


def _installed(font: str) -> str:
    """Return the name of an installed font, or of one in a file."""
    if Path(font).suffix.lower() in _FILES:
        return _added(font)
    names = {entry.name for entry in fontManager.ttflist}
    if font not in names:
        near = difflib.get_close_matches(font, names, n=3) or ["sans", "serif"]
        raise ChartError(f"No font {font!r} is installed; there are {', '.join(near)}, or give the path of its file.")
    return font


@cache
def _added(path: str) -> str:
    try:
        name: str = get_font(path).family_name
        fontManager.addfont(path)
    except (OSError, RuntimeError) as error:
        raise ChartError(f"The font {path!r} cannot be read ({error}); give a .ttf, .otf or .ttc file.") from None
    return name


def _others() -> list[FontEntry]:
    """Return every upright font of normal weight, those that have most signs first."""
    rank = {name: place for place, name in enumerate(_FIRST)}
    known = (font for font in fontManager.ttflist if not font.name.startswith(_BOXES))
    upright = (font for font in known if font.style == "normal" and font.weight in (400, "normal"))
    return sorted(upright, key=lambda font: (rank.get(font.name, len(rank)), font.name, font.fname))


def _signs_of(names: tuple[str, ...]) -> set[str]:
    return set("\n").union(*(_signs(font.fname) for font in fontManager.ttflist if font.name in names))


@cache
def _signs(path: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, get_font(path).get_charmap()))
    except (OSError, RuntimeError):  # one that was removed, or is broken
        return frozenset()
