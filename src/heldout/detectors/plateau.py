"""Has the held-out score stopped rising?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heldout.detectors.evidence import Evidence, HeldOut
from heldout.detectors.overoptimisation import PLANNED
from heldout.detectors.question import Range, Text, above, parameter
from heldout.findings import Finding, Severity
from heldout.stats.levels import TWO_SIDED_95
from heldout.stats.trend import FEWEST_FOR_LEVEL, LevelTest, level_test

_FEWEST_UNSIZED = 12  # evaluations, where their noise is known from their own scatter alone
MARGIN = Range(
    lambda value: value is None or above(0.0).allows(value), f"{above(0.0).words}, or None for the usual one"
)


def level_of(seen: Evidence, margin: float | None = None, planned: int | None = None) -> LevelTest:
    """Is the held-out score level, does it still improve, or do these evaluations not say?

    `planned` is the number of evaluations of the whole run, those so far if not given.
    `margin` is in points of a share, in percent of a score that is read on the log scale and in the unit of any other,
    per quarter of the run; 2 points if not given, and by the noise and the gain of a score that is no share (see
    `heldout.stats.margins`).
    """
    least = seen.margins.level if margin is None else seen.spoken.as_change(margin)
    few, noise = fewest_for_level(seen), seen.learned
    surely = TWO_SIDED_95 if seen.sized or not noise.variance > 0.0 else noise.deviations(TWO_SIDED_95)
    return level_test(
        seen.rates, noise.variance, least, seen.inflation, planned=planned or 0, fewest=few, surely=surely
    )


def fewest_for_level(seen: Evidence) -> int:
    """How many evaluations are the fewest that can show a level?"""
    return FEWEST_FOR_LEVEL if seen.sized else _FEWEST_UNSIZED


@dataclass(eq=False, kw_only=True)
class Plateau(HeldOut):
    """Has the held-out score stopped rising?

    Found when the change over the last half of the evaluations (at least 8) is shown to be small: per quarter of the
    run it is within `margin` either way, with two one-sided tests at 5 %. That a rise can not be told from noise
    is never enough. Found again only after the score has moved in between.

    What it cannot see: turns within that half; a plateau where evaluations are so small that a change of `margin` hides
    in their noise; one of fewer than 12 evaluations whose number of problems is not known. What it cannot know: whether
    the score will rise again.

    False alarms: 2.3 % (23 of 1012 simulated runs of 500 problems and 40 planned evaluations, 92 of each family, were
    called level while the line through their true level moved by more than the margin per quarter of the run).
    """

    name = "plateau"

    horizon: int | None = parameter(
        None, PLANNED, "evaluations that are planned; unknown, the run counts as being at its end"
    )
    margin: float | None = parameter(
        None, MARGIN, "largest change per quarter of the run that counts as level: in points of a share (2 if None), "
        "in percent of a score read on the log scale, in its own unit of any other (by its noise and gain if None)",
    )  # fmt: skip

    def _reset(self) -> None:
        super()._reset()
        self._level = False

    def _look(self) -> Iterator[Finding]:
        seen = self.evidence
        found = level_of(seen, self.margin, self.horizon)
        moved = abs(found.change) > TWO_SIDED_95 * found.sd and found.state != "plateau"
        was, self._level = self._level, found.state == "plateau" or (self._level and not moved)
        if was or not self._level:
            return
        since, here = int(seen.steps[found.start]), int(seen.steps[-1])
        said = seen.spoken
        numbers = {"change": found.change, "sd": found.sd, "margin": found.margin}
        words = {"since": since, "here": here, "by": said.by(found.bound)}
        words |= {"between": said.between(*said.turned(*found.interval)), "within": said.bound(found.margin)}
        yield self._finding("plateau", (since, here), numbers, words)

    texts: ClassVar = {
        "plateau": Text(
            severity=Severity.NOTICE,
            seen="From step {since} to {here} the held-out score changed by less than {by} per quarter of the run "
            "(90 % interval {between}).",
            against="A change of {within} either way, which the interval rules out.",
            means="The held-out score is level for now. It may rise again later: runs that surge late look the same "
            "until they do.",
            advice="If the reward still rises, watch the evaluations more closely from here on; if it does not either, "
            "more steps may not pay.",
            reference="Schuirmann 1987 (two one-sided tests)",
        )
    }
