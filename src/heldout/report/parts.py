"""What a report has beside the verdict and the description: problems one by one, and checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

from heldout.diagnosis.problems import Problems, problems_of
from heldout.diagnosis.recommendation import checkpoints_of
from heldout.findings import Estimate, Verdict
from heldout.report.checkpoints import Checkpoints, checkpoints
from heldout.run import Run
from heldout.stats.threads import on_one_thread


@dataclass(frozen=True, slots=True)
class Parts:
    """Each is None, or empty, where the log does not tell."""

    problems: Problems | None
    estimates: tuple[Estimate, ...]  # of every evaluated step
    checkpoints: Checkpoints | None


@on_one_thread
def parts_of(run: Run, verdict: Verdict) -> Parts:
    """Return the parts of a report on a run."""
    estimates = checkpoints_of(run, verdict)
    return Parts(problems_of(run, verdict), estimates, checkpoints(run, verdict, estimates))
