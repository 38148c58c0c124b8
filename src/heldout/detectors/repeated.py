"""Is the same evaluation logged again and again?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from heldout.detectors.base import Block
from heldout.detectors.denominator import Denominator, last_digit
from heldout.detectors.question import COUNT, FRACTION, Text, parameter
from heldout.detectors.signal import Signal
from heldout.findings import Finding, Severity
from heldout.stats.noise import difference_noise

_FINE = 1e4  # variance, in units of the grid, of scores that no number of problems explains
_EVALUATIONS = 40  # evaluations that a run is expected to have at least
_PAIRED_SHARE = 0.4  # variance of one evaluation of the same problems, as a share of the binomial one
_COARSE = 0.2  # variance, in units of the grid, below which the normal density is no chance any more
_DIGITS = 6  # decimals from which on a plain score hardly ever ties by chance
_FEWEST_SCORES = 5  # of which the scatter tells how large the noise is


@dataclass(eq=False, kw_only=True)
class RepeatedEvaluation(Signal):
    """Is the same evaluation logged again and again?

    Found when a held-out score equals the one before it to the last digit, `times` times in a row or more, although
    training went on. Shares of few answers tie by chance: the smallest number of answers that explains all shares so
    far says how likely that is, and of a plain score, such as a return, its scatter in units of the last digit that is
    logged. The streak must be so long that fewer than `alpha` such streaks are expected in the run. Shares of exactly 0
    and 1, and whole plain scores, are left alone: a score can rest at its bound.

    What it cannot see: a cached evaluation with fresh noise in it; frozen weights with sampled answers; which of the
    two it is.

    False alarms: 0.1 % (2 of 2000 simulated healthy runs, with evaluations of 30 to 1319 problems, the same each time).
    """

    name = "repeated"
    needs = ("held_out",)

    times: int = parameter(2, COUNT, "repetitions in a row, at least")
    alpha: float = parameter(0.01, FRACTION, "expected streaks by chance in a run")

    def _reset(self) -> None:
        self._answers = Denominator()  # where none is known, evaluations are large: those hardly ever tie by chance
        self._scores: list[float] = []  # distinct neighbours among the plain ones
        self._evaluations = 0
        self._since, self._value = -1, math.nan  # step at which the streak began, and its value
        self._streak = 0  # repetitions so far
        self._fired = False

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        points = block.metrics.get("held_out")
        if points is None:
            return []
        shares = {evaluation.step: evaluation.share for evaluation in block.evaluations}
        pairs = zip(points.step.tolist(), points.value.tolist(), strict=True)
        finite = [(step, value) for step, value in pairs if math.isfinite(value)]
        return [finding for step, value in finite for finding in self._look(step, value, shares.get(step, True))]

    def _look(self, step: int, value: float, share: bool) -> Iterator[Finding]:
        self._evaluations += 1
        if value != self._value:
            self._since, self._value, self._streak, self._fired = step, value, 0, False
            if share:
                self._answers.learn(value)
            else:
                self._scores.append(value)
            return
        self._streak += 1
        expected = self._expected(value, share)
        if self._fired or self._streak < self.times or expected > self.alpha:
            return
        self._fired = True
        numbers = {"value": value, "repetitions": float(self._streak), "expected_by_chance": expected}
        words = {"since": self._since, "here": step, "in_a_row": self._streak + 1}
        yield self._finding("evaluation_repeated", (self._since, step), numbers, words)

    def _expected(self, value: float, share: bool) -> float:
        """How many streaks as long as this one does chance give in a run?"""
        rate = value / 100.0 if 1.0 < value <= 100.0 else value
        rests = rate in (0.0, 1.0) if share and 0.0 <= rate <= 1.0 else value == round(value)
        if rests:
            return math.inf
        variance = max(self._of_answers(rate) if share else self._of_scatter(), _COARSE)
        # density of `streak` differences of normal values, all zero, on the grid of whole numbers
        chance = math.pow(2.0 * math.pi * variance, -0.5 * self._streak) / math.sqrt(self._streak + 1.0)
        return max(self._evaluations, _EVALUATIONS) * min(chance, 1.0)

    def _of_answers(self, rate: float) -> float:
        """How large is the variance of a share, in units of one answer?"""
        if not (0.0 < rate < 1.0 and self._answers.known):
            return _FINE
        return _PAIRED_SHARE * self._answers.number * rate * (1.0 - rate)

    def _of_scatter(self) -> float:
        """How large is the variance of a plain score, in units of the last digit that is logged?"""
        last = min(map(last_digit, self._scores))
        if last <= 10.0**-_DIGITS:
            return _FINE
        return difference_noise(np.array(self._scores)) / last**2 if len(self._scores) >= _FEWEST_SCORES else _COARSE

    texts: ClassVar = {
        "evaluation_repeated": Text(
            severity=Severity.WATCH,
            seen="{in_a_row} evaluations in a row, at steps {since} to {here}, gave exactly {value!r}.",
            against="At least {times} repetitions, and fewer than {alpha:g} such streaks expected by chance in a run: "
            "{expected_by_chance:.1g} are.",
            means="Either the evaluation is cached, or it did not get the new weights. These evaluations count as one.",
            advice="See that the evaluation loads the current checkpoint, and that its sampling seed and cache are not "
            "fixed by mistake; then evaluate again.",
        )
    }
