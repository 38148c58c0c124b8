"""When is the held-out score measured: seldom while nothing is found, often once something is, within a budget.

Whether one looks may depend on all that was seen before. A run whose score never falls then shows the scan of
`heldout.detectors.OverOptimisation` at most as many looks as are planned, each with noise of its own: its error
rate holds, as `planned` counts the finest grid, or the budget where that is smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

from heldout.detectors import Detectors
from heldout.detectors.hacking import HACKED
from heldout.findings import Finding

# Posterior probability of a fall from which on one looks oftener. Below that of a *watch*: ten looks hardly ever reach
# it, and a look that was not needed costs no error. From 0.8 on, of 160 simulated falls a fifth was confirmed.
SUSPICIOUS = 0.3


@dataclass(frozen=True)
class Schedule:
    """Evaluations before the first step, after the last one, and at steps between.

    >>> Schedule(250, fine=10).planned, Schedule(250, fine=10, calm=50, budget=20).planned
    (26, 20)
    """

    steps: int  # of the whole run
    fine: int  # steps between two evaluations once something is suspected
    calm: int = 0  # and while nothing is; 0 for as many as in `fine`
    budget: int = 0  # evaluations of the whole run at most; 0 for any number

    @property
    def every(self) -> int:
        """Steps between evaluations that are made in any case."""
        return self.calm or self.fine

    @property
    def planned(self) -> int:
        """How many evaluations the run may have, which is what its error rate is spent on."""
        finest = _count(self.steps, self.fine)
        return min(finest, self.budget) if self.budget else finest

    def extra(self, step: int, suspected: bool, done: int) -> bool:
        """Whether one more evaluation is due after a step, beside those in any case: so many were `done` by now."""
        if not suspected or step % self.fine or step % self.every == 0 or step >= self.steps:
            return False
        to_come = _count(self.steps, self.every) - 1 - step // self.every
        return not self.budget or done + 1 + to_come <= self.budget


def _count(steps: int, every: int) -> int:
    """Return how many evaluations there are with one every so many steps, one before the first and one at the end."""
    return 1 - (-steps // every)


def suspected(detectors: Detectors, findings: list[Finding]) -> bool:
    """Whether the last look has the score fall with some probability, or rewarded answers fail the hidden tests."""
    looks = detectors.falls.looks
    falls = bool(looks) and looks[-1].probability >= SUSPICIOUS
    return falls or any(finding.kind in HACKED for finding in findings)
