"""Several evaluations taken as one."""

from __future__ import annotations

from collections.abc import Sequence

from heldout.run import Evaluation, Outcomes


def pooled(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Return the mean of several evaluations, at the step of the last."""
    last = evaluations[-1]
    if len(evaluations) == 1:
        return last
    rate = sum(evaluation.rate for evaluation in evaluations) / len(evaluations)
    problems = [evaluation.problems for evaluation in evaluations if evaluation.problems is not None]
    fewest = min(problems) if len(problems) == len(evaluations) else None
    samples = sum(evaluation.samples or 1.0 for evaluation in evaluations)
    outcomes = [evaluation.outcomes for evaluation in evaluations if evaluation.outcomes is not None]
    alike = len(outcomes) == len(evaluations) and all(one.problems == outcomes[0].problems for one in outcomes)
    return Evaluation(last.step, rate, fewest, samples, last.benchmark, _as_samples(outcomes) if alike else None)


def _as_samples(outcomes: Sequence[Outcomes]) -> Outcomes:
    """Take the outcomes of several evaluations as samples of one."""
    passed, samples = (sum(getattr(one, name) for one in outcomes) for name in ("passed", "samples"))
    return Outcomes(outcomes[0].problems, passed, samples)
