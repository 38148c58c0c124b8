"""Does a gap between the reward and the held-out score widen, beyond what learning and its limits explain?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from heldout.stats.arrays import FloatArray, floats
from heldout.stats.noise import difference_noise
from heldout.stats.scan import Inflation
from heldout.stats.trend import contrasted, level_window, slope_weights

# Between what is trained on and what is held out there is always some gap, and it grows a little. What counts is one
# that is large at the end, grew much, and of which the held-out score took next to nothing.
_WIDE, _GROWN, _FOLLOWS = 0.4, 0.2, 0.25
_SURE = 3.0  # standard deviations, of all three: many looks are made at one run
_REWARD_NOISE = 1.5  # on the variance of reward means known from neighbouring ones, which understates what lasts longer
_FEWEST = 5  # evals with a reward before them
_LAST = 3  # of them make the gap at the end


@dataclass(frozen=True, slots=True)
class Widening:
    """A gap that widened."""

    start: int  # index of the first eval of the window over which it did
    reward: float  # change of the reward over the window, along its straight line
    held_out: float  # the same of the held-out score, and its standard deviation
    held_out_sd: float
    gap: float  # reward minus held-out score at the end, and its standard deviation
    gap_sd: float


def widening(
    reward: FloatArray, rate: FloatArray, variance: float, inflation: Inflation | None = None
) -> Widening | None:
    """Does a reward leave the held-out score behind?

    Over all evals, or over their last half (at least 8), straight lines are put through both. The gap widens where,
    each by three standard deviations: the reward ends more than 0.4 above the held-out score; the gap grew, and by 0.2
    or more; and the held-out score rose by less than a quarter of what the reward did.

    `reward`: shape (K,), mean reward before each eval, `nan` before the first that has one; `rate`: shape (K,); both
    are shares. `variance`: noise of one rate.
    `inflation`: how much noisier a contrast of rates is than independent noise.
    Returns the clearer of the two windows, None where the gap does not widen or there are fewer than five evals.

    What it cannot see: whether the training problems were learned by heart or the reward is easier to get than the
    task; a gap that was there from the start; a smaller one. A reward that counts more than correctness has no gap.
    """
    known = np.isfinite(reward)
    count = int(known.sum())
    if count < _FEWEST or not known[-count:].all() or not variance >= 0.0:
        return None
    noise = _REWARD_NOISE * difference_noise(reward[-count:])
    windows = {count, level_window(count)}
    filled = floats(np.where(known, reward, 0.0))
    found = [_over(window, filled, floats(rate), noise, variance, inflation) for window in windows]
    wider = [one for one in found if one is not None]
    return max(wider, key=lambda one: one.reward - one.held_out, default=None)


def _over(
    window: int, reward: FloatArray, rate: FloatArray, noise: float, variance: float, inflation: Inflation | None
) -> Widening | None:
    """Whether the gap widens over the last so many evals."""
    count = rate.size
    line = slope_weights(count, window) * (window - 1)
    last = np.concatenate([np.zeros(count - _LAST), np.full(_LAST, 1.0 / _LAST)])
    rise, gap, power = float(line @ reward), float(last @ (reward - rate)), float(line @ line)
    follows, sd = contrasted(rate, line, variance, inflation)
    grown_sd, part_sd = (math.sqrt(part**2 * noise * power + sd**2) for part in (1.0, _FOLLOWS))
    gap_sd = math.sqrt((noise + sd**2 / power) / _LAST)
    clear = gap - _WIDE > _SURE * gap_sd and rise - follows > max(_GROWN, _SURE * grown_sd)
    if clear and _FOLLOWS * rise - follows > _SURE * part_sd:
        return Widening(count - window, rise, follows, sd, gap, gap_sd)
    return None
