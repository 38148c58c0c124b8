"""Does one part of the reward take over while another falls?"""

from __future__ import annotations

import re

from heldout.detectors.base import Block
from heldout.detectors.series import (
    NO_EVIDENCE,
    Bin,
    Latch,
    Remembering,
    Track,
    above,
    at_least,
    counts,
    in_order,
    share_between,
)
from heldout.findings import Finding, Severity

# spreads, extremes, sums and differences of parts are logged beside the parts; they are none themselves
_NOT_A_PART = re.compile(
    r"(?:.*[/_])?(?:std|var|min|max|total|total_reward|sum|all)|.*(?:minus|(?:max|min)_episodes).*", re.IGNORECASE
)


class ComponentTakeover(Remembering):
    """Does one part of the reward take over while another falls?

    Each part is compared with its own first `start` points. ``component_takeover`` is found when, for `patience` bins
    in a row, one part accounts for more than `share` of all that rose while another has fallen; both by more than
    `sigmas` times their noise, and the one that falls by more than `fall` of its start.

    Parameters
    ----------
    share
        Share of the rise that one part must have.
    fall
        How far the other must have fallen, as a share of its level at the start.
    sigmas
        Size of a change in units of the noise at the start.
    start
        Points that make the start.
    width
        Points in a bin.
    patience
        Bins in a row.

    Notes
    -----
    What it cannot see: the weights of the parts, since most trainers log them unweighted; a part that is constant; a
    part that stays where it is while another rises.

    False alarms: 0.7 % (14 of 2000 simulated healthy runs of 200 to 1000 steps: flat, drifting or improving levels
    under autocorrelated noise (AR(1), coefficient 0.5 to 0.95)).
    """

    name = "components"
    needs = ("reward_component",)

    def __init__(
        self,
        share: float = 0.7,
        fall: float = 0.2,
        sigmas: float = 5.0,
        start: int = 20,
        width: int = 5,
        patience: int = 4,
    ) -> None:
        share_between("share", share)
        above("fall", fall, 0.0)
        at_least("sigmas", sigmas, 0.0)
        counts(start=start, width=width, patience=patience)
        self.share, self.fall, self.sigmas = share, fall, sigmas
        self.start, self.width, self.patience = start, width, patience
        self._tracks: dict[str, Track] = {}
        self._latest: dict[str, float] = {}
        self._latch = Latch(patience)

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        bins: dict[str, list[Bin]] = {}
        for name in sorted(block.parts):
            if not _NOT_A_PART.fullmatch(name):
                bins[name] = self._tracks.setdefault(name, Track(self.start, self.width)).update(block.parts[name])
        found: list[Finding] = []
        for _, ended in in_order(bins):
            self._latest.update({name: one.value for name, one in ended.items()})
            found += self._look(next(iter(ended.values())))
        return found

    def _look(self, one: Bin) -> list[Finding]:
        change = {name: now - self._tracks[name].level for name, now in sorted(self._latest.items())}
        gain = sum(one for one in change.values() if one > 0.0)
        up, down = max(change, key=change.__getitem__), min(change, key=change.__getitem__)
        rising, falling = self._tracks[up], self._tracks[down]
        share = change[up] / gain if gain > 0.0 else 0.0
        lost = -change[down]
        moved = change[up] > self.sigmas * rising.noise and lost > self.sigmas * falling.noise
        on = moved and share >= self.share and lost > max(self.fall * abs(falling.level), 1e-12)
        off = not gain > 0.0 or share < 0.8 * self.share or lost < 0.5 * self.fall * abs(falling.level)
        if not self._latch.update(one.first, on, off):
            return []
        return [
            Finding(
                detector=self.name,
                severity=Severity.WATCH,
                kind="component_takeover",
                step=one.last,
                steps=(self._latch.since, one.last),
                seen=f"{up} rose from {rising.level:.3g} to {self._latest[up]:.3g}, {share:.0%} of all that rose, "
                f"while {down} fell from {falling.level:.3g} to {self._latest[down]:.3g}.",
                against=f"Each part against the median of its first {self.start} values (noise {rising.noise:.2g} and "
                f"{falling.noise:.2g}); {self.share:.0%} of the rise and a fall of {self.fall:.0%}, for "
                f"{self.patience} bins of {self.width} points in a row.",
                means="The reward shifts from one part to another: what is optimised is no longer the same mixture. "
                f"{NO_EVIDENCE}",
                advice=f"See whether {down} is what the run is for. If so, raise its weight, or give {up} only where "
                f"{down} is earned too.",
                evidence={
                    "rise": change[up],
                    "fall": lost,
                    "share_of_rise": share,
                    "rising_start": rising.level,
                    "falling_start": falling.level,
                },
            )
        ]
