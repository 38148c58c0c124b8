"""Do the reward and the held-out score disagree about what the model can do?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from heldout.detectors.base import Block
from heldout.detectors.evidence import HeldOut
from heldout.detectors.plateau import level_of
from heldout.detectors.question import FRACTION, Text, parameter
from heldout.detectors.reward_course import RewardCourse
from heldout.findings import Finding, Severity
from heldout.metrics.keys import words_of
from heldout.stats.gap import Widening, widening
from heldout.stats.levels import TWO_SIDED_95
from heldout.stats.rates import wilson
from heldout.text import counted

_TAKEN_AS = 30  # problems of an evaluation that does not say how many it has
_CORRECT = frozenset(["accuracy", "correct", "test", "tests", "pass", "solve", "success", "exact"])
_MEANS = (
    "What is rewarded is not what is evaluated: a reward that can be had without solving the problem, an evaluation "
    "that runs in another format, training problems that were learned by heart, or held-out ones that are far harder."
)
_ADVICE = (
    "Read samples that the reward likes and the tests reject; see that the evaluation uses the prompt and the format "
    "of the training; then adjust the reward to what the tests ask."
)


class NearZero(NamedTuple):
    """A reward that says most problems are solved, beside a held-out score that has been near zero all along."""

    reward: float  # mean of the last rewards
    highest: float  # held-out score so far
    upper: float  # end of the 95 % interval of the last one
    evaluations: int


@dataclass(eq=False, kw_only=True)
class Disagreement(HeldOut):
    """Do the reward and the held-out score disagree about what the model can do?

    Asked where both are shares that can be compared: the reward stays within 0 and 1 and is not the sum of several
    parts; of one with parts, the part whose name speaks of correctness counts. ``near_zero`` is found from the first
    evaluation on, where the last rewards average `high` or more and every evaluation so far is at `low` or less, with
    the upper end of its 95 % interval below half of the reward. ``gap_widens`` is found where the reward has left the
    held-out score behind: it ends 0.4 above, the gap grew by 0.2 or more, and the held-out score took less than a
    quarter of the rise, each by three standard deviations; not of a score that is improving.

    What it cannot see: why they disagree, and a reward that pays for form as well as for correctness and logs only the
    sum; of such a one it may speak wrongly.

    False alarms: 0.0 % (0 of 900 simulated runs of 200 and 500 problems whose reward rises one to three times as much
    as the held-out score; 8 of 300 where it rises five times as much). A score that stays at 0.3 under a reward that
    goes from 0.3 to 0.98 is found out in 18 of 20 runs of 200 problems and 20 evaluations.
    """

    name = "disagreement"
    needs = ("reward",)

    high: float = parameter(0.5, FRACTION, "mean of the last rewards from which on most problems count as solved")
    low: float = parameter(0.05, FRACTION, "held-out score up to which it counts as near zero")

    def _reset(self) -> None:
        super()._reset()
        self.now: Finding | None = None  # what holds at the last evaluation
        self._reward = RewardCourse()
        self._parts: dict[str, RewardCourse] = {}

    def update(self, block: Block) -> list[Finding]:
        """Take in new rewards and evaluations; return a finding whenever a disagreement begins."""
        self._reward.add(block.metrics.get("reward"))
        for key, points in block.parts.items():
            self._parts.setdefault(key, RewardCourse()).add(points)
        return super().update(block)

    def _look(self) -> Iterator[Finding]:
        before, self.now = self.now, self._found()
        if self.now is not None and (before is None or before.kind != self.now.kind):
            yield self.now

    def _found(self) -> Finding | None:
        """Return what holds at this evaluation."""
        seen, reward = self.evidence, self._comparable()
        if reward is None or not seen.spoken.share:
            return None
        if (zero := self._near_zero(reward)) is not None:
            here = int(seen.steps[-1])
            times = f"all {counted(zero.evaluations, 'evaluation')}" if zero.evaluations > 1 else "its only evaluation"
            words = {"times": times, "most": seen.spoken.level(zero.highest)}
            words |= {"end": seen.spoken.level(zero.upper), "size": self._size}
            return self._finding("near_zero", (int(seen.steps[0]), here), zero._asdict(), words)
        if level_of(seen).state == "improving":
            return None
        gap = widening(reward.before(seen.steps), seen.rates, seen.noise(), seen.inflation)
        return None if gap is None else self._widens(gap)

    def _near_zero(self, reward: RewardCourse) -> NearZero | None:
        seen = self.evidence
        mean, highest = reward.last(seen.steps[-1]), float(seen.rates.max())
        if not mean >= self.high or highest > self.low:
            return None
        _, upper = wilson(float(seen.rates[-1]), float(seen.problems or _TAKEN_AS))
        return NearZero(mean, highest, upper, len(seen)) if upper < 0.5 * mean else None

    @property
    def _size(self) -> str:
        problems = self.evidence.problems
        return (
            f"of {_TAKEN_AS} problems, their number not being known" if problems is None else f"of {problems} problems"
        )

    def _widens(self, gap: Widening) -> Finding:
        seen, said = self.evidence, self.evidence.spoken
        since, here = int(seen.steps[gap.start]), int(seen.steps[-1])
        half = TWO_SIDED_95 * gap.held_out_sd
        low, high = said.turned(gap.held_out - half, gap.held_out + half)
        numbers = {name: getattr(gap, name) for name in ("reward", "held_out", "held_out_sd", "gap", "gap_sd")}
        words = {"since": since, "here": here, "rise": said.by(gap.reward), "gap_now": said.by(gap.gap)}
        words |= {"between": said.lies(low, high)}
        return self._finding("gap_widens", (since, here), numbers, words)

    def _comparable(self) -> RewardCourse | None:
        """Return the reward that is a share of correct answers, as far as names and values tell."""
        here = float(self.evidence.steps[-1])
        right = [course for key, course in self._parts.items() if _CORRECT & {word.text for word in words_of(key)}]
        course = right[0] if len(right) == 1 else None if len(self._parts) > 1 else self._reward
        return course if course is not None and course.within_unit(here) else None

    texts: ClassVar = {
        "near_zero": Text(
            severity=Severity.WARNING,
            seen="The last rewards average {reward:.2f}, and the held-out score is at most {most} at {times}.",
            against="The 95 % interval {size} ends at {end}, less than half of the reward.",
            means=_MEANS,
            advice=_ADVICE,
        ),
        "gap_widens": Text(
            severity=Severity.WARNING,
            seen="From step {since} to {here} the reward rose by {rise}, and the change of the held-out score "
            "lies {between} (95 % interval); the gap is now {gap_now}.",
            against="A gap of 40 points that grew by 20 or more while the held-out score took less than a quarter of "
            "the rise, each by three standard deviations.",
            means=_MEANS,
            advice=_ADVICE,
        ),
    }
