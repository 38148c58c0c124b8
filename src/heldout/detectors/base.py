"""The contract of all detectors, and the one fold that runs them.

A detector is told of a run block by block and answers with findings. Live, a block holds one step; after the fact it
holds the whole run; the findings are the same however the run is cut, because a detector may use nothing but what came
at or before the step it speaks of.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

import numpy as np

from heldout.errors import UsageError
from heldout.findings import Finding, Unchecked
from heldout.judged import Judged
from heldout.run import Evaluation, Run
from heldout.stats.arrays import FloatArray, IntArray
from heldout.stats.threads import on_one_thread

JUDGED = "judged"  # what a detector needs that looks at judged answers
_LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """New values of one metric: steps, strictly increasing and later than all before, and values; NaN is kept."""

    step: IntArray
    value: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What was logged since the last block.

    Attributes
    ----------
    metrics
        Meaning (``entropy``, ``grad_norm``, ``reward`` …) → new points.
    parts
        Reward component → new points.
    evaluations
        New held-out measurements.
    judged
        New training answers that hidden tests judged too, whole steps, later than all before; None without any.
    """

    metrics: Mapping[str, Points] = field(default_factory=dict)
    parts: Mapping[str, Points] = field(default_factory=dict)
    evaluations: Sequence[Evaluation] = ()
    judged: Judged | None = None


class Detector(Protocol):
    """What every detector offers.

    Parameters are public attributes, named as in the constructor, so that ``repr`` tells what was run.
    """

    @property
    def name(self) -> str:
        """What it is called in findings."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """The metrics that it looks at, or `JUDGED`, any one of which suffices; empty where it looks at all."""
        ...

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        ...


def checked(detector: object) -> Detector:
    """Return a detector, or say in a UsageError what one lacks that is given as such."""
    lacking = [part for part in ("name", "needs", "update") if not hasattr(detector, part)]
    if lacking or inspect.isclass(detector):
        lacks = "is a class; make one of it" if not lacking else f"has no {' and no '.join(lacking)}"
        raise UsageError(
            f"{detector!r} is no detector: it {lacks}. A detector has a name, the metrics that it needs, and "
            "update(block), which returns findings."
        )
    return cast("Detector", detector)


@on_one_thread
def fold(
    detectors: Iterable[Detector],
    blocks: Iterable[Block],
    failed: Callable[[Detector, BaseException], None] | None = None,
) -> list[Finding]:
    """Run detectors over blocks; return all findings in order of steps.

    Parameters
    ----------
    detectors
        Those to ask, each about every block.
    blocks
        In order of steps.
    failed
        Called with a detector that raised or found what is no finding, and the error; without it the error is raised.
    """
    asked, found = list(detectors), list[Finding]()
    for block in blocks:
        for detector in asked:
            try:
                found += _findings(detector.update(block))
            except (Exception, SystemExit) as error:  # code of a user's own may not end the training
                if failed is None:
                    raise
                asked = [one for one in asked if one is not detector]
                failed(detector, error)
    return in_order(found)


def _findings(found: Iterable[object]) -> list[Finding]:
    """Return what a detector found, or refuse it before it gets among the findings of others."""
    findings = list[Finding]()
    for one in found:
        if not isinstance(one, Finding):
            raise TypeError(f"it found {one!r}, which is no Finding")
        findings.append(one)
    return findings


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by step, those of one step by who found them, so that every way to fold a run gives one order."""
    return sorted(findings, key=lambda finding: (finding.step, finding.detector, finding.kind))


def unchecked(detectors: Iterable[Detector], run: Run) -> list[Unchecked]:
    """Which detectors have nothing to look at in this run?"""
    known = set(run.roles)
    if run.judged is not None and not np.isnan(run.judged.failed).all():
        known.add(JUDGED)
    lacking = [one for one in detectors if one.needs and known.isdisjoint(one.needs)]
    return [Unchecked(one.name, *_missing(one.needs)) for one in lacking]


def _missing(needs: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Say what would have to be known, and which metrics those are."""
    if needs == (JUDGED,):
        return "no training answer was judged by hidden tests", ()
    return f"no metric is known as {' or '.join(needs)}", needs


def block_of(run: Run, after: int = -1, until: int | None = None) -> Block:
    """Return what a run logged after one step, up to and including another."""
    metrics = {name: _points(run, key, after, until) for name, key in run.roles.items()}
    parts = {key: _points(run, key, after, until) for key in run.reward_parts()}
    evaluations = [e for e in run.evaluations() if e.step > after and (until is None or e.step <= until)]
    return Block(
        {name: points for name, points in metrics.items() if len(points.step)},
        {key: points for key, points in parts.items() if len(points.step)},
        evaluations,
        run.judged.between(after, until) if run.judged is not None else None,
    )


def _points(run: Run, key: str, after: int, until: int | None) -> Points:
    """Put the steps with NaN back among the finite values: to a detector they are news."""
    series = run.metrics[key]
    inside = _between(series.step, after, until)
    step, value = series.step[inside], series.value[inside]
    missing = series.nonfinite[_between(series.nonfinite, after, until)]
    if not len(missing):
        return Points(step, value)
    order = np.argsort(np.concatenate([step, missing]), kind="stable")
    return Points(np.concatenate([step, missing])[order], np.concatenate([value, np.full(len(missing), np.nan)])[order])


def _between(step: IntArray, after: int, until: int | None) -> slice:
    """Return where the steps after one and up to another stand."""
    start, stop = np.searchsorted(step, [after, _LAST if until is None else until], side="right")
    return slice(int(start), int(stop))
