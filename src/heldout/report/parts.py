"""What a report has beside the verdict and the description: problems one by one, checkpoints, answers."""

from __future__ import annotations

from dataclasses import dataclass

from heldout.diagnosis.problems import Problems, problems_of
from heldout.diagnosis.recommendation import checkpoints_of
from heldout.findings import Estimate, Verdict
from heldout.report.checkpoints import Checkpoints, checkpoints
from heldout.report.samples import Samples, samples_of
from heldout.rollouts.rollout import Rollouts
from heldout.run import Run
from heldout.stats.threads import on_one_thread


@dataclass(frozen=True, slots=True)
class Parts:
    """Each is None, or empty, where the log does not tell."""

    problems: Problems | None
    estimates: tuple[Estimate, ...]  # of every evaluated step
    checkpoints: Checkpoints | None
    samples: Samples | None = None


@on_one_thread
def parts_of(run: Run, verdict: Verdict, rollouts: Rollouts | None = None) -> Parts:
    """Return the parts of a report on a run; `rollouts` are the answers that were kept of it."""
    estimates = checkpoints_of(run, verdict)
    table = checkpoints(run, verdict, estimates)
    return Parts(problems_of(run, verdict), estimates, table, samples_of(rollouts))
