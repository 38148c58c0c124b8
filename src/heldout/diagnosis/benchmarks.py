"""The other held-out scores of a run: did one of them fall, once all of them are paid for?"""

from __future__ import annotations

from dataclasses import replace

from heldout.detectors.base import Block, fold
from heldout.detectors.overoptimisation import OverOptimisation
from heldout.diagnosis.detectors import falls_among
from heldout.findings import BenchmarkFall
from heldout.metrics import benchmarks
from heldout.run import Run
from heldout.stats.multiplicity import holm


def other_benchmarks(run: Run, primary: OverOptimisation) -> tuple[BenchmarkFall, ...]:
    """How strongly does each benchmark say that it has fallen, all together at one error rate?

    The one that the verdict is about keeps its own error rate, having been chosen before; here it stands among the
    others, and Holm's procedure pays for asking all of them.

    Parameters
    ----------
    run
        A run.
    primary
        The detector that has seen the benchmark which the verdict is about.

    Returns
    -------
    tuple
        One entry per benchmark with evaluations enough, the verdict's own first; empty where there is no other.
    """
    own = run.roles.get("held_out", "")
    falls = [_fall(own, primary)]
    for key in benchmarks(run.metrics):
        evaluations = run.evaluations(key)
        if key != own and evaluations:
            fallen = falls_among(len(evaluations))
            fold([fallen], [Block(evaluations=evaluations)])
            if fallen.looks:
                falls.append(_fall(key, fallen))
    if len(falls) < 2:
        return ()
    adjusted = holm([fall.p for fall in falls])
    return tuple(replace(fall, adjusted_p=float(p)) for fall, p in zip(falls, adjusted, strict=True))


def _fall(key: str, fallen: OverOptimisation) -> BenchmarkFall:
    now = fallen.looks[-1]
    confirmable = fallen.evidence.may_confirm
    p = fallen.run_p(ever=True) if confirmable else 1.0
    return BenchmarkFall(key=key, peak_step=now.peak_step, drop=now.drop, p=p, adjusted_p=p, sized=confirmable)
