"""Are too many tokens clipped, or nearly all of them at one bound?"""

from __future__ import annotations

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
    ended_together,
    share_between,
)
from heldout.findings import Finding, Severity

_PPO = "Schulman et al. 2017, Proximal Policy Optimization Algorithms, arXiv 1707.06347"
_SIDES = ("clip_fraction_low", "clip_fraction_high")


class ClipSaturation(Remembering):
    """Are too many tokens clipped, or nearly all of them at one bound?

    ``clip_saturation`` is found when `patience` bins in a row lie above `share`, and above the start of the run by more
    than `sigmas` times its noise. ``clip_asymmetry`` is found when, for twice as many bins, one bound clips more than
    `ratio` times as many tokens as the other, and more than `smallest` of all.

    Parameters
    ----------
    share
        Share of clipped tokens that is too many.
    ratio
        How lopsided is too lopsided.
    smallest
        Share of clipped tokens below which a ratio says nothing.
    sigmas
        Distance from the start in units of its noise.
    start
        Points that make the start.
    width
        Points in a bin.
    patience
        Bins in a row.

    Notes
    -----
    What it cannot see: a run that was saturated from its first step on; whether lopsided clipping is what unequal
    bounds were set for.

    False alarms: 0.25 % (5 of 2000 simulated healthy runs of 200 to 1000 steps: flat, drifting or improving levels
    under autocorrelated noise (AR(1), coefficient 0.5 to 0.95)).
    """

    name = "clipping"
    needs = ("clip_fraction", *_SIDES)

    def __init__(
        self,
        share: float = 0.3,
        ratio: float = 5.0,
        smallest: float = 0.02,
        sigmas: float = 4.0,
        start: int = 20,
        width: int = 5,
        patience: int = 3,
    ) -> None:
        share_between("share", share)
        above("ratio", ratio, 1.0)
        share_between("smallest", smallest)
        at_least("sigmas", sigmas, 0.0)
        counts(start=start, width=width, patience=patience)
        self.share, self.ratio, self.smallest, self.sigmas = share, ratio, smallest, sigmas
        self.start, self.width, self.patience = start, width, patience
        self._tracks = {name: Track(start, width) for name in self.needs}
        self._saturation = Latch(patience)
        self._asymmetry = Latch(2 * patience)

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        found: list[Finding] = []
        for ended in ended_together(self._tracks, block):
            if "clip_fraction" in ended:
                found += self._total(ended["clip_fraction"])
            if all(side in ended for side in _SIDES):
                found += self._sides(*(ended[side] for side in _SIDES))
        return found

    def _total(self, one: Bin) -> list[Finding]:
        start = self._tracks["clip_fraction"]
        usual = start.level + self.sigmas * start.noise
        on = one.value > self.share and one.value > usual
        if not self._saturation.update(one.first, on, one.value < 0.8 * self.share):
            return []
        return [
            Finding(
                detector=self.name,
                severity=Severity.WARNING,
                kind="clip_saturation",
                step=one.last,
                steps=(self._saturation.since, one.last),
                seen=f"{one.value:.0%} of the tokens are clipped.",
                against=f"At the start it was {start.level:.1%} (noise {start.noise:.2g}); the threshold is "
                f"{self.share:.0%}, for {self.patience} bins of {self.width} points in a row.",
                means="Clip saturation: clipped tokens give no gradient, and so large a share means that the updates "
                f"on one batch leave the policy that sampled it. {NO_EVIDENCE}",
                advice="Lower the learning rate, take fewer update steps on each batch, or use larger batches.",
                reference=_PPO,
                evidence={"clip_fraction": one.value, "start_level": start.level, "threshold": self.share},
            )
        ]

    def _sides(self, low: Bin, high: Bin) -> list[Finding]:
        more, less = max(low.value, high.value), min(low.value, high.value)
        on = more > self.smallest and more > self.ratio * less
        off = more < 0.5 * self.smallest or more < 0.7 * self.ratio * less
        if not self._asymmetry.update(low.first, on, off):
            return []
        lower = low.value > high.value
        side = "lower" if lower else "upper"
        what = (
            "Updates mainly push tokens down, which can feed on itself until the policy is unstable."
            if lower
            else "Updates mainly push tokens up and are stopped there; rare tokens, which need the largest ratios, are "
            "held back most."
        )
        return [
            Finding(
                detector=self.name,
                severity=Severity.NOTICE,
                kind=f"clip_asymmetry_{side}",
                step=low.last,
                steps=(self._asymmetry.since, low.last),
                seen=f"{low.value:.2%} of the tokens are clipped at the lower bound, {high.value:.2%} at the upper.",
                against=f"More than {self.ratio:g} to 1, and above {self.smallest:.0%}, for {2 * self.patience} bins "
                f"of {self.width} points in a row.",
                means=f"Lopsided clipping. {what} {NO_EVIDENCE}",
                advice="Compare the two bounds with what was intended; a higher upper bound keeps more of the gradient "
                "of rare tokens, a lower learning rate reduces both.",
                reference="Yu et al. 2025, DAPO, arXiv 2503.14476 (a higher upper clipping bound)",
                evidence={"low": low.value, "high": high.value, "ratio": self.ratio},
            )
        ]
