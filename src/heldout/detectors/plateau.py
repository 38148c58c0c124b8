"""Has the held-out score stopped rising?"""

from __future__ import annotations

from heldout.detectors.evidence import Following
from heldout.detectors.series import share_between
from heldout.findings import Finding, Severity
from heldout.stats.trend import trend_state


class Plateau(Following):
    """Has the held-out score stopped rising?

    Found when the change over the last quarter of the evaluations (at least 4) is shown to be small: with 95 %
    probability it is within `margin` either way. That a rise can not be told from noise is never enough. Found again
    only after the score has moved in between.

    Parameters
    ----------
    margin
        Largest change that still counts as level, as a fraction.

    Notes
    -----
    What it cannot see: a plateau, where evaluations are so small that a change of `margin` hides in their noise; 200
    problems rarely suffice for two points. What it cannot know: whether the score will rise again. In 440 simulated
    runs of 500 problems and 40 evaluations, 40 of each family, 25 plateaus were called over a stretch in which the true
    level moved by more than the margin.

    References
    ----------
    Schuirmann 1987, J. Pharmacokinet. Biopharm. 15 (two one-sided tests).
    """

    name = "plateau"

    def __init__(self, margin: float = 0.02) -> None:
        share_between("margin", margin)
        self.margin = margin
        super().__init__()
        self._level = False

    def _look(self) -> list[Finding]:
        seen = self.evidence
        recent = trend_state(seen.steps, seen.rates, seen.noise(), margin=self.margin)
        was, self._level = self._level, recent.state == "plateau" or (self._level and recent.state == "undetermined")
        if was or not self._level:
            return []
        here = int(seen.steps[-1])
        low, high = (100 * (recent.difference + way * 1.64 * recent.sd) for way in (-1, 1))
        return [
            Finding(
                detector=self.name,
                severity=Severity.NOTICE,
                kind="plateau",
                step=here,
                steps=(int(recent.start_step), here),
                seen=f"From step {recent.start_step:.0f} to {here} the held-out score changed by "
                f"{100 * recent.difference:+.1f} points (90 % interval {low:+.1f} to {high:+.1f}).",
                against=f"A change of {100 * self.margin:g} points either way, which the interval rules out.",
                means="The held-out score is level for now. It may rise again later: runs that surge late look the "
                "same until they do.",
                advice="If the reward still rises, watch the evaluations more closely from here on; if it does not "
                "either, more steps may not pay.",
                reference="Schuirmann 1987 (two one-sided tests)",
                evidence={"change": recent.difference, "sd": recent.sd, "margin": self.margin},
            )
        ]
