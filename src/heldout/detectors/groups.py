"""Do most groups carry no signal, because all their rewards are equal?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from heldout.detectors.denominator import Denominator
from heldout.detectors.question import COUNT, FRACTION, Text, parameter, whole
from heldout.detectors.saturation import AT_THE_TOP
from heldout.detectors.signal import Binned, Bins
from heldout.findings import Finding, Severity
from heldout.run import NO_STEPS
from heldout.stats.arrays import FloatArray, IntArray

_SURE = math.log(100.0)  # a window in a hundred may get as far by chance, if the true share is the threshold
_FEW_BINS = 0.385  # (2.33 / 3.75)^2: of five bins the scatter is itself unsure (Korn and Graubard 1998)
_NEAR = 0.15  # this close to an end of its range, the reward says why the groups agree
_NO_GRADIENT = "A group whose rewards are all equal has no advantage and gives no gradient."
_equal = partial(
    Text,
    seen="In {zero_variance_groups:.0%} of the groups all rewards are equal{why}.",
    against="The threshold is {share:.0%}, held against {patience} bins of {width} points, which say as much as "
    "{groups:.0f} independent groups: if that were the true share, so many would agree with a probability of at most "
    "{chance:.1g}.",
    reference="Yu et al. 2025, DAPO, arXiv 2503.14476 (dynamic sampling)",
)
_WHY = {
    "groups_saturated": "nearly all of them because every answer is rewarded: the reward is near the top of its range",
    "groups_too_hard": "nearly all of them because no answer is rewarded: the reward is near the bottom of its range",
    "groups_without_signal": "while the reward is near neither end of its range",
}


def _independent(means: Sequence[float], most: float) -> float:
    """How many independent groups say as much of their mean as bins with these means, of so many groups at most?

    The scatter of the bins tells: where neighbours are alike, because the policy or the order of the problems drifts,
    they are fewer than there were.
    """
    mean = sum(means) / len(means)
    square = sum((one - mean) ** 2 for one in means) / max(len(means) * (len(means) - 1), 1)
    return min(most, _FEW_BINS * mean * (1.0 - mean) / square) if square > 0.0 else most


def _surprise(share: float, groups: float, threshold: float) -> float:
    """Return how unlikely a share above a threshold is, where that is true: minus the logarithm of its chance, at
    least.

    Chernoff's bound of the binomial distribution, ``groups * KL(share, threshold)``: exact where all groups agree.
    """
    rest = (1.0 - share) * math.log((1.0 - share) / (1.0 - threshold)) if share < 1.0 else 0.0
    return groups * (share * math.log(share / threshold) + rest)


def _case(reward: float) -> str:
    """Return the case that a reward within 0 and 1 tells; `nan` where there is none."""
    if reward >= 1.0 - _NEAR:
        return "groups_saturated"
    return "groups_too_hard" if reward <= _NEAR else "groups_without_signal"


@dataclass(eq=False, kw_only=True)
class GroupsWithoutSignal(Binned):
    """Do most groups carry no signal, because all their rewards are equal?

    Found when the mean of the last `patience` bins lies above `share` by more than chance explains (a binomial bound at
    1 % for the groups that were there: as many as the shares so far are shares of, and no more than their scatter
    allows). Each of the cases below is told once in a run.
    Where a reward within 0 and 1 stands tells three cases apart: ``groups_saturated`` (near the top),
    ``groups_too_hard`` (near the bottom) and ``groups_without_signal`` (between, or no such reward known).

    What it cannot see: which problems these are; the case of a reward with other bounds than 0 and 1; groups whose
    rewards differ only by a length or format bonus, which count as having signal; a second time of the same case.

    False alarms: 0.1 % (2 of 2000 simulated healthy runs). Where the true share is the threshold throughout 400 steps,
    1 to 2 % of runs with 8 or 32 groups a step, 17 % with one (300 runs each).
    """

    name = "groups"
    needs = ("zero_variance_groups",)
    beside = ("reward",)

    share: float = parameter(0.8, FRACTION, "share of groups without signal that is too large")
    start: int = parameter(0, whole(0), "points at the start that are left out")
    patience: int = parameter(5, COUNT, "bins that the mean is taken over")

    def _reset(self) -> None:
        super()._reset()
        self._told: set[str] = set()  # kinds that were found
        self._each = Denominator()  # groups of a step
        self._firsts, self._means = NO_STEPS, np.empty(0)  # of the last bins: first steps, and shares
        self._shared = True  # whether the reward was within 0 and 1
        self._reward = math.nan  # where it stands, where it was

    def _look(self, full: Mapping[str, Bins]) -> Iterator[Finding]:
        ends, rewards = self._rewards(full.get("reward"))
        self._reward = float(rewards[-1])
        if bins := full.get("zero_variance_groups"):
            earlier = slice(max(len(self._means) - self.patience + 1, 0), None)
            self._firsts = np.concatenate([self._firsts[earlier], bins.first])
            self._means = np.concatenate([self._means[earlier], bins.mean])
            yield from self._judge(bins, rewards[np.searchsorted(ends, bins.last, side="right")])

    def _rewards(self, bins: Bins | None) -> tuple[IntArray, FloatArray]:
        """Return the steps at which bins of the reward end, and where it stands before, between and after them."""
        if bins is None:
            return NO_STEPS, np.array([self._reward])
        shared = self._shared & np.logical_and.accumulate((bins.low >= 0.0) & (bins.high <= 1.0))
        self._shared = bool(shared[-1])
        return bins.last, np.concatenate([[self._reward], np.where(shared, bins.value, math.nan)])

    def _judge(self, bins: Bins, rewards: FloatArray) -> Iterator[Finding]:
        """Say once of each case that most groups agree; `rewards` are those at the end of each bin."""
        shares, learned = np.stack([bins.low, bins.high], axis=1), 0
        for window, level in self._above():
            place = window + self.patience - 1 - len(self._means) + len(bins)
            reward = float(rewards[place])
            kind = _case(reward)
            if kind in self._told:
                continue
            self._each.learn_all(shares[learned : place + 1].ravel().tolist())
            learned = place + 1
            means = self._means[window : window + self.patience].tolist()
            groups = _independent(means, float(self._each.number * self.width * self.patience))
            surprise = _surprise(level, groups, self.share)
            if surprise > _SURE:
                self._told.add(kind)
                numbers = {"zero_variance_groups": level, "threshold": self.share, "groups": groups}
                known = math.isfinite(reward)
                numbers |= {"reward": reward} if known else {}
                words = {"why": f", {_WHY[kind]} ({reward:.3g})" if known else "", "chance": math.exp(-surprise)}
                yield self._finding(kind, (int(self._firsts[window]), int(bins.last[place])), numbers, words)
        self._each.learn_all(shares[learned:].ravel().tolist())

    def _above(self) -> list[tuple[int, float]]:
        """Return the places at which `patience` bins begin whose mean lies above the threshold, and that mean."""
        if len(self._means) < self.patience:
            return []
        levels = sliding_window_view(self._means, self.patience).cumsum(axis=1)[:, -1] / self.patience
        places = np.flatnonzero((levels > self.share) & (levels <= 1.0))
        return list(zip(places.tolist(), levels[places].tolist(), strict=True))

    texts: ClassVar = {
        "groups_saturated": _equal(
            severity=Severity.NOTICE,
            means=f"Reward saturation: by this reward nothing is left that tells answers apart. {_NO_GRADIENT}",
            advice=AT_THE_TOP,
        ),
        "groups_too_hard": _equal(
            severity=Severity.WARNING,
            means=f"The problems are too hard for this policy, or the judge rejects everything. {_NO_GRADIENT}",
            advice="Check the judge on a known solution. Take easier problems first, sample more answers for each "
            "problem, or give partial credit.",
        ),
        "groups_without_signal": _equal(
            severity=Severity.WATCH,
            means="Problems are either always rewarded or never, all answers earn the same part of the reward, or the "
            f"samples of one prompt have become alike. {_NO_GRADIENT}",
            advice="Look at the entropy and at some groups. Filter problems by their mean reward while training, or "
            "sample more answers for each problem.",
        ),
    }
