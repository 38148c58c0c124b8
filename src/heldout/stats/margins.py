"""How large a change of a score counts: fixed for shares, in units of its own noise and gain for any other score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heldout.stats.arrays import FloatArray
from heldout.stats.levels import DROP, LEVEL, ONSET

_TIE = 1e-4  # of a share: means of two checkpoints that are no further apart are the same
_FIFTH = 5  # the gain of a run is the mean of its last fifth over that of its first
_FALL_PART = 0.1


@dataclass(frozen=True, slots=True)
class Margins:
    """What counts as a change of a held-out score; all in the score's own unit."""

    level: float = LEVEL  # a smaller change over a quarter of the run is level
    drop: float = DROP  # smaller falls are not asked about; half of one is good enough
    tie: float = _TIE  # levels no further apart are the same
    onset_least: float = ONSET  # a score that is so far below its peak has begun to fall …
    onset_part: float = 0.0  # … or by this part of its whole fall, where that is more

    def onset(self, fall: float) -> float:
        """How far below its peak has a score begun to fall, of which the whole fall is `fall`?"""
        return max(self.onset_least, self.onset_part * fall)


def free_margins(scores: FloatArray, noise: float) -> Margins:
    """What counts as a change of a score that is no share, so that no unit of it is known?

    `scores` has shape (K,), `noise` is the variance of one of them. Turning the scores into ``a x + b`` with a > 0
    turns every margin into a times what it was.
    """
    sigma = noise**0.5
    count = max(2, len(scores) // _FIFTH)
    gain = max(0.0, float(np.mean(scores[-count:]) - np.mean(scores[:count]))) if len(scores) >= 2 else 0.0
    return Margins(
        level=max(1.5 * sigma, gain / 10.0),
        drop=0.4 * sigma,
        tie=0.01 * sigma,
        onset_least=0.5 * sigma,
        onset_part=_FALL_PART,
    )
