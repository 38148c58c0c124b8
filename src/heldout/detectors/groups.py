"""Do most groups carry no signal?"""

from __future__ import annotations

from heldout.detectors.base import Block
from heldout.detectors.series import (
    NO_EVIDENCE,
    Bin,
    Latch,
    Remembering,
    Track,
    counts,
    in_order,
    share_between,
)
from heldout.findings import Finding, Severity

_DAPO = "Yu et al. 2025, DAPO, arXiv 2503.14476 (dynamic sampling)"
_NEAR = 0.15  # this close to an end of its range, the reward says why the groups agree

_WORDS = {
    "groups_saturated": (
        Severity.NOTICE,
        "nearly all of them because every answer is right: the reward is near the top of its range",
        "Reward saturation: these problems have nothing left to teach.",
        "Take harder problems, or leave out those that are always solved; otherwise this is a good place to stop.",
    ),
    "groups_too_hard": (
        Severity.WARNING,
        "nearly all of them because every answer is wrong: the reward is near the bottom of its range",
        "The problems are too hard for this policy, or the judge rejects everything.",
        "Check the judge on a known solution. Take easier problems first, sample more answers for each problem, or "
        "give partial credit.",
    ),
    "groups_without_signal": (
        Severity.WATCH,
        "some of them with a high reward and some with a low one",
        "Problems are either solved or hopeless, or the samples of one prompt have become alike.",
        "Look at the entropy and at some groups. Filter problems by their pass rate while training, or sample more "
        "answers for each problem.",
    ),
}


class GroupsWithoutSignal(Remembering):
    """Do most groups carry no signal, because all their rewards are equal?

    Found when the mean of the last `patience` bins lies above `share`. Where the reward stands in its range tells three
    cases apart: ``groups_saturated`` (near the top), ``groups_too_hard`` (near the bottom) and
    ``groups_without_signal`` (between, or no reward known). The range is 0 to 1 for a reward that stayed within it,
    else what was seen so far.

    Parameters
    ----------
    share
        Share of groups without signal that is too large.
    width
        Points in a bin.
    patience
        Bins that the mean is taken over.

    Notes
    -----
    What it cannot see: which problems these are; groups whose rewards differ only by a length or format bonus, which
    count as having signal. A reward with other bounds than 0 and 1 that never moved has no range, and the case is
    then left open.

    False alarms: 0.05 % (1 of 2000 simulated healthy runs of 200 to 1000 steps: flat, drifting or improving levels
    under autocorrelated noise (AR(1), coefficient 0.5 to 0.95)).
    """

    name = "groups"
    needs = ("zero_variance_groups",)

    def __init__(self, share: float = 0.8, width: int = 5, patience: int = 5) -> None:
        share_between("share", share)
        counts(width=width, patience=patience)
        self.share, self.width, self.patience = share, width, patience
        self._groups = Track(0, width)
        self._reward = Track(0, width)
        self._latch = Latch(1)
        self._last: list[list[float]] = []  # first steps and values of the last bins
        self._range: list[float] = []  # smallest, largest and last reward

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        found: list[Finding] = []
        bins = {
            "reward": self._reward.update(block.metrics.get("reward")),
            "groups": self._groups.update(block.metrics.get("zero_variance_groups")),
        }
        for _, ended in in_order(bins):
            if "reward" in ended:
                low, high, now = ended["reward"].low, ended["reward"].high, ended["reward"].value
                low, high = (min(low, self._range[0]), max(high, self._range[1])) if self._range else (low, high)
                self._range = [low, high, now]
            if "groups" in ended:
                found += self._look(ended["groups"])
        return found

    def _look(self, one: Bin) -> list[Finding]:
        self._last.append([float(one.first), one.value])
        del self._last[: -self.patience]
        level = sum(value for _, value in self._last) / len(self._last)
        on = len(self._last) == self.patience and level > self.share
        if not self._latch.update(int(self._last[0][0]), on, level < 0.75 * self.share):
            return []
        kind, where, position = self._case()
        severity, why, means, advice = _WORDS[kind]
        return [
            Finding(
                detector=self.name,
                severity=severity,
                kind=kind,
                step=one.last,
                steps=(self._latch.since, one.last),
                seen=f"In {level:.0%} of the groups all rewards are equal{f', {why}' if where else ''}{where}.",
                against=f"The threshold is {self.share:.0%}, held against the mean of {self.patience} bins of "
                f"{self.width} points.",
                means=f"{means} A group whose rewards are all equal has no advantage and gives no gradient. "
                f"{NO_EVIDENCE}",
                advice=advice,
                reference=_DAPO,
                evidence={"zero_variance_groups": level, "threshold": self.share, **position},
            )
        ]

    def _case(self) -> tuple[str, str, dict[str, float]]:
        """Which case, where the reward stands in words, and in numbers."""
        if not self._range:
            return "groups_without_signal", "", {}
        low, high, now = self._range
        if low >= 0.0 and high <= 1.0:
            low, high = 0.0, 1.0
        if high <= low:
            return "groups_without_signal", "", {}
        place = (now - low) / (high - low)
        kind = "groups_without_signal"
        if place >= 1.0 - _NEAR:
            kind = "groups_saturated"
        elif place <= _NEAR:
            kind = "groups_too_hard"
        return kind, f" (reward {now:.3g} in {low:.3g} to {high:.3g})", {"reward": now, "low": low, "high": high}
