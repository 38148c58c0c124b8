"""Does the held-out score rise again after it had seemed to be done?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heldout.detectors.base import Block
from heldout.detectors.evidence import Evidence
from heldout.findings import Finding, Severity
from heldout.stats.scan import HORIZONS
from heldout.stats.surge import late_surge

_MARGIN = 0.02


class LateSurge:
    """Does the held-out score rise again after it had seemed to be done?

    Found when the level gained at least `deviations` posterior standard deviations over the last quarter of the
    evaluations (at least 4), and no change could be shown over the two quarters before.

    Parameters
    ----------
    deviations
        By how many standard deviations the rise must be clear.

    Notes
    -----
    What it cannot see: a rise after a slow one which was itself sure, and one within the first sixteen evaluations or
    so. On simulated runs of 500 problems and 40 evaluations, 40 of each family, it found 47 % of the late surges; of
    the 400 other runs one was called so (after a dip that truly came back).
    """

    name = "late_surge"
    needs: tuple[str, ...] = ("held_out",)

    def __init__(self, deviations: float = 2.0) -> None:
        if not deviations >= 2.0:
            raise ValueError(f"deviations is {deviations}; it must be at least 2.")
        self.deviations = deviations
        self.evidence = Evidence()
        self._until = -1  # last step of the surge that was found last

    def __repr__(self) -> str:
        """Tell all parameters."""
        return f"LateSurge(deviations={self.deviations})"

    def update(self, block: Block) -> list[Finding]:
        """Take in new evaluations; return a finding for each surge that begins."""
        found = []
        for evaluation in block.evaluations:
            if len(self.evidence) < HORIZONS[-1] and self.evidence.add(evaluation):
                found += self._look()
        return found

    def state(self) -> dict[str, Any]:
        """Return the evaluations, and until when the last surge went."""
        return {"evidence": self.evidence.state(), "until": self._until}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.evidence = Evidence()
        self.evidence.restore(state["evidence"])
        self._until = int(state["until"])

    def _look(self) -> list[Finding]:
        seen = self.evidence
        surge = late_surge(seen.steps, seen.rates, seen.noise(), margin=_MARGIN)
        if surge is None or surge.z < self.deviations:
            return []
        here = int(seen.steps[-1])
        same, self._until = surge.start_step <= self._until, here
        if same:
            return []
        return [
            Finding(
                detector=self.name,
                severity=Severity.NOTICE,
                kind="late_surge",
                step=here,
                steps=(int(surge.start_step), here),
                seen=f"From step {surge.start_step:.0f} to {here} the held-out score rose "
                f"from {100 * surge.before:.1f} to {100 * surge.after:.1f} %, after it had seemed to be done.",
                against=f"{self.deviations:g} standard deviations of the rise; it is {surge.z:.1f}.",
                means="The run was not at its end. A rule that stops after some evaluations without a new best would "
                "have stopped before this.",
                advice="Go on; judge by the size of possible falls, not by patience.",
                evidence={"gain": surge.gain, "z": surge.z},
            )
        ]
