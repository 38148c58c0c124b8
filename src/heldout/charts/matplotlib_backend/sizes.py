"""How large words, lines and marks are in a figure of some width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CM = 1.0 / 2.54  # inches
LEAST_POINTS = 6.5  # smaller words cannot be read in print


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
    def of(cls, width_cm: float, height_cm: float | None = None) -> Scale:
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
