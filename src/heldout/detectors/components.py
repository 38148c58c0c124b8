"""Does one part of the reward take over while another falls?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from heldout.detectors.base import Block
from heldout.detectors.parts import Moves, at, highest, tracked
from heldout.detectors.question import COUNT, FRACTION, Text, above, at_least, parameter
from heldout.detectors.signal import Binned, Bins
from heldout.findings import Finding, Severity


@dataclass(eq=False, kw_only=True)
class ComponentTakeover(Binned):
    """Does one part of the reward take over while another falls?

    Each part is compared with its own first `start` points. ``component_takeover`` is found when, for `patience` bins
    in a row, one part accounts for `share` or more of all that rose while another has fallen; both by more than
    `sigmas` times their noise, and the one that falls by more than `fall` of its start.

    What it cannot see: the weights of the parts, since most trainers log them unweighted; a part that is constant; a
    part that stays where it is while another rises.

    False alarms: 0.1 % (2 of 2000 simulated healthy runs).
    """

    name = "components"
    needs = ("reward_component",)

    share: float = parameter(0.7, FRACTION, "share of the rise that one part must have")
    fall: float = parameter(0.2, above(0.0), "how far the other must have fallen, as a share of its start")
    sigmas: float = parameter(5.0, at_least(0.0), "size of a change in units of the noise at the start")
    patience: int = parameter(4, COUNT, "bins in a row")

    def _reset(self) -> None:
        super()._reset()
        self._tracks = {}
        self._latest: dict[str, float] = {}  # part → its last bin

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        self._tracks = tracked(self._tracks, block.parts, self.start, self.width)
        return self._looked(block.parts)

    def _look(self, full: Mapping[str, Bins]) -> Iterator[Finding]:
        moves = Moves.of(full, self._tracks, self._latest)
        self._latest, change = moves.latest, moves.change
        up, down = highest(change), highest(-change)
        rise, lost, start = at(up, change), -at(down, change), np.abs(moves.level[down])
        gain = np.where(change > 0.0, change, 0.0).cumsum(axis=1)[:, -1]
        share = np.divide(rise, gain, out=np.zeros_like(gain), where=gain > 0.0)
        moved = (rise > self.sigmas * moves.noise[up]) & (lost > self.sigmas * moves.noise[down])
        on = moved & (share >= self.share) & (lost > np.maximum(self.fall * start, 1e-12))
        off = ~(gain > 0.0) | (share < 0.8 * self.share) | (lost < 0.5 * self.fall * start)
        for place, steps in self._begins("component_takeover", moves, on, off):
            yield self._said(moves, place, steps, float(share[place]))

    def _said(self, moves: Moves, place: int, steps: tuple[int, int], share: float) -> Finding:
        change = moves.change[[place]]
        up, down = int(highest(change)[0]), int(highest(-change)[0])
        numbers = {"rise": float(change[0, up]), "fall": -float(change[0, down]), "share_of_rise": share}
        numbers |= {"rising_start": float(moves.level[up]), "falling_start": float(moves.level[down])}
        names = {"up": moves.parts[up], "down": moves.parts[down], "needed": self.fall}
        levels = {"risen": moves.value[place, up], "fallen": moves.value[place, down]}
        noise = {"rising_noise": moves.noise[up], "falling_noise": moves.noise[down]}
        return self._finding("component_takeover", steps, numbers, names | levels | noise)

    texts: ClassVar = {
        "component_takeover": Text(
            severity=Severity.WATCH,
            seen="{up} rose from {rising_start:.3g} to {risen:.3g}, {share_of_rise:.0%} of all that rose, while {down} "
            "fell from {falling_start:.3g} to {fallen:.3g}.",
            against="Each part against the median of its first {start} values (noise {rising_noise:.2g} and "
            "{falling_noise:.2g}); {share:.0%} of the rise and a fall of {needed:.0%}, for {patience} bins of {width} "
            "points in a row.",
            means="The reward shifts from one part to another: what is optimised is no longer the same mixture.",
            advice="See whether {down} is what the run is for. If so, raise its weight, or give {up} only where {down} "
            "is earned too.",
        )
    }
