"""Charts: the two standard figures of reinforcement learning after pre-training, and what they are made of.

A `Chart` is data: axes, layers and a caption, frozen. The functions of the gallery turn a run into one:
`reward_and_held_out` and `length_and_pass_rate` are the two figures that everyone in the field draws, and `dual_axis`
draws any metric against any other. Nothing is drawn until `save` or `svg` is called, and only then is a
plotting library loaded. `Hints` ask for particular ticks, labels and markers where the defaults are not wanted::

    from heldout import charts

    chart = charts.reward_and_held_out(run, labels={"held_out": "Pass@1"}, marks=charts.Marks(chosen=350))
    charts.save(chart, "figure.pdf", width_cm=8.5)
    page = charts.svg(chart, theme="dark")
"""

from __future__ import annotations

from heldout.charts.drawing import draw, render, renders, save, svg, unknown_signs
from heldout.charts.gallery import dual_axis, length_and_pass_rate, reward_and_held_out
from heldout.charts.hints import Hints
from heldout.charts.placement import legend_place
from heldout.charts.spec import (
    COLUMN_CM,
    PAGE_CM,
    SLIDE_CM,
    Axis,
    Band,
    Chart,
    Colour,
    Dash,
    Line,
    Marker,
    Place,
    Points,
    Rule,
    Side,
    Span,
    Text,
)
from heldout.charts.style import Style
from heldout.charts.wanted import Marks, Share

__all__ = [
    "COLUMN_CM",
    "PAGE_CM",
    "SLIDE_CM",
    "Axis",
    "Band",
    "Chart",
    "Colour",
    "Dash",
    "Hints",
    "Line",
    "Marker",
    "Marks",
    "Place",
    "Points",
    "Rule",
    "Share",
    "Side",
    "Span",
    "Style",
    "Text",
    "draw",
    "dual_axis",
    "legend_place",
    "length_and_pass_rate",
    "render",
    "renders",
    "reward_and_held_out",
    "save",
    "svg",
    "unknown_signs",
]
