"""Does the response length run away or collapse, and are responses cut off?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from heldout.detectors.question import FRACTION, Text, above, at_least, parameter
from heldout.detectors.signal import Binned, Bins, Line, slope
from heldout.findings import Finding, Severity
from heldout.stats.levels import TWO_SIDED_95

_LEAST_RISE = 0.1  # of the share of cut responses, where its start is so steady that anything is far from it


@dataclass(eq=False, kw_only=True)
class LengthDrift(Binned):
    """Does the response length run away or collapse, and are responses cut off?

    The level is the median of bins of `width` points, the start the median of the first `start` points, and nothing
    within `sigmas` times the noise there counts. ``length_growth`` is found when `patience` bins in a row lie above
    `growth` times the start and the slope of the last bins is positive with 95 % confidence; ``length_collapse`` when
    they lie below `collapse` times the start; ``truncation_rising`` when the share of responses cut at the limit is
    above `truncated`, and at least a tenth above its own start.

    What it cannot see: whether the longer answers are better; lengths of right and wrong answers apart; a share of cut
    responses that was large from the first step on.

    False alarms: 0.15 % (3 of 2000 simulated healthy runs).
    """

    name = "length"
    needs = ("length", "truncation")

    growth: float = parameter(2.0, above(1.0), "factor of the length at the start that is too long")
    collapse: float = parameter(1.0 / 3.0, FRACTION, "factor of the length at the start that is too short")
    truncated: float = parameter(0.2, FRACTION, "share of cut responses that is too large")
    sigmas: float = parameter(4.0, at_least(0.0), "distance from the start in its noise, of lengths on a log scale")

    def _reset(self) -> None:
        super()._reset()
        self._line = Line()

    def _look(self, full: Mapping[str, Bins]) -> Iterator[Finding]:
        if bins := full.get("length"):
            yield from self._length(bins)
        if bins := full.get("truncation"):
            start, now = self._tracks["truncation"], bins.value
            on = (now > self.truncated) & (now > start.level + max(_LEAST_RISE, self.sigmas * start.noise))
            for place, steps in self._begins("truncation_rising", bins, on, now < 0.7 * self.truncated):
                numbers = {"truncation": float(now[place]), "start_level": start.level, "threshold": self.truncated}
                yield self._finding("truncation_rising", steps, numbers)

    def _length(self, bins: Bins) -> Iterator[Finding]:
        start, now, level = self._tracks["length"], bins.value, self._tracks["length"].level
        if level <= 0.0:
            return
        self._line.add(bins.last, now)
        longer = (now > self.growth * level) & start.far_above(now, self.sigmas)
        short_again = now < 0.5 * (1.0 + self.growth) * level

        def still_grows(place: int) -> bool:
            return self._line.rises(bins.last[place], TWO_SIDED_95)

        for place, steps in self._begins("length_growth", bins, longer, short_again, still_grows):
            yield self._grown(float(now[place]), steps)
        shorter = (now < self.collapse * level) & start.far_below(now, self.sigmas)
        for place, steps in self._begins("length_collapse", bins, shorter, now > 1.5 * self.collapse * level):
            here = float(now[place])
            numbers = {"length": here, "start_level": level, "start_noise": start.noise, "threshold": self.collapse}
            yield self._finding("length_collapse", steps, numbers, {"part": here / level})

    def _grown(self, now: float, steps: tuple[int, int]) -> Finding:
        level, (at, lengths) = self._tracks["length"].level, self._line.until(steps[1])
        rise, error = slope(at, lengths)
        per = 10.0 ** math.floor(math.log10(at[-1] - at[0]))
        low, high = (per * (rise + way * TWO_SIDED_95 * error) for way in (-1, 1))
        numbers = {"length": now, "start_level": level, "slope": rise, "slope_error": error}
        words = {"times": now / level, "rise": per * rise, "per": per, "low": low, "high": high}
        return self._finding("length_growth", steps, numbers, words)

    texts: ClassVar = {
        "length_growth": Text(
            severity=Severity.NOTICE,
            seen="The length has grown from {start_level:.3g} to {length:.3g}, {times:.1f} times, and still grows by "
            "{rise:.3g} in {per:.0f} steps (95 % interval {low:.3g} to {high:.3g}).",
            against="The threshold is {growth:g} times the median of the first {start} values, for {patience} bins of "
            "{width} points in a row.",
            means="Distribution shift: responses (or episodes) grow longer. They do so when that pays, and also when "
            "the loss favours length.",
            advice="See that the length limit still leaves room, and compare lengths of right and wrong answers; a "
            "loss averaged over each response favours long wrong ones.",
            reference="Liu et al. 2025, Understanding R1-Zero-Like Training, arXiv 2503.20783 (length bias)",
        ),
        "length_collapse": Text(
            severity=Severity.WATCH,
            seen="The length has fallen from {start_level:.3g} to {length:.3g}, {part:.0%} of the start.",
            against="The threshold is {collapse:.0%} of the median of the first {start} values (noise "
            "{start_noise:.2g}), for {patience} bins of {width} points in a row.",
            means="Distribution shift: responses have become much shorter. That can be plain economy, a stop token "
            "learned too early, or answers without their reasoning.",
            advice="Read some samples; compare with the held-out score over the same steps.",
        ),
        "truncation_rising": Text(
            severity=Severity.WARNING,
            seen="{truncation:.0%} of the responses are cut at the length limit.",
            against="At the start it was {start_level:.1%}; the threshold is {truncated:.0%}, for {patience} bins of "
            "{width} points in a row.",
            means="A cut response is usually judged wrong whatever it was about to say, so the reward measures the "
            "limit as much as the answer.",
            advice="Raise the length limit, leave cut responses out of the loss, or penalise length softly before the "
            "limit.",
            reference="Yu et al. 2025, DAPO, arXiv 2503.14476 (overlong filtering and soft length penalty)",
        ),
    }
