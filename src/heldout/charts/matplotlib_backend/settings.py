"""Matplotlib's settings while a chart is drawn: heldout's own, not the user's; and the fonts that this machine has."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib as mpl
from matplotlib.font_manager import fontManager

# For keys in Chinese, Japanese or Korean, which matplotlib's own font lacks: what Linux, macOS and Windows bring along.
_MORE_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS"),
)
_SETTINGS: Mapping[str, Any] = {
    "text.parse_math": False,  # a dollar sign in a key is a dollar sign
    "text.usetex": False,
    "axes.unicode_minus": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "heldout",
    "pdf.fonttype": 42,
    "path.simplify": True,
}


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
