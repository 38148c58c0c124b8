"""Matplotlib's settings while a chart is drawn: heldout's own and those of a style sheet, not the user's."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib import style as styles
from matplotlib.colors import to_hex
from matplotlib.font_manager import FontProperties

from heldout.charts.matplotlib_backend.fonts import families
from heldout.charts.matplotlib_backend.sizes import Scale
from heldout.charts.palettes import SIDES
from heldout.charts.spec import Colour, Theme
from heldout.charts.style import PLAIN, Style
from heldout.errors import ChartError

Settings: TypeAlias = Mapping[str, Any]  # of matplotlib

_SETTINGS: Settings = {
    "text.parse_math": False,  # a dollar sign in a key is a dollar sign
    "text.usetex": False,
    "axes.unicode_minus": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "heldout",
    "pdf.fonttype": 42,
    "pgf.rcfonts": False,  # the document's fonts
    "path.simplify": True,
}
_FORMULAS = {"sans": "dejavusans", "serif": "stix"}  # fonts of formulas
# What a sheet may not change: it is no matter of looks, or would obey what is written in a log.
_NOT_OF_A_SHEET = ("backend", "svg.", "pdf.", "ps.", "pgf.", "savefig.", "text.parse_math", "text.latex", "interactive")


@contextmanager
def own_settings(style: Style = PLAIN, texts: Iterable[str] = ()) -> Iterator[Settings]:
    """Set the user's matplotlib settings aside, and its warning about signs that no font has; yield the sheet's."""
    settings: dict[Any, Any] = {
        key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith("backend")
    }
    sheet = _read(style.sheet)
    fonts: dict[Any, Any] = {
        "font.family": families(style.font, texts),
        "mathtext.fontset": _FORMULAS.get(style.font, "dejavusans"),
    }
    with mpl.rc_context(settings | fonts | {**sheet, **_SETTINGS}), warnings.catch_warnings(), _quiet():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*missing from.*font.*")
        yield sheet


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep matplotlib from logging, such as that a font has no bold form."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _read(sheet: str | None) -> Settings:
    """Return what a style sheet says of looks."""
    if sheet is None:
        return {}
    try:
        said = styles.library[sheet] if sheet in styles.library else _of_file(sheet)
    except OSError:
        raise ChartError(
            f"The style sheet {sheet!r} cannot be read; give the path of one, or a name that matplotlib knows, such as "
            "ggplot."
        ) from None
    if said.get("text.usetex"):
        raise ChartError(f"The style sheet {sheet!r} asks for LaTeX (text.usetex); write a .pgf file, which it sets.")
    return {key: value for key, value in said.items() if not key.startswith(_NOT_OF_A_SHEET)}


def _of_file(sheet: str) -> Settings:
    try:
        with _quiet():  # what is wrong with it is told below
            said: Any = mpl.rc_params_from_file(sheet, fail_on_error=True, use_default_template=False)
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        raise ChartError(f"The style sheet {sheet!r} is none of matplotlib's: {error}.") from None
    if not said:
        raise ChartError(f"The style sheet {sheet!r} holds no setting of matplotlib's, such as lines.linewidth: 2.")
    return dict(said)


def sizes(scale: Scale, sheet: Settings) -> Scale:
    """Return the sizes of a figure with those that a style sheet says."""
    now: Any = mpl.rcParams
    said: dict[str, float] = {}
    for name, keys in {"font": ("axes.labelsize", "font.size"), "tick": ("xtick.labelsize", "font.size")}.items():
        if any(key in sheet for key in keys):
            said[name] = FontProperties(size=now[keys[0]]).get_size_in_points()
    for name, key, share in (
        ("line", "lines.linewidth", 1.0),
        ("marker", "lines.markersize", 1.0),
        ("hair", "axes.linewidth", 1 / 1.6),
    ):
        if key in sheet:
            said[name] = share * float(sheet[key])
    return replace(scale, **said)


def palette(style: Style, theme: Theme, sheet: Settings) -> Mapping[str, str]:
    """Return the colour of every role, with those that a style sheet says; ``page`` is what lies around the plot."""
    keys = {"page": "figure.facecolor", "ground": "axes.facecolor", "grid": "grid.color", Colour.INK: "axes.labelcolor"}
    said = {role: to_hex(sheet[key]) for role, key in keys.items() if key in sheet}
    said.setdefault("page", style.colours(theme)["ground"])
    said.setdefault("ground", said["page"])
    cycle = sheet["axes.prop_cycle"].by_key().get("color", []) if "axes.prop_cycle" in sheet else []
    return {**style.colours(theme), **said, **dict(zip(SIDES, map(to_hex, cycle), strict=False))}
