"""What each of several held-out scores says of a fall, all together at one error rate, and each benchmark once."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from heldout.detectors import falls_among
from heldout.detectors.base import Block, fold
from heldout.detectors.evidence import Evidence
from heldout.detectors.overoptimisation import OverOptimisation
from heldout.findings import BenchmarkFall
from heldout.run import Run
from heldout.stats.copies import near_copy
from heldout.stats.levels import holm

# The number of a seed or of a repetition: the same problems, sampled again.
_AGAIN = re.compile(r"(?:seed|run|rep|repeat|repetition|trial|sample|draw)[-_ ]?\d+", re.IGNORECASE)
_JOINTS = re.compile(r"[-_/. ]+")


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """A column, and what its detector saw."""

    fall: BenchmarkFall
    seen: Evidence

    def same(self, other: _Scored) -> bool:
        """Whether both are of one benchmark: by their names without the seed, or by their values."""
        if _without_seed(self.fall.key) == _without_seed(other.fall.key):
            return True
        _, here, there = np.intersect1d(self.seen.steps, other.seen.steps, return_indices=True)
        return near_copy(self.seen.rates[here], other.seen.rates[there])


def falls_of_benchmarks(run: Run, primary: OverOptimisation) -> tuple[BenchmarkFall, ...]:
    """How strongly does each held-out score say that it has fallen, all together at one error rate?

    The one that the verdict is about keeps its own error rate, having been chosen before; here it stands first among
    the others, and Holm's procedure pays for asking all of them. Near-copies of one measurement are one question and
    are paid for once: the first of them is asked, and its answer is theirs. Scores that cannot be asked, for the number
    of their problems is not known, cost nothing. Empty where there is no other.
    """
    own = run.roles.get("held_out", "")
    scored = [_scored(own, primary)]
    for key in run.held_out_scores():
        evaluations = run.evaluations(key)
        if key != own and evaluations:
            fallen = falls_among(len(evaluations))
            fold([fallen], [Block(evaluations=evaluations)])
            if fallen.looks:
                scored.append(_scored(key, fallen))
    return _all_paid(scored) if len(scored) > 1 else ()


def variants_of(run: Run) -> int:
    """How many columns are of the same measurements as the held-out scores?"""
    scores = set(run.held_out_scores())
    return sum(choice.role == "held_out" and key not in scores for key, choice in run.choices.columns.items())


def _scored(key: str, fallen: OverOptimisation) -> _Scored:
    now, confirmable = fallen.looks[-1], fallen.evidence.may_confirm
    p = fallen.run_p(ever=True) if confirmable else 1.0
    fall = BenchmarkFall(
        key=key,
        peak_step=now.peak_step,
        drop=now.drop,
        fall=fallen.evidence.spoken.by(now.drop),
        p=p,
        adjusted_p=p,
        sized=confirmable,
    )
    return _Scored(fall, fallen.evidence)


def _all_paid(scored: list[_Scored]) -> tuple[BenchmarkFall, ...]:
    """Adjust the p-values of what is asked, and give each copy that of the one that is asked for it."""
    groups = _alike(scored)
    asked = [min(alike, key=lambda one: not one.fall.sized).fall for alike in groups]
    sized = [fall for fall in asked if fall.sized]
    paid = dict(zip([fall.key for fall in sized], holm([fall.p for fall in sized]).tolist(), strict=True))
    instead = {one.fall.key: fall.key for fall, alike in zip(asked, groups, strict=True) for one in alike}
    return tuple(
        replace(fall, adjusted_p=paid.get(of, 1.0), copy_of="" if of == fall.key else of)
        for fall, of in ((one.fall, instead[one.fall.key]) for one in scored)
    )


def _alike(scored: list[_Scored]) -> list[list[_Scored]]:
    """Put the columns of one benchmark together, in their order: what is the same as one is the same as all."""
    groups = list[list[_Scored]]()
    for one in scored:
        same = [group for group in groups if any(one.same(other) for other in group)]
        joined = sorted([*(each for group in same for each in group), one], key=scored.index)
        groups = [*(group for group in groups if group not in same), joined]
    return groups


def _without_seed(key: str) -> str:
    return _JOINTS.sub("/", _AGAIN.sub("", key)).strip("/").lower()
