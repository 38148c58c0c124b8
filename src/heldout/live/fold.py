"""The one fold of detectors while a run goes on: the same findings, at the same steps, as after the fact.

What is new is given to the detectors as one more block. Where that would not be what a reader of the finished log sees
(the run went back, a step was logged twice, an evaluation came late, a new key plays an old part), everything is folded
anew. `Fold` is told of a run that was read again, `LogFold` step by step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

from heldout.detectors import Detectors
from heldout.detectors.base import Block, Detector, Points, block_of, fold, in_order
from heldout.diagnosis.past import lasts
from heldout.diagnosis.verdict import beside_the_point
from heldout.errors import NoMetrics
from heldout.findings import Finding
from heldout.judged import Judged
from heldout.metrics import choose_roles, differs, means, repeats
from heldout.readers.assemble import assemble
from heldout.readers.restarts import GrowingLog
from heldout.run import NO_STEPS, Evaluation, Run
from heldout.stats.arrays import BoolArray, FloatArray

# Meanings that no detector looks at, so a step may log them after the metrics that detectors were given.
_UNSEEN = frozenset({"held_out", "score", "evaluation_detail", "evaluation_size", "time", "progress"})
# What two evaluations that are alike agree in.
_OF_EVALUATIONS = ("step", "rate", "problems", "samples", "lower", "share", "ratio", "error")
_NO_POINTS = Points(NO_STEPS, np.empty(0))


class Fold:
    """The detectors of a run that goes on, and what they have found in what holds of it now.

    Parameters
    ----------
    fresh
        The detectors as they are at the start of a run; copies of them are asked.
    failed
        Told in a sentence of a detector that raised; it is asked no more.
    """

    def __init__(self, fresh: Detectors, failed: Callable[[str], None]) -> None:
        self._fresh, self._failed = fresh, failed
        self.newest = -1  # the last step of which anything is known
        self._broken: set[int] = set()  # places of those that failed
        self._beside: set[str] = set()  # names of those whose findings mean nothing in this run
        self._folded = Block()  # what `catch_up` gave to the detectors
        self._restart()

    def catch_up(self, run: Run) -> int | None:
        """Take in a run as it was read just now.

        Returns
        -------
        int or None
            The first step at which something that was folded already is different now, if there is one.
        """
        same = replace(block_of(run, until=self.newest), judged=_judged_of(run, until=self._judged_to))
        changed = _first_change(self._folded, same)
        self._beside = beside_the_point(run, self.detectors)
        if changed is not None:
            self._restart()
            self.newest = -1
        self._feed(replace(block_of(run, after=self.newest), judged=_judged_of(run, after=self._judged_to)))
        self._folded, self.newest = block_of(run), last_step(run)
        return changed

    def lasts(self, finding: Finding) -> bool:
        """Whether what was found is still so."""
        return lasts(finding, self.detectors)

    def _restart(self) -> None:
        self.detectors = deepcopy(self._fresh)
        self.findings: list[Finding] = []  # in order of steps
        self.evaluations: list[Evaluation] = []  # those that the detectors were given
        self._judged_to = -1  # the last step of which they were given judged answers

    def _feed(self, block: Block) -> None:
        self.evaluations += block.evaluations
        if block.judged is not None:
            self._judged_to = int(block.judged.step[-1])
        asked = [detector for place, detector in enumerate(self.detectors) if place not in self._broken]
        found = [one for one in fold(asked, [block], self._leave_out) if one.detector not in self._beside]
        self.findings = in_order([*self.findings, *found]) if found else self.findings

    def _leave_out(self, detector: Detector, error: BaseException) -> None:
        self._broken |= {place for place, one in enumerate(self.detectors) if one is detector}
        self._failed(f"The detector {detector.name} failed and is asked no more ({type(error).__name__}: {error}).")


class LogFold(Fold):
    """The detectors of a run that is told step by step, as its trainer logs it; what comes is added to the log."""

    def __init__(self, log: GrowingLog, fresh: Detectors, failed: Callable[[str], None]) -> None:
        super().__init__(fresh, failed)
        self.log = log
        self._roles: Mapping[str, str] = {}
        self._first = ""  # the benchmark that was measured first
        self._counts: dict[str, int] = {}  # key → finite values
        # (column, reward) → values when they were compared, whether the one repeats the other, and has one of its own
        self._compared: dict[tuple[str, str], tuple[int, bool, bool]] = {}
        self._fed = -1  # the last step of which the training metrics were given to the detectors

    def metrics(self, step: int, metrics: Mapping[str, Any], *, back: bool = False) -> None:
        """Take in the metrics of a step; where the run goes `back` to it, they supersede all from there on."""
        numbers = self.log.add(step, metrics)
        self._count(numbers)
        self.newest = max(self.newest, step)
        roles = self._roles_now()
        played = {role: numbers[key] for role, key in roles.items() if key in numbers}
        parts = {key: value for key, value in numbers.items() if _is_part(key)}
        training = bool(parts or played.keys() - _UNSEEN)
        if back or roles != self._roles or (training and step <= self._fed):
            self.anew()
            return
        self._fed = step if training else self._fed
        block = Block(_points(step, played), _points(step, parts))
        if "held_out" in played:
            self._feed_with_rates(block)
        else:
            self._feed(block)

    def measured(self, evaluation: Evaluation, also: Mapping[str, Any]) -> None:
        """Take in a held-out measurement, and what else is known of it."""
        also = self.log.measure(evaluation, also)
        self._count({evaluation.key: evaluation.rate, **also})
        self._first = self._first or evaluation.key
        self.newest = max(self.newest, evaluation.step)
        roles = self._roles_now()
        late = bool(self.evaluations) and evaluation.step <= self.evaluations[-1].step
        if roles != self._roles or any(roles.get(role) in also for role in roles.keys() - _UNSEEN):
            self.anew()
        elif evaluation.key != roles.get("held_out"):
            return
        elif late:
            self.anew()
        else:
            self._feed(Block(_points(evaluation.step, {"held_out": evaluation.rate}), {}, [evaluation]))

    def judged(self, judged: Judged) -> None:
        """Take in training answers that hidden tests judged too, whole steps; one told again supersedes the first."""
        self.log.judge(judged)
        if judged.step[0] <= self._judged_to:
            self.anew()
        else:
            self._feed(Block(judged=judged))

    def anew(self) -> None:
        """Fold the whole log from its beginning."""
        run = self.run()
        self._restart()
        self._compared.clear()
        if run is None:
            self._feed(Block(judged=self.log.judged))
            return
        self._roles, self._beside = run.roles, beside_the_point(run, self.detectors)
        self._counts = {key: len(series) for key, series in run.metrics.items()}
        self._first = run.measured[0].key if run.measured else self._first
        trained = [run.metrics[key].step for role, key in run.roles.items() if role not in _UNSEEN]
        trained += [run.metrics[key].step for key in run.reward_parts()]
        self._fed = max((int(step[-1]) for step in trained if len(step)), default=-1)
        self.newest = last_step(run)
        self._feed(block_of(run))

    def run(self) -> Run | None:
        """Return the run so far as a reader would; None while there is nothing in it."""
        try:
            return assemble(self.log.log(), "live", "live")
        except NoMetrics:
            return None

    def _feed_with_rates(self, block: Block) -> None:
        """Add held-out scores that are known as rates only: their unit and size depend on the others."""
        run = self.run()
        evaluations = run.evaluations() if run else []
        known = len(self.evaluations)
        if next(_changed_evaluations(self.evaluations, evaluations[:known]), None) is not None:
            self.anew()
        else:
            self._feed(Block(block.metrics, block.parts, evaluations[known:]))

    def _count(self, numbers: Mapping[str, float]) -> None:
        for key, value in numbers.items():
            self._counts[key] = self._counts.get(key, 0) + math.isfinite(value)

    def _roles_now(self) -> dict[str, str]:
        """Which key plays which part, by the rules of `assemble`."""
        own = {role: key for role, key in self.log.roles.items() if key in self._counts}
        first = {"held_out": self._first} if self._first else {}
        return {**choose_roles(self._counts, self._repeats), **first, **own}

    def _repeats(self, one: str, other: str) -> bool:
        """Whether a column only repeats another; asked again for each new value, until one differs."""
        count, repeated, own = self._compared.get((one, other), (0, False, False))
        if not own and count != self._counts[one] and (run := self.run()) is not None:
            column, its = run.metrics.get(one), run.metrics.get(other)
            if column is not None and its is not None:
                repeated, own = repeats(column, its), differs(column, its)
            self._compared[one, other] = self._counts[one], repeated, own
        return repeated


def last_step(run: Run) -> int:
    """Return the last step at which anything was logged."""
    return max(
        int(step[-1]) for series in run.metrics.values() for step in (series.step, series.nonfinite) if len(step)
    )


def _judged_of(run: Run, after: int = -1, until: int | None = None) -> Judged | None:
    return None if run.judged is None else run.judged.between(after, until)


def _points(step: int, values: Mapping[str, float]) -> dict[str, Points]:
    at = np.array([step], dtype=np.int64)
    return {name: Points(at, np.array([value if math.isfinite(value) else np.nan])) for name, value in values.items()}


def _is_part(key: str) -> bool:
    return means(key, ("reward_component",))


def _first_change(before: Block, now: Block) -> int | None:
    """Return the first step at which two blocks that should be alike differ."""
    steps = [
        *_changed_points(before.metrics, now.metrics),
        *_changed_points(before.parts, now.parts),
        *_changed_evaluations(before.evaluations, now.evaluations),
        *_changed_judged(before.judged, now.judged),
    ]
    return min(steps, default=None)


def _changed_points(before: Mapping[str, Points], now: Mapping[str, Points]) -> Iterator[int]:
    """Yield for each metric that differs the first step where it does."""
    for name in before.keys() | now.keys():
        one, other = before.get(name, _NO_POINTS), now.get(name, _NO_POINTS)
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


def _alike(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> BoolArray:
    alike: BoolArray = (one == other) | ((one != one) & (other != other))  # NaN is itself again
    return alike


def _changed_evaluations(before: Sequence[Evaluation], now: Sequence[Evaluation]) -> Iterator[int]:
    """Yield the step of the first evaluation that differs, if one does."""
    for one, other in zip_longest(before, now):
        if one is None or other is None or not _same(one, other):
            yield min(evaluation.step for evaluation in (one, other) if evaluation is not None)
            return


def _changed_judged(before: Judged | None, now: Judged | None) -> Iterator[int]:
    """Yield the first step whose judged answers differ, such as by hidden tests that were run afterwards."""
    known = [judged for judged in (before, now) if judged is not None]
    both = min(map(len, known)) if len(known) == 2 else 0
    if both:
        columns = [[getattr(judged, name)[:both] for judged in known] for name in Judged.__slots__]
        unlike = np.logical_or.reduce([~_alike(one, other) for one, other in columns])
        if unlike.any():
            yield min(int(judged.step[unlike.argmax()]) for judged in known)
            return
    yield from (int(judged.step[both]) for judged in known if len(judged) > both)


def _same(one: Evaluation, other: Evaluation) -> bool:
    if one is other:
        return True
    if any(getattr(one, name) != getattr(other, name) for name in _OF_EVALUATIONS):
        return False
    if one.outcomes is None or other.outcomes is None:
        return one.outcomes is other.outcomes
    return one.outcomes.problems == other.outcomes.problems and np.array_equal(one.outcomes.share, other.outcomes.share)
