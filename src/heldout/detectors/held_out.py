"""What the detectors of the held-out score share: the evidence, looked at after each evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heldout.detectors.base import Block
from heldout.detectors.evidence import Evidence
from heldout.detectors.question import Question
from heldout.findings import Finding
from heldout.stats.scan import HORIZONS


@dataclass(eq=False, kw_only=True)
class HeldOut(Question):
    """A detector that looks at the held-out scores after each evaluation; what it looks for is in `_look`."""

    needs = ("held_out",)

    def update(self, block: Block) -> list[Finding]:
        """Take in new evaluations; return what was found, in order of steps."""
        found: list[Finding] = []
        for evaluation in block.evaluations:
            if len(self.evidence) < HORIZONS[-1] and self.evidence.add(evaluation):
                found += self._look()
        return found

    def _reset(self) -> None:
        self.evidence = Evidence()

    def _look(self) -> Iterable[Finding]:
        """Return what the evaluations so far show that the last look did not."""
        raise NotImplementedError
