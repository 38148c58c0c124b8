"""May several metrics share one axis? Those of other units, or of sizes far apart, cannot be read there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from heldout.errors import ChartError
from heldout.metrics import Unit, meaning_of
from heldout.run import Run

_FAR = 100.0  # times the size of another metric, which is then a flat line beside it
_SHARES = {Unit.SHARE: "a share of 1", Unit.PERCENT: "a share in percent"}
_IN_WORDS = {"s": "seconds"}


def check_axis(run: Run, keys: Sequence[str]) -> None:
    """Refuse metrics that one axis cannot show together.

    A ChartError that says which metric has which unit, or how large each is.
    """
    for one, other in combinations(dict.fromkeys(run[key].name for key in keys), 2):
        if why := _apart(run, one, other):
            raise ChartError(
                f"{why}; one axis cannot show both. Draw one of them on the left, or in a figure of its own."
            )


def _apart(run: Run, one: str, other: str) -> str:
    units = [_unit(run, key) for key in (one, other)]
    if all(units) and units[0] != units[1]:
        return f"{one} is {units[0]}, and {other} is {units[1]}"
    if units[0] == units[1] and units[0] in _SHARES.values():
        return ""  # a share near 0 beside a large one says something
    sizes = [float(np.abs(run[key].value).max(initial=0.0)) for key in (one, other)]
    if min(sizes) > 0.0 and max(sizes) > _FAR * min(sizes):
        return f"{one} reaches {sizes[0]:.3g}, and {other} reaches {sizes[1]:.3g}"
    return ""


def _unit(run: Run, key: str) -> str:
    """What a metric is counted in, as far as its name and its values tell; empty where they do not."""
    unit = run.unit(key)
    if unit in _SHARES:
        return _SHARES[unit]
    match = meaning_of(key)
    counted = match.meaning.unit if match else ""
    return f"in {_IN_WORDS.get(counted, counted)}" if counted else ""
