"""Do most groups carry no signal, because all their rewards are equal?"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean, stdev
from typing import ClassVar

from heldout.detectors.question import COUNT, FRACTION, Text, parameter, whole
from heldout.detectors.signal import Bin, Binned, Latch
from heldout.findings import Finding, Severity

_SURE = 2.13  # standard errors, one-sided 95 % of the mean of five bins (Student's t)
_NEAR = 0.15  # this close to an end of its range, the reward says why the groups agree
_NO_GRADIENT = "A group whose rewards are all equal has no advantage and gives no gradient."
_equal = partial(
    Text,
    seen="In {zero_variance_groups:.0%} of the groups all rewards are equal{why}.",
    against="The threshold is {share:.0%}, held against the mean of {patience} bins of {width} points, {least:.0%} at "
    "least (95 %).",
    reference="Yu et al. 2025, DAPO, arXiv 2503.14476 (dynamic sampling)",
)
_WHY = {
    "groups_saturated": "nearly all of them because every answer is right: the reward is near the top of its range",
    "groups_too_hard": "nearly all of them because every answer is wrong: the reward is near the bottom of its range",
    "groups_without_signal": "some of them with a high reward and some with a low one",
}


def _mean_and_error(means: Sequence[float]) -> tuple[float, float]:
    """Return the mean of the means of bins and its standard error, as their own scatter tells it."""
    if len(means) < 2:
        return means[0], 0.0
    return fmean(means), stdev(means) / math.sqrt(len(means))


@dataclass(eq=False, kw_only=True)
class GroupsWithoutSignal(Binned):
    """Do most groups carry no signal, because all their rewards are equal?

    Found when the mean of the last `patience` bins lies above `share` by more than its own scatter explains (95 %).
    Where the reward stands in its range tells three cases apart: ``groups_saturated`` (near the top),
    ``groups_too_hard`` (near the bottom) and ``groups_without_signal`` (between, or no reward known). The range is 0 to
    1 for a reward that stayed within it, else what was seen so far.

    What it cannot see: which problems these are; groups whose rewards differ only by a length or format bonus, which
    count as having signal. A reward with other bounds than 0 and 1 that never moved has no range, and the case is
    then left open.

    False alarms: 0.65 % (13 of 2000 simulated healthy runs, mostly where the share rises with what is learned).
    """

    name = "groups"
    needs = ("zero_variance_groups",)
    beside = ("reward",)

    share: float = parameter(0.8, FRACTION, "share of groups without signal that is too large")
    start: int = parameter(0, whole(0), "points at the start that are left out")
    patience: int = parameter(5, COUNT, "bins that the mean is taken over")

    def _reset(self) -> None:
        super()._reset()
        self._latches["groups"] = Latch(1)
        self._last: deque[Bin] = deque(maxlen=self.patience)
        self._reward: tuple[float, float, float] | None = None  # smallest, largest and last

    def _look(self, ended: Mapping[str, Bin]) -> Iterator[Finding]:
        if reward := ended.get("reward"):
            low, high, _ = self._reward or (reward.low, reward.high, 0.0)
            self._reward = min(low, reward.low), max(high, reward.high), reward.value
        if one := ended.get("zero_variance_groups"):
            self._last.append(one)
            level, error = _mean_and_error([each.mean for each in self._last])
            on = len(self._last) == self.patience and level - _SURE * error > self.share
            latch = self._latches["groups"]
            if latch.update(self._last[0].first, on, off=level < 0.75 * self.share):
                kind, where, position = self._case()
                numbers = {"zero_variance_groups": level, "threshold": self.share, **position}
                words = {"why": where and f", {_WHY[kind]}{where}", "least": level - _SURE * error}
                yield self._finding(kind, (latch.since, one.last), numbers, words)

    def _case(self) -> tuple[str, str, dict[str, float]]:
        """Which case, where the reward stands in words, and in numbers."""
        if self._reward is None:
            return "groups_without_signal", "", {}
        low, high, now = self._reward
        if low >= 0.0 and high <= 1.0:
            low, high = 0.0, 1.0
        if high <= low:
            return "groups_without_signal", "", {}
        place = (now - low) / (high - low)
        kind = "groups_saturated" if place >= 1.0 - _NEAR else "groups_too_hard" if place <= _NEAR else ""
        where = f" (reward {now:.3g} in {low:.3g} to {high:.3g})"
        return kind or "groups_without_signal", where, {"reward": now, "low": low, "high": high}

    texts: ClassVar = {
        "groups_saturated": _equal(
            severity=Severity.NOTICE,
            means=f"Reward saturation: these problems have nothing left to teach. {_NO_GRADIENT}",
            advice="Take harder problems, or leave out those that are always solved; otherwise this is a good place to "
            "stop.",
        ),
        "groups_too_hard": _equal(
            severity=Severity.WARNING,
            means=f"The problems are too hard for this policy, or the judge rejects everything. {_NO_GRADIENT}",
            advice="Check the judge on a known solution. Take easier problems first, sample more answers for each "
            "problem, or give partial credit.",
        ),
        "groups_without_signal": _equal(
            severity=Severity.WATCH,
            means="Problems are either solved or hopeless, or the samples of one prompt have become alike. "
            f"{_NO_GRADIENT}",
            advice="Look at the entropy and at some groups. Filter problems by their pass rate while training, or "
            "sample more answers for each problem.",
        ),
    }
