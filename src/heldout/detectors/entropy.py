"""Does the policy's entropy collapse, or is it about to?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from heldout.detectors.question import FRACTION, Text, above, at_least, parameter
from heldout.detectors.signal import Binned, Bins, Line, far_below, slope
from heldout.findings import Finding, Severity
from heldout.stats.levels import ONE_SIDED_95

_FEWEST_BINS = 6  # bins that make a line to be drawn on
_SURE = 4.0  # standard errors by which that line must fall: it is drawn anew with each bin of a run
_NEAR = 2.5  # times the floor: from further away, a line drawn on is a guess
_EXHAUSTED = 0.2  # of the floor: here the reward is no excuse any more
_LEARNS = "The reward still rises, so this may be plain learning."
_DOES_NOT = "The reward is not seen to rise with it; on solved problems this can be plain convergence."
_text = partial(
    Text,
    advice="Look at some samples for repetition. Raise the sampling temperature or the upper clipping bound, add or "
    "raise an entropy or KL term, or lower the learning rate; restart from a checkpoint before the fall if diversity "
    "is needed.",
    reference="Cui et al. 2025, The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models, arXiv "
    "2505.22617; Yu et al. 2025, DAPO, arXiv 2503.14476 (a higher upper clipping bound)",
)


@dataclass(eq=False, kw_only=True)
class EntropyCollapse(Binned):
    """Does the policy's entropy collapse, or is it about to?

    The level is the median of bins of `width` points. ``entropy_collapse`` is found when `patience` bins in a row lie
    below `share` of the level of the first `start` points, and further below it than `sigmas` times the noise there;
    ``entropy_exhausted`` when they lie below a fifth of that. ``entropy_falling`` is found before, when the log-linear
    trend of the last bins reaches the floor within a fraction `horizon` of the steps so far. Entropy logged with a
    minus sign is turned round. While the reward rises, falling entropy is what learning looks like: collapse and fall
    are then only a notice.

    What it cannot see: a collapse within the first `start` points, or one that had happened before the log begins; an
    entropy that is low but steady; which tokens lost their entropy.

    False alarms: 1.35 % (27 of 2000 simulated healthy runs, all whose entropy fell; in 26 of them ``entropy_falling``).
    """

    name = "entropy"
    needs = ("entropy",)
    beside = ("reward",)

    share: float = parameter(0.25, FRACTION, "the floor, as a share of the level at the start")
    sigmas: float = parameter(4.0, at_least(0.0), "distance from the start in units of its noise, on a log scale")
    horizon: float = parameter(0.25, above(0.0), "how far ahead to look, as a share of the steps so far")

    def _reset(self) -> None:
        super()._reset()
        self._entropy, self._reward = Line(), Line()

    def _look(self, full: Mapping[str, Bins]) -> Iterator[Finding]:
        if reward := full.get("reward"):
            self._reward.add(reward.last, reward.value)
        track, bins = self._tracks["entropy"], full.get("entropy")
        if bins is None or not track.level:
            return
        sign = math.copysign(1.0, track.level)
        now, level = sign * bins.value, sign * track.level
        self._entropy.add(bins.last, now)
        floor, end = self.share * level, _EXHAUSTED * self.share * level
        beyond = far_below(now, level, self.sigmas * track.noise / level)
        for place, steps in self._begins("entropy_exhausted", bins, (now < end) & beyond, now > 2.0 * end):
            yield self._said("entropy_exhausted", steps, float(now[place]), level, floor=end)
        begins, collapsed = self._latches["entropy_collapse"].update_all(
            bins.first, (now < floor) & beyond, now > 1.5 * floor
        )
        for place, since in begins:
            steps = since, int(bins.last[place])
            yield self._said("entropy_collapse", steps, float(now[place]), level, start_noise=track.noise, floor=floor)

        def soon(place: int) -> bool:
            here = int(bins.last[place])
            return self._arrival(here, floor) <= here + self.horizon * (here - track.first)

        near = beyond & ~collapsed & (floor < now) & (now < _NEAR * floor)
        for place, steps in self._begins("entropy_falling", bins, near, now > 3.0 * floor, soon):
            arrival = self._arrival(steps[1], floor)
            yield self._said("entropy_falling", steps, float(now[place]), level, floor=floor, arrival=arrival)

    def _arrival(self, here: int, floor: float) -> float:
        """At which step does the trend of the last bins reach the floor? Infinity where it does not fall."""
        steps, levels = self._entropy.until(here)
        if len(levels) < _FEWEST_BINS or levels.min() <= 0.0:
            return math.inf
        fall, error = slope(steps, np.log(levels))
        if fall > -_SURE * error or fall >= 0.0:
            return math.inf
        return here + math.log(levels[-1] / floor) / -fall

    def _said(self, kind: str, steps: tuple[int, int], now: float, level: float, **more: float) -> Finding:
        learns = kind != "entropy_exhausted" and self._reward.rises(steps[1], ONE_SIDED_95)
        numbers = {"entropy": now, "start_level": level, **more}
        words = {"part": now / level, "end": _EXHAUSTED * self.share, "bins": len(self._entropy.until(steps[1])[0])}
        also = {**words, "reward": _LEARNS if learns else _DOES_NOT}
        return self._finding(kind, steps, numbers, also, Severity.NOTICE if learns else None)

    texts: ClassVar = {
        "entropy_collapse": _text(
            severity=Severity.WARNING,
            seen="The policy's entropy fell from {start_level:.3g} to {entropy:.3g}.",
            against="The floor is {share:.0%} of {start_level:.3g}, the median of the first {start} values (noise "
            "{start_noise:.2g}); {patience} bins of {width} points in a row lie below.",
            means="Entropy collapse: the samples of one prompt grow alike, and there is little left to explore. "
            "{reward}",
        ),
        "entropy_exhausted": _text(
            severity=Severity.WARNING,
            seen="The policy's entropy fell from {start_level:.3g} to {entropy:.3g}.",
            against="The floor is {end:.0%} of {start_level:.3g}, the median of the first {start} values; {patience} "
            "bins of {width} points in a row lie below.",
            means="Entropy collapse: the policy nearly always gives the same answer to a prompt, so sampling more of "
            "them explores nothing.",
        ),
        "entropy_falling": _text(
            severity=Severity.WATCH,
            seen="The policy's entropy is {entropy:.3g}, {part:.0%} of where it started, and falling: its trend "
            "reaches {floor:.3g} at about step {arrival:.0f}.",
            against="The floor is {share:.0%} of {start_level:.3g}, the median of the first {start} values; the "
            "log-linear trend of the last {bins} bins reaches it within {horizon:.0%} of the steps so far.",
            means="An entropy collapse is on its way, if nothing bends the curve. {reward}",
        ),
    }
