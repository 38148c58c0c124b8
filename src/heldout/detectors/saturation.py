"""Is there nothing left in the reward to tell answers apart?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from heldout.detectors.question import COUNT, FRACTION, Text, at_least, parameter
from heldout.detectors.signal import Binned, Bins, Latch
from heldout.findings import Finding, Severity
from heldout.stats.arrays import FloatArray, floats

# What to try where every answer is rewarded, while nothing else is known; with a verdict more can be said.
AT_THE_TOP = (
    "Look at the held-out score before anything else. Where that is high as well, take harder problems or stop here; "
    "where it is not, the reward pays for something else than the tests ask: read some answers."
)


@dataclass(eq=False, kw_only=True)
class RewardSaturation(Binned):
    """Is there nothing left in the reward to tell answers apart?

    ``reward_spread_collapse`` is found when `patience` bins in a row of the reward's spread lie below `share` of its
    level over the first `start` points, by more than `sigmas` times the noise there. ``reward_ceiling`` is found when
    as many bins of the reward all lie within `close` of the highest value so far and of each other, as a share of the
    range so far; or, for a reward that stayed within 0 and 1, within `close` of 1.

    What it cannot see: a ceiling below which the reward still jitters by more than `close`; whether the spread was
    taken within groups or over the batch; a reward that was at its ceiling from the first step on, unless that is 1.

    False alarms: none (0 of 2000 simulated healthy runs).
    """

    name = "saturation"
    needs = ("reward_std", "reward")

    share: float = parameter(0.1, FRACTION, "share of the spread at the start below which it has collapsed")
    close: float = parameter(0.01, FRACTION, "distance from the ceiling, as a share of the range")
    sigmas: float = parameter(4.0, at_least(0.0), "distance from the start in units of its noise, on a log scale")
    patience: int = parameter(4, COUNT, "bins in a row")

    def _reset(self) -> None:
        super()._reset()
        self._latches["reward_ceiling"] = Latch(1)  # that `patience` bins are on is asked of them together
        self._range: tuple[float, float] | None = None  # smallest and largest reward
        self._last = np.full(self.patience - 1, -np.inf)  # bins of the reward before the next one

    def _look(self, full: Mapping[str, Bins]) -> Iterator[Finding]:
        if bins := full.get("reward_std"):
            yield from self._spread(bins)
        if bins := full.get("reward"):
            yield from self._at_the_ceiling(bins)

    def _spread(self, bins: Bins) -> Iterator[Finding]:
        start, now = self._tracks["reward_std"], bins.value
        floor = self.share * start.level
        on = (now < floor) & start.far_below(now, self.sigmas)
        for place, steps in self._begins("reward_spread_collapse", bins, on, now > 2.0 * floor):
            numbers = {"reward_std": float(now[place]), "start_level": start.level, "start_noise": start.noise}
            yield self._finding("reward_spread_collapse", steps, numbers | {"floor": floor})

    def _at_the_ceiling(self, bins: Bins) -> Iterator[Finding]:
        begun = self._range or self._tracks["reward"].begun
        low, high = np.minimum.accumulate(bins.low), np.maximum.accumulate(bins.high)
        low, high = np.minimum(low, min(begun)), np.maximum(high, max(begun))
        self._range = float(low[-1]), float(high[-1])
        shared = (low >= 0.0) & (high <= 1.0) & (high >= 1.0 - self.close)
        bottom, top = np.where(shared, 0.0, low), np.where(shared, 1.0, high)
        lowest = self._lowest_of_last(bins.value)
        margin, below = self.close * (top - bottom), top - lowest
        on = (margin > 0.0) & (below <= margin)
        for place, steps in self._begins("reward_ceiling", bins, on, top - bins.value > 3.0 * margin):
            now, ceiling, floor = (float(one[place]) for one in (bins.value, top, bottom))
            numbers = {"reward": now, "ceiling": ceiling, "floor": floor, "close": self.close}
            stays = f"at {now:.4g}, within {below[place]:.2g} of" if below[place] > 0.0 else "at"
            yield self._finding("reward_ceiling", steps, numbers, {"stays": stays})

    def _lowest_of_last(self, value: FloatArray) -> FloatArray:
        """Return the lowest of the last `patience` bins up to each; minus infinity where there were not so many."""
        every = np.concatenate([self._last, value])
        self._last = every[len(value) :]
        return floats(sliding_window_view(every, self.patience).min(axis=1))

    texts: ClassVar = {
        "reward_spread_collapse": Text(
            severity=Severity.WATCH,
            seen="The spread of the reward fell from {start_level:.3g} to {reward_std:.3g}.",
            against="The floor is {share:.0%} of {start_level:.3g}, the median of the first {start} values (noise "
            "{start_noise:.2g}); {patience} bins of {width} points in a row lie below.",
            means="Saturation: answers hardly differ in reward, so what is left of the gradient is mostly noise (and "
            "is blown up where advantages are divided by the spread).",
            advice="Do not divide advantages by so small a spread. A finer reward, or problems that are neither always "
            "rewarded nor never, give answers apart from each other again.",
            reference="Liu et al. 2025, Understanding R1-Zero-Like Training, arXiv 2503.20783 (dividing by the spread)",
        ),
        "reward_ceiling": Text(
            severity=Severity.NOTICE,
            seen="The reward stayed {stays} its ceiling of {ceiling:.4g}.",
            against="{patience} bins of {width} points in a row within {close:.0%} of the range {floor:.3g} to "
            "{ceiling:.3g}.",
            means="Reward saturation: by this reward nothing is left to gain on these problems.",
            advice=AT_THE_TOP,
        ),
    }
