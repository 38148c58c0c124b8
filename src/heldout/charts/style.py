"""How a chart looks, as far as that is the reader's taste and the chart's not: fonts, colours, a style sheet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from heldout.charts.palettes import COLOURINGS, PALETTES, SIDES
from heldout.charts.spec import Theme
from heldout.errors import ChartError

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Style:
    """Fonts, colours and a style sheet.

    Attributes
    ----------
    font
        ``sans`` (DejaVu Sans), ``serif`` (STIX, which is like Times), the name of an installed font, or the path of a
        font's file. Signs that it lacks are drawn with another one that has them.
    palette
        A name (``heldout``, ``okabe-ito``, ``grey``), or colours for the left side, the right one and further series
        there, such as ``#0072b2,#d55e00``.
    sheet
        The path of a style sheet of matplotlib's, or the name of one that it brings along. It comes before the rest.
    """

    font: str = "sans"
    palette: str = "heldout"
    sheet: str | None = None

    def __post_init__(self) -> None:
        self.colours("light")

    def colours(self, theme: Theme) -> Mapping[str, str]:
        """Return the colour of every role, and of ``ground`` and ``grid``."""
        named = COLOURINGS.get(self.palette)
        if named is not None:
            return {**PALETTES[theme], **named[theme]}
        own = [part.strip() for part in self.palette.split(",")]
        if len(own) > len(SIDES) or not all(_COLOUR.fullmatch(part) for part in own):
            raise ChartError(
                f"The palette is {self.palette!r}; it can be {', '.join(COLOURINGS)}, or up to {len(SIDES)} colours "
                "such as #0072b2,#d55e00."
            )
        return {**PALETTES[theme], **dict(zip(SIDES, own, strict=False))}


PLAIN = Style()
