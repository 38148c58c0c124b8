"""Has the held-out score stopped rising?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heldout.detectors.evidence import HeldOut
from heldout.detectors.question import FRACTION, Text, parameter
from heldout.findings import Finding, Severity
from heldout.stats.levels import LEVEL, ONE_SIDED_95
from heldout.stats.trend import trend_state


@dataclass(eq=False, kw_only=True)
class Plateau(HeldOut):
    """Has the held-out score stopped rising?

    Found when the change over the last quarter of the evaluations (at least 4) is shown to be small: with 95 %
    probability it is within `margin` either way. That a rise can not be told from noise is never enough. Found again
    only after the score has moved in between.

    What it cannot see: a plateau of a score that is no share, of which nobody says what is level; one where evaluations
    are so small that a change of `margin` hides in their noise, and 200 problems rarely suffice for two points. What it
    cannot know: whether the score will rise again.

    False alarms: 5.1 % (in 102 of 2002 simulated runs of 500 problems and 40 evaluations, 182 of each family, a plateau
    was called from one step to another whose true levels differ by more than the margin).
    """

    name = "plateau"

    margin: float = parameter(LEVEL, FRACTION, "largest change that still counts as level, as a fraction")

    def _reset(self) -> None:
        super()._reset()
        self._level = False

    def _look(self) -> Iterator[Finding]:
        seen = self.evidence
        if not seen.spoken.share:  # how small a change of such a score is level, nobody has said
            return
        recent = trend_state(seen.steps, seen.rates, seen.noise(), margin=self.margin)
        was, self._level = self._level, recent.state == "plateau" or (self._level and recent.state == "undetermined")
        if was or not self._level:
            return
        here = int(seen.steps[-1])
        said, way = seen.spoken, -1.0 if seen.spoken.lower else 1.0
        low, high = sorted(way * (recent.difference + side * ONE_SIDED_95 * recent.sd) for side in (-1, 1))
        numbers = {"change": recent.difference, "sd": recent.sd, "margin": self.margin}
        words = {"since": recent.start_step, "here": here, "by": said.by(way * recent.difference)}
        words |= {"between": said.between(low, high), "within": said.by(self.margin)}
        steps = (int(recent.start_step), here)
        yield self._finding("plateau", steps, numbers, words)

    texts: ClassVar = {
        "plateau": Text(
            severity=Severity.NOTICE,
            seen="From step {since:.0f} to {here} the held-out score changed by {by} (90 % interval {between}).",
            against="A change of {within} either way, which the interval rules out.",
            means="The held-out score is level for now. It may rise again later: runs that surge late look the same "
            "until they do.",
            advice="If the reward still rises, watch the evaluations more closely from here on; if it does not either, "
            "more steps may not pay.",
            reference="Schuirmann 1987 (two one-sided tests)",
        )
    }
