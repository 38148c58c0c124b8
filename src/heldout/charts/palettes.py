"""What the colour roles of a chart look like, on a light ground and on a dark one.

A page that is read both ways holds one drawing whose colours are CSS variables: `as_variables` puts them in, and
`stylesheet` gives them their values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from heldout.charts.spec import Colour

# Blue and vermillion that also differ in lightness, so that a grey print tells them apart; all that is used for text
# has a contrast of at least 4.5 with the ground.
PALETTES: Mapping[str, Mapping[str, str]] = {
    "light": {
        "ground": "#ffffff",
        "grid": "#e3e7eb",
        Colour.INK: "#1f2328",
        Colour.MUTED: "#5b6470",
        Colour.LEFT: "#00508f",
        Colour.RIGHT: "#c85000",
        Colour.RIGHT_2: "#7a2a00",
        Colour.RIGHT_3: "#a8327a",
        Colour.RIGHT_4: "#8a6a00",
        Colour.MARK: "#3d6b35",
    },
    "dark": {
        "ground": "#0d1117",
        "grid": "#262d36",
        Colour.INK: "#e6edf3",
        Colour.MUTED: "#9aa4af",
        Colour.LEFT: "#8fcaff",
        Colour.RIGHT: "#ff7a3c",
        Colour.RIGHT_2: "#ffc9a3",
        Colour.RIGHT_3: "#d98cc0",
        Colour.RIGHT_4: "#d9b44a",
        Colour.MARK: "#9ad08c",
    },
}

# The sides of a chart, in the order in which colours are given to them.
SIDES = (Colour.LEFT, Colour.RIGHT, Colour.RIGHT_2, Colour.RIGHT_3, Colour.RIGHT_4)


def _sides(light: str, dark: str) -> Mapping[str, Mapping[str, str]]:
    return {
        theme: dict(zip(SIDES, colours.split(), strict=True)) for theme, colours in (("light", light), ("dark", dark))
    }


COLOURINGS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "heldout": {"light": {}, "dark": {}},
    # Okabe, Ito 2008, "Color Universal Design"; the order is ours.
    "okabe-ito": _sides("#0072b2 #d55e00 #009e73 #cc79a7 #e69f00", "#56b4e9 #e69f00 #009e73 #cc79a7 #f0e442"),
    "grey": _sides("#000000 #595959 #7a7a7a #404040 #8c8c8c", "#ffffff #b3b3b3 #8f8f8f #d0d0d0 #a0a0a0"),
}


def as_variables(svg: str) -> str:
    """Replace the colours of a light drawing by the variables of `stylesheet`."""
    names = {colour: f"var(--chart-{role})" for role, colour in PALETTES["light"].items()}
    return re.sub("|".join(map(re.escape, names)), lambda found: names[found[0].lower()], svg, flags=re.IGNORECASE)


def stylesheet() -> str:
    """Return the rules that give the variables their colours, for light pages and for dark ones."""
    light, dark = (PALETTES[theme] for theme in ("light", "dark"))
    pairs = " ".join(f"--chart-{role}: light-dark({light[role]}, {dark[role]});" for role in light)
    return f":root {{ {pairs} }}"
