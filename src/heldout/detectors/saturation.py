"""Is there nothing left in the reward to tell answers apart?"""

from __future__ import annotations

from heldout.detectors.base import Block
from heldout.detectors.series import (
    NO_EVIDENCE,
    Bin,
    Latch,
    Remembering,
    Track,
    at_least,
    counts,
    ended_together,
    remember,
    share_between,
)
from heldout.findings import Finding, Severity


class RewardSaturation(Remembering):
    """Is there nothing left in the reward to tell answers apart?

    ``reward_spread_collapse`` is found when `patience` bins in a row of the reward's spread lie below `share` of its
    level over the first `start` points, by more than `sigmas` times the noise there. ``reward_ceiling`` is found when
    as many bins of the reward all lie within `close` of the highest value so far and of each other, as a share of the
    range so far; or, for a reward that stayed within 0 and 1, within `close` of 1.

    Parameters
    ----------
    share
        Share of the spread at the start below which it has collapsed.
    close
        Distance from the ceiling, as a share of the range.
    sigmas
        Distance from the start in units of its relative noise, on a log scale.
    start
        Points that make the start.
    width
        Points in a bin.
    patience
        Bins in a row.

    Notes
    -----
    What it cannot see: a ceiling below which the reward still jitters by more than `close`; whether the spread was
    taken within groups or over the batch; a reward that was at its ceiling from the first step on, unless that is 1.

    False alarms: none (0 of 2000 simulated healthy runs of 200 to 1000 steps: flat, drifting or improving levels
    under autocorrelated noise (AR(1), coefficient 0.5 to 0.95)).
    """

    name = "saturation"
    needs = ("reward_std", "reward")

    def __init__(
        self,
        share: float = 0.1,
        close: float = 0.01,
        sigmas: float = 4.0,
        start: int = 20,
        width: int = 5,
        patience: int = 4,
    ) -> None:
        share_between("share", share)
        share_between("close", close)
        at_least("sigmas", sigmas, 0.0)
        counts(start=start, width=width, patience=patience)
        self.share, self.close, self.sigmas = share, close, sigmas
        self.start, self.width, self.patience = start, width, patience
        self._tracks = {name: Track(start, width) for name in self.needs}
        self._spread = Latch(patience)
        self._ceiling = Latch(1)
        self._range: list[float] = []  # smallest and largest reward
        self._last: list[float] = []

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        found: list[Finding] = []
        for ended in ended_together(self._tracks, block):
            if "reward_std" in ended:
                found += self._look_at_spread(ended["reward_std"])
            if "reward" in ended:
                found += self._look_at_reward(ended["reward"])
        return found

    def _look_at_spread(self, one: Bin) -> list[Finding]:
        level, noise, now = self._tracks["reward_std"].level, self._tracks["reward_std"].noise, one.value
        floor = self.share * level
        on = now < floor and self._tracks["reward_std"].far_below(now, self.sigmas)
        if not self._spread.update(one.first, on, now > 2.0 * floor):
            return []
        return [
            Finding(
                detector=self.name,
                severity=Severity.WATCH,
                kind="reward_spread_collapse",
                step=one.last,
                steps=(self._spread.since, one.last),
                seen=f"The spread of the reward fell to {now:.3g}, {now / level:.0%} of where it started.",
                against=f"The floor is {self.share:.0%} of {level:.3g}, the median of the first {self.start} values "
                f"(noise {noise:.2g}); {self.patience} bins of {self.width} points in a row lie below.",
                means="Saturation: answers hardly differ in reward, so what is left of the gradient is mostly noise "
                f"(and is blown up where advantages are divided by the spread). {NO_EVIDENCE}",
                advice="Take harder problems or a finer reward, or stop here; do not divide advantages by so small a "
                "spread.",
                reference="Liu et al. 2025, Understanding R1-Zero-Like Training, arXiv 2503.20783 (dividing by the "
                "spread)",
                evidence={"reward_std": now, "start_level": level, "start_noise": noise, "floor": floor},
            )
        ]

    def _look_at_reward(self, one: Bin) -> list[Finding]:
        begun = self._range or self._tracks["reward"].begun
        low, high = min(*begun, one.low), max(*begun, one.high)
        self._range = [low, high]
        remember(self._last, one.value, self.patience)
        unit = low >= 0.0 and high <= 1.0
        bottom, top = (0.0, 1.0) if unit and high >= 1.0 - self.close else (low, high)
        margin = self.close * (top - bottom)
        lowest = min(self._last)
        on = len(self._last) == self.patience and margin > 0.0 and top - lowest <= margin
        off = top - one.value > 3.0 * margin
        if not self._ceiling.update(one.first, on, off):
            return []
        return [
            Finding(
                detector=self.name,
                severity=Severity.NOTICE,
                kind="reward_ceiling",
                step=one.last,
                steps=(one.first, one.last),
                seen=f"The reward stays at {one.value:.4g}, within {top - lowest:.2g} of its ceiling {top:.4g}.",
                against=f"{self.patience} bins of {self.width} points in a row within {self.close:.0%} of the range "
                f"{bottom:.3g} to {top:.3g}.",
                means=f"Reward saturation: there is nothing left to gain on these problems. {NO_EVIDENCE}",
                advice="Take harder problems, or stop; compare with the held-out score before going on.",
                evidence={"reward": one.value, "ceiling": top, "floor": bottom, "close": self.close},
            )
        ]
