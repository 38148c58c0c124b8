"""Evaluations that are averaged into one look, where a trainer evaluates very often."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from heldout.run import Evaluation, Outcomes
from heldout.stats.scan import HORIZONS

# Evaluations at more steps than this are averaged in groups: the boundaries are tabled up to HORIZONS[-1] looks, and a
# look costs more with every one before it.
_MOST_LOOKS = 160


def group_of(evaluations: int) -> int:
    """Return how many evaluations are averaged into one look, of a run with so many in all."""
    return max(1, math.ceil(evaluations / _MOST_LOOKS))


def looks_of(evaluations: int, group: int) -> int:
    """Return how many looks so many evaluations are, in groups of that size: as many as there are boundaries for."""
    return min(max(math.ceil(evaluations / group), 1), HORIZONS[-1])


def pooled(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Return the mean of several evaluations, at the step of the last."""
    last = evaluations[-1]
    if len(evaluations) == 1:
        return last
    rate = sum(evaluation.rate for evaluation in evaluations) / len(evaluations)
    if last.ratio:
        rate = math.exp(sum(math.log(evaluation.rate) for evaluation in evaluations) / len(evaluations))
    problems = [evaluation.problems for evaluation in evaluations if evaluation.problems is not None]
    fewest = min(problems) if len(problems) == len(evaluations) else None
    samples = sum(evaluation.samples or 1.0 for evaluation in evaluations)
    outcomes = [evaluation.outcomes for evaluation in evaluations if evaluation.outcomes is not None]
    alike = len(outcomes) == len(evaluations) and all(one.problems == outcomes[0].problems for one in outcomes)
    merged = _as_samples(outcomes) if alike else None
    errors = [evaluation.error for evaluation in evaluations if evaluation.error is not None]
    error = math.hypot(*errors) / len(errors) if len(errors) == len(evaluations) else None
    return replace(last, rate=rate, problems=fewest, samples=samples, outcomes=merged, error=error)


def _as_samples(outcomes: Sequence[Outcomes]) -> Outcomes:
    """Take the outcomes of several evaluations as samples of one."""
    passed, samples = (sum(getattr(one, name) for one in outcomes) for name in ("passed", "samples"))
    return Outcomes(outcomes[0].problems, passed, samples)
