"""What the detectors of the held-out score share: the scores so far, how noisy they are, and a look after each.

Where the outcome of every problem is known, the noise is measured on the problems that changed between neighbouring
evaluations, and errors that evaluations share are paid for. Where only rates are known it is estimated from them, and
error control is approximate. Whoever asks, asks the same questions of both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from heldout.detectors.base import Block
from heldout.detectors.question import Question
from heldout.findings import Finding
from heldout.metrics.phrasing import Spoken
from heldout.run import Evaluation, Outcomes
from heldout.stats.arrays import FloatArray
from heldout.stats.eval_noise import EvalNoise
from heldout.stats.gram import Gram, complete
from heldout.stats.levels import FEWEST_TO_CONFIRM
from heldout.stats.margins import Margins, free_margins
from heldout.stats.noise import JITTER_FLOOR, aggregate_noise, difference_noise, wander_inflation, wander_variance
from heldout.stats.rates import BETWEEN_AT_MOST, MEASURED_FROM, binomial_se, effective_problems
from heldout.stats.scan import HORIZONS, Inflation

# On the variance from rates alone, so that the scan keeps its error: with it, level simulated scores were called in 0.2
# to 4.2 % of runs in eleven configurations and in 9.5 % where problems drift far; without it in 1 to 9 % and in 17 %.
_AGGREGATE_FACTOR = 1.3
_UNSIZED_FACTOR, _UNSIZED_FEWEST = 1.5, 8  # more, where only the scatter of rates is known, and not before so many
_COVERS = 0.8  # share of the problems that an evaluation may have without the missing ones being dropped for good
_FEWEST_FOR_SCATTER, _DOF_PER_EVALUATION = 10, 18.0 / 35.0
_FEWEST_COMMON = 50  # problems by which evaluations of different sets are linked


class Evidence:
    """Evaluations of one benchmark, in order, and what they say about noise.

    Attributes
    ----------
    passed_over
        Evaluations that repeat the one before, problem by problem: cached, or of the same weights.
    filled
        Outcomes that were missing and stand in by their expectation.
    series
        1, and one more each time the problems changed so much that comparison had to begin anew.
    """

    def __init__(self) -> None:
        self.passed_over = self.filled = 0
        self.series = 1
        self._evaluations: list[Evaluation] = []
        self._problems: tuple[str, ...] = ()
        self._rows: list[FloatArray] = []  # shares of the problems, one array per evaluation; empty with rates alone
        self._gram: Gram | None = None

    def __len__(self) -> int:
        return len(self._evaluations)

    @property
    def exact(self) -> bool:
        """Whether every evaluation came with the outcome of every problem."""
        return self._gram is not None

    @property
    def rates(self) -> FloatArray:
        """All rates, shape (K,), turned where lower is better, so that higher always is."""
        if self._gram is not None:
            return self._gram.rates
        return np.array([evaluation.score for evaluation in self._evaluations])

    @property
    def spoken(self) -> Spoken:
        """How these rates are spoken of: an error rate stays one, and a return is no percentage."""
        if not self._evaluations:
            return Spoken()
        last, span = self._evaluations[-1], float(np.ptp(self.rates))
        return Spoken(last.share, last.lower, span)

    @property
    def steps(self) -> FloatArray:
        """Their steps, shape (K,)."""
        return np.array([evaluation.step for evaluation in self._evaluations], dtype=np.float64)

    @property
    def problems(self) -> int | None:
        """How many problems all evaluations share, at least; None where that is not known of one of them."""
        if self.exact:
            return len(self._problems)
        each = [evaluation.problems for evaluation in self._evaluations]
        return min((n for n in each if n is not None), default=None) if None not in each else None

    @property
    def samples(self) -> float:
        """How many samples of each problem there are, on average; where that is not known it counts as one."""
        return float(np.mean([evaluation.samples or 1.0 for evaluation in self._evaluations] or [1.0]))

    def add(self, evaluation: Evaluation) -> bool:
        """Take in the next evaluation; return False where it repeats the one before and is passed over."""
        outcomes = evaluation.outcomes
        if outcomes is None or (self._evaluations and not self.exact):
            self._rows, self._gram = [], None
        elif not self._take(outcomes):
            self.passed_over += 1
            return False
        self._evaluations.append(evaluation)
        return True

    def noise(self) -> float:
        """Return the variance of one rate as all evaluations so far show it; `nan` where nothing is known."""
        if self._gram is not None:
            return self._gram.s2(len(self))
        if self.problems is None:
            return aggregate_noise(self.rates)
        counts = [(evaluation.problems, evaluation.samples or 1.0) for evaluation in self._evaluations]
        return aggregate_noise(self.rates, *np.array(counts, dtype=np.float64).T)

    def scan_noise(self) -> float:
        """Return that variance as the scan uses it: larger where it is estimated from rates, `nan` for too few."""
        if self.exact:
            return self.noise()
        if self.problems is None and len(self) < _UNSIZED_FEWEST:
            return np.nan
        return self.noise() * (_UNSIZED_FACTOR if self.problems is None else _AGGREGATE_FACTOR)

    def posterior_noise(self, inflation: float) -> float:
        """Return that variance as the Gaussian process uses it, given the scan's median inflation."""
        return self.noise() * inflation * (_UNSIZED_FACTOR if self.problems is None else 1.0)

    def eval_noise(self) -> EvalNoise:
        """Return how far evaluations err and how alike, as the choice of a checkpoint and the onset of a fall need it.

        That is the luck of the answers alone: how checkpoints differ beyond it belongs to their quality.
        """
        if self._gram is not None:
            return EvalNoise.of_outcomes(self._gram)
        if self.problems is None:
            return EvalNoise.white(self.noise(), len(self), sized=False)
        counts = [(evaluation.problems, evaluation.samples or 1.0) for evaluation in self._evaluations]
        return EvalNoise.of_rates(self.rates, *np.array(counts, dtype=np.float64).T)

    @property
    def inflation(self) -> Inflation | None:
        """How much noisier contrasts are than independent noise; None where that cannot be known.

        With several samples a rate is so precise that problems which are learned or lost for a while show in it.
        """
        if self._gram is not None:
            return self._gram.inflation
        if self.problems is None or self.samples <= 1.0:
            return None
        share = wander_variance(self.rates, self.problems) / self.noise()
        return partial(wander_inflation, share=share)

    @property
    def margins(self) -> Margins:
        """What counts as a change of these scores, in their own unit."""
        return Margins() if self.spoken.share else free_margins(self.rates, self.noise())

    @property
    def may_confirm(self) -> bool:
        """Whether there are problems enough, and known to be, for the error rate of the scan to hold."""
        return self.problems is not None and self.problems >= FEWEST_TO_CONFIRM

    def noise_with(self, problems: int) -> float:
        """Return the variance that the scan would use, had each evaluation so many problems, and samples as now."""
        if self.exact:
            sampled = max(self.noise() - JITTER_FLOOR**2, 0.0)
            return sampled * len(self._problems) / problems + JITTER_FLOOR**2
        return _AGGREGATE_FACTOR * aggregate_noise(self.rates, float(problems), self.samples)

    def excess_scatter(self) -> float | None:
        """Return how many times the variance of so many problems the rates scatter by, where that is surely more.

        Drawing new problems for each evaluation gives that variance; the same ones give less.
        """
        problems, rates = self.problems, self.rates
        if self.exact or problems is None or len(self) < _FEWEST_FOR_SCATTER:
            return None
        drawn = binomial_se(rates, effective_problems(problems, self.samples)) ** 2
        ratio = difference_noise(rates) / float(np.mean(drawn))
        surely = 1.0 + 3.0 * math.sqrt(2.0 / (_DOF_PER_EVALUATION * (len(self) - 2)))
        return ratio if ratio > surely else None

    def set_variance(self) -> FloatArray:
        """Return the variance of each level over sets of problems of this kind, shape (K,); it cancels in contrasts."""
        if self.problems is None:
            return np.zeros(len(self))
        rate = float(np.clip(self.rates.mean(), 0.01, 0.99))
        assumed = BETWEEN_AT_MOST * rate * (1.0 - rate) / self.problems  # the samples' part is in the noise of an eval
        if self._gram is None:
            return np.full(len(self), assumed)
        least = assumed if len(self._problems) < MEASURED_FROM else 0.0
        return np.maximum([self._gram.set_variance(k) for k in range(len(self))], least)

    def _take(self, outcomes: Outcomes) -> bool:
        """Take in outcomes; False where they repeat the last ones. Nothing that came before is judged anew."""
        if self._gram is None:
            self._begin(outcomes)
            return True
        row = outcomes.share if outcomes.problems == self._problems else self._linked(outcomes)
        if row is None:
            self._evaluations = []
            self.series += 1
            self._begin(outcomes)
            return True
        if np.array_equal(row, self._rows[-1]) and 0.0 < row.mean() < 1.0:
            return False
        missing = np.isnan(row)
        if missing.any():
            self.filled += int(missing.sum())
            row = complete(np.stack([*self._rows, row]))[1][-1]
        self._rows.append(row)
        self._gram.add(row)
        return True

    def _linked(self, outcomes: Outcomes) -> FloatArray | None:
        """Return the shares of the problems asked so far, `nan` where missing; None where too few are the same."""
        shares = dict(zip(outcomes.problems, outcomes.share.tolist(), strict=True))
        here = [problem in shares for problem in self._problems]
        if sum(here) < _COVERS * len(here):
            if sum(here) < _FEWEST_COMMON:
                return None
            self._keep(here)
        return np.array([shares.get(problem, np.nan) for problem in self._problems])

    def _begin(self, outcomes: Outcomes) -> None:
        """Start a series with these problems; fewer than two have no noise to speak of."""
        self._problems, self._rows = outcomes.problems, [outcomes.share]
        self._gram = Gram.of(outcomes.share[None, :]) if len(outcomes) > 1 else None

    def _keep(self, kept: list[bool]) -> None:
        """Go on with a part of the problems."""
        self._problems = tuple(problem for problem, keep in zip(self._problems, kept, strict=True) if keep)
        self._rows = [row[kept] for row in self._rows]
        self._gram = Gram.of(np.stack(self._rows))


@dataclass(eq=False, kw_only=True)
class HeldOut(Question):
    """A detector that looks at the held-out scores after each evaluation; what it looks for is in `_look`."""

    needs = ("held_out",)

    def update(self, block: Block) -> list[Finding]:
        """Take in new evaluations; return what was found, in order of steps."""
        found: list[Finding] = []
        for evaluation in block.evaluations:
            if len(self.evidence) < HORIZONS[-1] and self.evidence.add(evaluation):
                found += self._look()
        return found

    def _reset(self) -> None:
        self.evidence = Evidence()

    def _look(self) -> Iterable[Finding]:
        """Return what the evaluations so far show that the last look did not."""
        raise NotImplementedError


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
    merged = _as_samples(outcomes) if alike else None
    return Evaluation(last.step, rate, fewest, samples, last.benchmark, merged, last.lower, last.share)


def _as_samples(outcomes: Sequence[Outcomes]) -> Outcomes:
    """Take the outcomes of several evaluations as samples of one."""
    passed, samples = (sum(getattr(one, name) for one in outcomes) for name in ("passed", "samples"))
    return Outcomes(outcomes[0].problems, passed, samples)
