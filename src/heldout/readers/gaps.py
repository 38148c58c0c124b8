"""Stretches of steps at which a run logged nothing, although it logs at steady intervals before and after."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from heldout.readers.restarts import is_clock
from heldout.run import Note, NoteKind, Series

# Ten usual intervals: a run that logs every tenth step and then every hundredth has changed its mind, and one that is
# drawn with a window of seven intervals is not interrupted by less.
_WIDE = 10
# Of all intervals: where more are that wide, the log has no usual interval.
_FEW = 0.02
_STEADY = 0.5  # of all intervals are the usual one; episodes, which end when they end, have none
_FEWEST_ROWS = 20
_MOST_NAMED = 3


def gaps(metrics: Mapping[str, Series]) -> list[Note]:
    """Say between which steps the metric with most values has none, if it is steady elsewhere."""
    series = max((one for key, one in metrics.items() if not is_clock(key)), key=len, default=None)
    if series is None or len(series) < _FEWEST_ROWS:
        return []
    step = np.sort(np.concatenate([series.step, series.nonfinite]))  # which have none in common
    interval = np.diff(step)
    usual = int(np.median(interval))
    before = np.flatnonzero(interval > _WIDE * usual)
    if not len(before) or len(before) > max(1, _FEW * len(interval)):
        return []
    if np.mean(interval == usual) < _STEADY:
        return []
    pairs = [(int(step[at]), int(step[at + 1])) for at in before]
    named = ", ".join(f"{first} and {last}" for first, last in pairs[:_MOST_NAMED])
    more = " …" if len(pairs) > _MOST_NAMED else ""
    missing = sum(last - first for first, last in pairs) - len(pairs) * usual
    every = "each step" if usual == 1 else f"one step in {usual}"
    text = f"No rows between steps {named}{more}: {missing} steps are missing; elsewhere {every} is logged."
    return [Note(NoteKind.MISSING, text, len(pairs))]
