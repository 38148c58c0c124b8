"""The fold while a run goes on: the same findings, at the same steps, as after the fact.

What a call adds is given to the detectors as one more block. Where that would not be what a reader of the finished log
sees (the run went back, a step was logged twice, a new key plays an old part), the whole log is folded anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from heldout.detectors.base import Block, Detector, Points, block_of, fold
from heldout.errors import NoMetrics
from heldout.findings import Finding
from heldout.metrics import choose_roles, meaning_of
from heldout.readers.assemble import assemble
from heldout.readers.growing import GrowingLog
from heldout.run import Evaluation, Run

# Meanings that no detector looks at: they may come later in a step than the rest of it.
_BESIDE = frozenset({"held_out", "evaluation_detail", "evaluation_size", "spread_of_another", "time", "progress"})
_Known = tuple[int, float, int | None, float | None]


class LiveFold:
    """Detectors that follow a log.

    Parameters
    ----------
    log
        What was logged so far, and where what comes is added.
    detectors
        Fresh ones.
    failed
        Called with a detector that raised, and the error; it is asked no more.

    Attributes
    ----------
    newest
        The last step of which anything is known; -1 before.
    """

    def __init__(
        self, log: GrowingLog, detectors: Sequence[Detector], failed: Callable[[Detector, Exception], None]
    ) -> None:
        self.log, self.newest = log, -1
        self._detectors = list(detectors)
        self._fresh = {id(detector): deepcopy(vars(detector)) for detector in detectors}
        self._failed = failed
        self._roles: Mapping[str, str] = {}
        self._first = ""  # the benchmark that was measured first
        self._counts: dict[str, int] = {}  # key → finite values
        self._fed = -1  # the last step of which the training metrics were given to the detectors
        self._evaluations: list[_Known] = []  # those that were given to them

    @property
    def evaluated(self) -> list[int]:
        """The steps at which the held-out score is known."""
        return [step for step, *_ in self._evaluations]

    @property
    def evaluations(self) -> int:
        """How many held-out scores are known."""
        return len(self._evaluations)

    def metrics(self, step: int, metrics: Mapping[str, Any], *, back: bool = False) -> list[Finding]:
        """Take in the metrics of a step; return what was found, new or not.

        Parameters
        ----------
        step, metrics
            As the trainer gives them.
        back
            Whether the run goes back to this step, which supersedes what was known of it and later ones.
        """
        numbers = self.log.add(step, metrics)
        self._count(numbers)
        self.newest = max(self.newest, step)
        roles = self._roles_now()
        played = {role: numbers[key] for role, key in roles.items() if key in numbers}
        parts = {key: value for key, value in numbers.items() if _is_part(key)}
        training = bool(parts or played.keys() - _BESIDE)
        if back or roles != self._roles or (training and step <= self._fed):
            return self.anew()
        self._fed = step if training else self._fed
        block = Block(_points(step, played), _points(step, parts))
        if "held_out" not in played:
            return self._update(block)
        return self._with_rates(block)

    def measured(self, evaluation: Evaluation, also: Mapping[str, Any]) -> list[Finding]:
        """Take in a held-out measurement; return what was found, new or not."""
        also = self.log.measure(evaluation, also)
        self._count({evaluation.key: evaluation.rate, **also})
        self._first = self._first or evaluation.key
        self.newest = max(self.newest, evaluation.step)
        roles = self._roles_now()
        if roles != self._roles or any(roles.get(role) in also for role in roles.keys() - _BESIDE):
            return self.anew()
        if evaluation.key != roles.get("held_out"):
            return []
        if self._evaluations and evaluation.step <= self._evaluations[-1][0]:
            return self.anew()
        self._evaluations.append(_known(evaluation))
        return self._update(Block(_points(evaluation.step, {"held_out": evaluation.rate}), {}, [evaluation]))

    def anew(self) -> list[Finding]:
        """Fold the whole log from its beginning; return everything that is found in it."""
        run = self.run()
        for detector in self._detectors:
            vars(detector).clear()
            vars(detector).update(deepcopy(self._fresh[id(detector)]))
        if run is None:
            return []
        self._roles = run.roles
        self._counts = {key: len(series) for key, series in run.metrics.items()}
        self._first = run.measured[0].key if run.measured else self._first
        self._evaluations = [_known(evaluation) for evaluation in run.evaluations()]
        trained = [run.metrics[key].step for role, key in run.roles.items() if role not in _BESIDE]
        trained += [run.metrics[key].step for key in run.reward_parts()]
        self._fed = max((int(step[-1]) for step in trained if len(step)), default=-1)
        self.newest = max((int(series.step[-1]) for series in run.metrics.values() if len(series)), default=-1)
        return self._update(block_of(run))

    def run(self) -> Run | None:
        """Return the run so far as a reader would; None while there is nothing in it."""
        try:
            return assemble(self.log.log(), "live", "live")
        except NoMetrics:
            return None

    def _with_rates(self, block: Block) -> list[Finding]:
        """Add held-out scores that are known as rates only: their unit and size depend on the others."""
        run = self.run()
        if run is None:
            return self._update(block)
        evaluations = run.evaluations()
        known = [_known(evaluation) for evaluation in evaluations]
        before = len(self._evaluations)
        if known[:before] != self._evaluations:
            return self.anew()
        self._evaluations = known
        return self._update(Block(block.metrics, block.parts, evaluations[before:]))

    def _update(self, block: Block) -> list[Finding]:
        return fold(self._detectors, [block], self._fails)

    def _fails(self, detector: Detector, error: Exception) -> None:
        self._detectors.remove(detector)
        self._failed(detector, error)

    def _count(self, numbers: Mapping[str, float]) -> None:
        for key, value in numbers.items():
            self._counts[key] = self._counts.get(key, 0) + math.isfinite(value)

    def _roles_now(self) -> dict[str, str]:
        """Which key plays which part, by the rules of `assemble`."""
        own = {role: key for role, key in self.log.roles.items() if key in self._counts}
        first = {"held_out": self._first} if self._first else {}
        return {**choose_roles(self._counts), **first, **own}


def _known(evaluation: Evaluation) -> _Known:
    return evaluation.step, evaluation.rate, evaluation.problems, evaluation.samples


def _points(step: int, values: Mapping[str, float]) -> dict[str, Points]:
    at = np.array([step], dtype=np.int64)
    return {name: Points(at, np.array([value if math.isfinite(value) else np.nan])) for name, value in values.items()}


def _is_part(key: str) -> bool:
    match = meaning_of(key)
    return match is not None and match.meaning.name == "reward_component"
