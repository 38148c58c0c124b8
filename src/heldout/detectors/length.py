"""Does the response length run away or collapse, and are responses cut off?"""

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
    remember,
    share_between,
    slope,
)
from heldout.findings import Finding, Severity

_TREND_BINS = 20  # bins in the line whose slope is told
_Z95 = 1.96


class LengthDrift(Remembering):
    """Does the response length run away or collapse, and are responses cut off?

    The level is the median of bins of `width` points, the start the median of the first `start` points, and nothing
    within `sigmas` times the noise there counts. ``length_growth`` is found when `patience` bins in a row lie above
    `growth` times the start and the slope of the last bins is positive with 95 % confidence; ``length_collapse`` when
    they lie below `collapse` times the start; ``truncation_rising`` when the share of responses cut at the limit is
    above `truncated`, and at least a tenth above its own start.

    Parameters
    ----------
    growth, collapse
        Factors of the length at the start.
    truncated
        Share of cut responses that is too large.
    sigmas
        Distance from the start in units of its noise (lengths: relative noise, on a log scale).
    start
        Points that make the start.
    width
        Points in a bin.
    patience
        Bins in a row.

    Notes
    -----
    What it cannot see: whether the longer answers are better; lengths of right and wrong answers apart; a share of cut
    responses that was large from the first step on.

    False alarms: 0.15 % (3 of 2000 simulated healthy runs of 200 to 1000 steps: flat, drifting or improving levels
    under autocorrelated noise (AR(1), coefficient 0.5 to 0.95)).
    """

    name = "length"
    needs = ("length", "truncation")

    def __init__(
        self,
        growth: float = 2.0,
        collapse: float = 1.0 / 3.0,
        truncated: float = 0.2,
        sigmas: float = 4.0,
        start: int = 20,
        width: int = 5,
        patience: int = 3,
    ) -> None:
        above("growth", growth, 1.0)
        share_between("collapse", collapse)
        share_between("truncated", truncated)
        at_least("sigmas", sigmas, 0.0)
        counts(start=start, width=width, patience=patience)
        self.growth, self.collapse, self.truncated, self.sigmas = growth, collapse, truncated, sigmas
        self.start, self.width, self.patience = start, width, patience
        self._tracks = {name: Track(start, width) for name in self.needs}
        self._latches = {kind: Latch(patience) for kind in ("growth", "collapse", "truncation")}
        self._steps: list[float] = []
        self._levels: list[float] = []

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        found: list[Finding] = []
        for ended in ended_together(self._tracks, block):
            if "length" in ended:
                found += self._length(ended["length"])
            if "truncation" in ended:
                found += self._truncation(ended["truncation"])
        return found

    def _length(self, one: Bin) -> list[Finding]:
        start, now = self._tracks["length"], one.value
        level, noise = start.level, start.noise
        if level <= 0.0:
            return []
        remember(self._steps, one.last, _TREND_BINS)
        remember(self._levels, now, _TREND_BINS)
        growth, collapse = self._latches["growth"], self._latches["collapse"]
        rise, error = 0.0, 0.0
        longer = not growth.fired and now > self.growth * level and start.far_above(now, self.sigmas)
        if longer:
            rise, error = slope(self._steps, self._levels)
            longer = rise > _Z95 * error and rise > 0.0
        found = []
        if growth.update(one.first, longer, now < 0.5 * (1.0 + self.growth) * level):
            found.append(self._grown(one, level, rise, error))
        shorter = now < self.collapse * level and start.far_below(now, self.sigmas)
        if collapse.update(one.first, shorter, now > 1.5 * self.collapse * level):
            found.append(self._collapsed(one, level, noise))
        return found

    def _truncation(self, one: Bin) -> list[Finding]:
        start, now = self._tracks["truncation"], one.value
        rising = now > start.level + max(0.1, self.sigmas * start.noise)
        if not self._latches["truncation"].update(
            one.first, now > self.truncated and rising, now < 0.7 * self.truncated
        ):
            return []
        return [
            Finding(
                detector=self.name,
                severity=Severity.WARNING,
                kind="truncation_rising",
                step=one.last,
                steps=(self._latches["truncation"].since, one.last),
                seen=f"{now:.0%} of the responses are cut at the length limit.",
                against=f"At the start it was {start.level:.1%}; the threshold is {self.truncated:.0%}, for "
                f"{self.patience} bins of {self.width} points in a row.",
                means="A cut response is usually judged wrong whatever it was about to say, so the reward measures the "
                f"limit as much as the answer. {NO_EVIDENCE}",
                advice="Raise the length limit, leave cut responses out of the loss, or penalise length softly before "
                "the limit.",
                reference="Yu et al. 2025, DAPO, arXiv 2503.14476 (overlong filtering and soft length penalty)",
                evidence={"truncation": now, "start_level": start.level, "threshold": self.truncated},
            )
        ]

    def _grown(self, one: Bin, level: float, rise: float, error: float) -> Finding:
        low, high = 100.0 * (rise - _Z95 * error), 100.0 * (rise + _Z95 * error)
        return Finding(
            detector=self.name,
            severity=Severity.NOTICE,
            kind="length_growth",
            step=one.last,
            steps=(self._latches["growth"].since, one.last),
            seen=f"The length has grown from {level:.4g} to {one.value:.4g}, {one.value / level:.1f} times, and still "
            f"grows by {100.0 * rise:.3g} in 100 steps (95 % interval {low:.3g} to {high:.3g}).",
            against=f"The threshold is {self.growth:g} times the median of the first {self.start} values, for "
            f"{self.patience} bins of {self.width} points in a row.",
            means="Distribution shift: responses (or episodes) grow longer. They do so when that pays, and also when "
            f"the loss favours length. {NO_EVIDENCE}",
            advice="See that the length limit still leaves room, and compare lengths of right and wrong answers; a "
            "loss averaged over each response favours long wrong ones.",
            reference="Liu et al. 2025, Understanding R1-Zero-Like Training, arXiv 2503.20783 (length bias)",
            evidence={"length": one.value, "start_level": level, "slope": rise, "slope_error": error},
        )

    def _collapsed(self, one: Bin, level: float, noise: float) -> Finding:
        return Finding(
            detector=self.name,
            severity=Severity.WATCH,
            kind="length_collapse",
            step=one.last,
            steps=(self._latches["collapse"].since, one.last),
            seen=f"The length has fallen from {level:.4g} to {one.value:.4g}, {one.value / level:.0%} of the start.",
            against=f"The threshold is {self.collapse:.0%} of the median of the first {self.start} values (noise "
            f"{noise:.2g}), for {self.patience} bins of {self.width} points in a row.",
            means="Distribution shift: responses have become much shorter. That can be plain economy, a stop token "
            f"learned too early, or answers without their reasoning. {NO_EVIDENCE}",
            advice="Read some samples; compare with the held-out score over the same steps.",
            evidence={"length": one.value, "start_level": level, "start_noise": noise, "threshold": self.collapse},
        )
