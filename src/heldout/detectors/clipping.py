"""Are too many tokens clipped, or nearly all of them at one bound?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from heldout.detectors.question import COUNT, FRACTION, Text, above, at_least, parameter
from heldout.detectors.signal import Binned, Bins, Latch
from heldout.findings import Finding, Severity

_SIDES = ("clip_fraction_low", "clip_fraction_high")


def _lopsided(what: str) -> Text:
    return Text(
        severity=Severity.NOTICE,
        seen="{low:.2%} of the tokens are clipped at the lower bound, {high:.2%} at the upper.",
        against="More than {ratio:g} to 1, and above {smallest:.0%}, for {bins} bins of {width} points in a row.",
        means=f"Lopsided clipping. {what}",
        advice="Compare the two bounds with what was intended; a higher upper bound keeps more of the gradient of rare "
        "tokens, a lower learning rate reduces both.",
        reference="Yu et al. 2025, DAPO, arXiv 2503.14476 (a higher upper clipping bound)",
    )


@dataclass(eq=False, kw_only=True)
class ClipSaturation(Binned):
    """Are too many tokens clipped, or nearly all of them at one bound?

    ``clip_saturation`` is found when `patience` bins in a row lie above `share`, and above the start of the run by more
    than `sigmas` times its noise. ``clip_asymmetry_lower`` and ``clip_asymmetry_upper`` are found when, for one
    bin more, that bound clips more than `ratio` times as many tokens as the other, and more than `smallest` of all.

    What it cannot see: a run that was saturated from its first step on; whether lopsided clipping is what unequal
    bounds were set for.

    False alarms: 0.45 % (9 of 2000 simulated healthy runs, all ``clip_saturation`` where learning clips ever more).
    """

    name = "clipping"
    needs = ("clip_fraction", *_SIDES)

    share: float = parameter(0.3, FRACTION, "share of clipped tokens that is too many")
    ratio: float = parameter(5.0, above(1.0), "how lopsided is too lopsided")
    smallest: float = parameter(0.02, FRACTION, "share of clipped tokens below which a ratio says nothing")
    sigmas: float = parameter(4.0, at_least(0.0), "distance from the start in units of its noise")
    patience: int = parameter(5, COUNT, "bins in a row")  # of three, noise about a risen level passed in 2.5 %

    def _reset(self) -> None:
        super()._reset()
        self._latches["sides"] = Latch(self.patience + 1)

    def _look(self, full: Mapping[str, Bins]) -> Iterator[Finding]:
        if bins := full.get("clip_fraction"):
            yield from self._clipped(bins)
        if all(side in full for side in _SIDES):
            yield from self._sides(*(full[side] for side in _SIDES))

    def _clipped(self, bins: Bins) -> Iterator[Finding]:
        start, share = self._tracks["clip_fraction"], bins.value
        on = (share > self.share) & (share > start.level + self.sigmas * start.noise)
        for place, steps in self._begins("clip_saturation", bins, on, share < 0.8 * self.share):
            numbers = {"clip_fraction": float(share[place]), "start_level": start.level, "threshold": self.share}
            yield self._finding("clip_saturation", steps, numbers, {"noise": start.noise})

    def _sides(self, below: Bins, above: Bins) -> Iterator[Finding]:
        """Compare the two sides in bins that ended at the same step."""
        _, here, there = np.intersect1d(below.last, above.last, assume_unique=True, return_indices=True)
        bins, low, high = below.only(here), below.value[here], above.value[there]
        less, more = np.minimum(low, high), np.maximum(low, high)
        on = (more > self.smallest) & (more > self.ratio * less)
        off = (more < 0.5 * self.smallest) | (more < 0.7 * self.ratio * less)
        for place, steps in self._begins("sides", bins, on, off):
            kind = f"clip_asymmetry_{'lower' if low[place] > high[place] else 'upper'}"
            numbers = {"low": float(low[place]), "high": float(high[place]), "ratio": self.ratio}
            yield self._finding(kind, steps, numbers, {"bins": self.patience + 1})

    texts: ClassVar = {
        "clip_saturation": Text(
            severity=Severity.WARNING,
            seen="{clip_fraction:.0%} of the tokens are clipped.",
            against="At the start it was {start_level:.1%} (noise {noise:.2g}); the threshold is {share:.0%}, for "
            "{patience} bins of {width} points in a row.",
            means="Clip saturation: clipped tokens give no gradient, and so large a share means that the updates on "
            "one batch leave the policy that sampled it.",
            advice="Lower the learning rate, take fewer update steps on each batch, or use larger batches.",
            reference="Schulman et al. 2017, Proximal Policy Optimization Algorithms, arXiv 1707.06347",
        ),
        "clip_asymmetry_lower": _lopsided(
            "Updates mainly push tokens down, which can feed on itself until the policy is unstable."
        ),
        "clip_asymmetry_upper": _lopsided(
            "Updates mainly push tokens up and are stopped there; rare tokens, which need the largest ratios, are held "
            "back most."
        ),
    }
