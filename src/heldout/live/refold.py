"""The detectors, told of a run that grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

import numpy as np

from heldout.detectors.base import Block, Points, block_of, fold, in_order
from heldout.diagnosis.detectors import Detectors
from heldout.diagnosis.verdict import judge
from heldout.findings import Finding, Verdict
from heldout.run import NO_STEPS, BoolArray, Evaluation, FloatArray, Run

_NONE = Points(NO_STEPS, np.empty(0))


class Live:
    """Folds only what is new; what changed after it was folded (a late evaluation, a restart) is folded anew.

    The findings are those that `diagnose` has on the whole run with the same planned number of evaluations.

    Parameters
    ----------
    planned
        Evaluations that the whole run will have; without it the error is spread over an endless run, which sees less.

    Attributes
    ----------
    findings
        All so far, in order of steps.
    verdict
        As of the last evaluation; None before the first `update`.
    """

    def __init__(self, planned: int | None = None) -> None:
        self.planned = planned
        self.findings: list[Finding] = []
        self.verdict: Verdict | None = None
        self._folded, self._until = Block(), -1
        self._begin()

    def update(self, run: Run) -> int | None:
        """Take in the run as it is now.

        Returns
        -------
        int or None
            The first step at which something that was folded already is different now, if there is one.
        """
        changed = _first_change(self._folded, block_of(run, until=self._until))
        if changed is not None:
            self._begin()
        new = block_of(run, after=self._until)
        self.findings[:] = in_order([*self.findings, *fold(self._detectors, [new])])
        self._until = last_step(run)
        self._folded = block_of(run)
        if self.verdict is None or changed is not None or new.evaluations:
            self.verdict = judge(run, self._detectors, self.findings)
        return changed

    def _begin(self) -> None:
        self._detectors = Detectors.planned(self.planned)
        self._folded = Block()
        self._until = -1
        self.findings.clear()


def last_step(run: Run) -> int:
    """Return the last step at which anything was logged."""
    return max(
        int(step[-1]) for series in run.metrics.values() for step in (series.step, series.nonfinite) if len(step)
    )


def _first_change(before: Block, now: Block) -> int | None:
    """Return the first step at which two blocks that should be alike differ."""
    steps = [
        *_differing(before.metrics, now.metrics),
        *_differing(before.parts, now.parts),
        *_evaluations(before.evaluations, now.evaluations),
    ]
    return min(steps, default=None)


def _differing(before: Mapping[str, Points], now: Mapping[str, Points]) -> Iterator[int]:
    """Yield for each metric that differs the first step where it does."""
    for name in before.keys() | now.keys():
        one, other = before.get(name, _NONE), now.get(name, _NONE)
        both = min(len(one.step), len(other.step))
        if np.array_equal(one.step, other.step) and _one_memory(one.value, other.value):
            continue
        unlike = (one.step[:both] != other.step[:both]) | ~_alike(one.value[:both], other.value[:both])
        if unlike.any():
            at = int(unlike.argmax())
            yield int(min(one.step[at], other.step[at]))
        elif len(one.step) != len(other.step):
            yield int((one if len(one.step) > both else other).step[both])


def _one_memory(one: FloatArray, other: FloatArray) -> bool:
    """Whether two arrays of one length are the same place in memory, as those of a reader that only appends are."""
    return bool(one.__array_interface__["data"] == other.__array_interface__["data"])


def _alike(one: FloatArray, other: FloatArray) -> BoolArray:
    alike: BoolArray = (one == other) | (np.isnan(one) & np.isnan(other))
    return alike


def _evaluations(before: Sequence[Evaluation], now: Sequence[Evaluation]) -> Iterator[int]:
    for one, other in zip_longest(before, now):
        if one is None or other is None or not _same(one, other):
            yield min(evaluation.step for evaluation in (one, other) if evaluation is not None)
            return


def _same(one: Evaluation, other: Evaluation) -> bool:
    if one is other:
        return True
    if (one.step, one.rate, one.problems, one.samples) != (other.step, other.rate, other.problems, other.samples):
        return False
    if one.outcomes is None or other.outcomes is None:
        return one.outcomes is other.outcomes
    return one.outcomes.problems == other.outcomes.problems and np.array_equal(one.outcomes.share, other.outcomes.share)
