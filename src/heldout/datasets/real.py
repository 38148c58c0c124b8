"""Real trainings whose truth is known: their logs, and how good their checkpoints really were.

Each is a small run of `heldout train`, whose saved checkpoints were measured on problems that neither the training nor
its held-out evaluations had. The log lies in an archive that `heldout.read` and `heldout report` read as any other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np

from heldout.errors import UsageError
from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.rates import binomial_se
from heldout.text import sentence_list

_FOLDER = "runs"

RealState = Literal["healthy", "over-optimised", "regressed"]


@dataclass(frozen=True, slots=True, eq=False)
class RealRun:
    """A training whose truth is known.

    Attributes
    ----------
    name, kind, seed
        Such as ``exit-hack-0``, ``exit-hack`` and 0.
    rewarded
        What the reward paid for, in words.
    trained
        The day, as in 2026-11-29.
    path
        Its log, an archive of a run directory without weights.
    state
        Whether the true score of the last checkpoint lies below that of the best one by more than noise, and if so
        whether the reward rose meanwhile (over-optimised) or not (regressed).
    onset
        The first measured step from which on the true score lies below the best one for good; None where it does not.
    best
        The step with the highest true score.
    trick_5, trick_50
        At which step 5 and 50 % of the answers used the trick; None where they never did, or there is no such trick.
    problems
        On how many new problems each checkpoint was measured.
    step, solved
        The measured steps and the shares of the new problems that were solved there, shape (K,) each.
    trick
        The shares of answers that used the trick, shape (K,); None where there is no such trick.
    """

    name: str
    kind: str
    seed: int
    rewarded: str
    trained: str
    path: Path
    state: RealState
    onset: int | None
    best: int
    trick_5: float | None
    trick_50: float | None
    problems: int
    step: IntArray
    solved: FloatArray
    trick: FloatArray | None

    @property
    def error(self) -> FloatArray:
        """The standard errors of `solved`, shape (K,)."""
        return binomial_se(self.solved, float(self.problems))

    def solved_at(self, step: float) -> float:
        """The true score at a step, by a straight line between measured ones."""
        return float(np.interp(step, self.step, self.solved))


def real_runs(wanted: Sequence[str] = ()) -> list[RealRun]:
    """Return the labelled runs, all or those of some kinds or names, in order of their kind and seed.

    Raises
    ------
    UsageError
        When there is no run of a kind or a name.

    Examples
    --------
    >>> import heldout
    >>> one = real_runs(["exit-hack"])[0]
    >>> one.state, heldout.read(one.path).roles["reward"]
    ('over-optimised', 'reward')
    """
    folder = Path(str(resources.files("heldout.datasets"))) / _FOLDER
    found = [_labelled(path) for path in folder.glob("*.json")]
    kinds = {one.kind for one in found}
    if missing := [one for one in wanted if one not in kinds | {run.name for run in found}]:
        known = sentence_list(sorted(kinds))
        raise UsageError(f"There is no labelled run of the kind or name {missing[0]!r}; there are {known}.")
    taken = (one for one in found if not wanted or {one.kind, one.name} & {*wanted})
    return sorted(taken, key=lambda one: (one.kind, one.seed))


def _labelled(path: Path) -> RealRun:
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    scores, problems = told.pop("scores"), told["problems"]
    trick = None if None in scores["trick"] else floats(scores["trick"]) / problems
    return RealRun(
        **told,
        path=path.with_suffix(".tar.xz"),
        step=np.array(scores["step"], dtype=np.int64),
        solved=floats(scores["solved"]) / problems,
        trick=trick,
    )
