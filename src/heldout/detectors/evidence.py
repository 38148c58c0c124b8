"""What the detectors of the held-out score share: the scores so far, how noisy they are, and a look after each.

Where the outcome of every problem is known, the noise is measured on the problems that changed between neighbouring
evaluations, and errors that evaluations share are paid for. Where only rates and sizes are known it is inferred from
both, and error control is approximate. Of a score whose size is unknown, or that is no share, only its scatter tells.
Whoever asks, asks the same questions of all three.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from heldout.detectors.base import Block
from heldout.detectors.grouping import pooled
from heldout.detectors.question import COUNT, Question, parameter
from heldout.detectors.shared_problems import SharedProblems
from heldout.findings import Finding
from heldout.metrics.phrasing import Spoken
from heldout.run import Evaluation, Outcomes
from heldout.stats.arrays import FloatArray
from heldout.stats.eval_noise import EvalNoise
from heldout.stats.levels import FEWEST_TO_CONFIRM
from heldout.stats.margins import Margins, free_margins
from heldout.stats.noise import (
    WANDER,
    difference_noise,
    excess_autocorrelation,
    typical_noise,
    wander_inflation,
    wander_variance,
)
from heldout.stats.noise_posterior import (
    JITTERS,
    Noise,
    learned,
    noise_of_rates,
    relative_sizes,
    relative_variances,
    sampled,
    scatter,
)
from heldout.stats.rates import BETWEEN_AT_MOST, MEASURED_FROM, binomial_se, effective_problems
from heldout.stats.scan import HORIZONS, Inflation

_T = TypeVar("_T")

_FEWEST_FOR_SCATTER, _DOF_PER_EVALUATION = 10, 18.0 / 35.0
_FEWEST_FOR_JITTER = 8  # evaluations from which on jitter is spoken of: before, its prior speaks
_FEWEST_FOR_JUMPS, _JUMP = 10, 1.3  # falls of 12 points and cliffs of 30 stay confirmed in 99 % of simulations


class Jitter(NamedTuple):
    """How far checkpoints differ beyond sampling, in the unit of the score: standard deviations."""

    size: float
    low: float  # 5 % point
    high: float  # 95 % point


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

    Parameters
    ----------
    planned
        Evaluations that the run will have; unknown, those so far.
    """

    def __init__(self, planned: int | None = None) -> None:
        self._planned = planned or 0
        self.passed_over = self.filled = 0
        self.series = 1
        self._evaluations: list[Evaluation] = []
        self._shared: SharedProblems | None = None  # None with rates alone
        self._made: dict[Hashable, Any] = {}  # of all evaluations so far; see `once`

    def __len__(self) -> int:
        return len(self._evaluations)

    @property
    def exact(self) -> bool:
        """Whether every evaluation came with the outcome of every problem."""
        return self._shared is not None

    @property
    def rates(self) -> FloatArray:
        """All rates, shape (K,), turned where lower is better, so that higher always is."""
        if self._shared is not None:
            return self._shared.gram.rates
        return self.once("rates", lambda: np.array([evaluation.score for evaluation in self._evaluations]))

    @property
    def errors(self) -> FloatArray | None:
        """Standard errors of all scores, shape (K,), where the log gives them for half of the evaluations or more.

        The mean square of the others stands in for one that is missing. None where sizes or outcomes say more.
        """
        if self.problems is not None:
            return None
        errors = self.once("errors", lambda: np.array([evaluation.score_error for evaluation in self._evaluations]))
        known = np.isfinite(errors)
        if not known.any() or 2 * int(known.sum()) < known.size:
            return None
        return np.where(known, errors, math.sqrt(float(np.mean(errors[known] ** 2))))

    @property
    def least_noise(self) -> float:
        """Standard deviation that the noise of one score is not below, by the errors that the log gives; else 0."""
        errors = self.errors
        return 0.0 if errors is None else math.sqrt(float(np.mean(errors**2)))

    @property
    def spoken(self) -> Spoken:
        """How these rates are spoken of: an error rate stays one, and a return is no percentage."""
        if not self._evaluations:
            return Spoken()
        last, span = self._evaluations[-1], float(np.ptp(self.rates))
        return Spoken(last.share, last.lower, span, last.ratio)

    @property
    def steps(self) -> FloatArray:
        """Their steps, shape (K,)."""
        return np.array([evaluation.step for evaluation in self._evaluations], dtype=np.float64)

    @property
    def problems(self) -> int | None:
        """How many problems all evaluations share, at least; None where that is not known of one of them."""
        if self._shared is not None:
            return len(self._shared.problems)
        each = [evaluation.problems for evaluation in self._evaluations]
        return min((n for n in each if n is not None), default=None) if None not in each else None

    @property
    def samples(self) -> float:
        """How many samples of each problem there are, on average; where that is not known it counts as one."""
        return float(np.mean([evaluation.samples or 1.0 for evaluation in self._evaluations] or [1.0]))

    def add(self, evaluation: Evaluation) -> bool:
        """Take in the next evaluation; return False where it repeats the one before and is passed over."""
        outcomes = evaluation.outcomes
        self._made.clear()
        if outcomes is None or (self._evaluations and not self.exact):
            self._shared = None
        elif not self._take(outcomes):
            self.passed_over += 1
            return False
        self._evaluations.append(evaluation)
        return True

    def once(self, what: Hashable, make: Callable[[], _T]) -> _T:
        """Return what was made of these evaluations, which is kept under a name until the next one comes."""
        if what not in self._made:
            self._made[what] = make()
        made: _T = self._made[what]
        return made

    @property
    def sized(self) -> bool:
        """Whether something says how large the noise of a share may be: problems of every one, or standard errors."""
        return self.spoken.share and (self.problems is not None or self.errors is not None)

    def noise(self) -> float:
        """Return the variance of one score as all evaluations so far show it; `nan` where nothing is known."""
        return self.learned.variance

    @property
    def learned(self) -> Noise:
        """What is known of that variance: by outcomes, by sizes, or by the scatter of the scores alone."""
        return self.once("noise", lambda: self.as_if(None))[0]

    def eval_noise(self) -> EvalNoise:
        """Return how far evaluations err and how alike, as the choice of a checkpoint and the onset of a fall need it.

        That is the luck of the answers alone: how checkpoints differ beyond it belongs to their quality.
        """
        return self.once("eval_noise", self._eval_noise)

    def _eval_noise(self) -> EvalNoise:
        if self._shared is not None:
            return EvalNoise.of_outcomes(self._shared.gram)
        if not self.sized:
            return EvalNoise.of_scatter(self.rates, self.noise(), self.least_noise**2)
        if self.errors is not None:
            return EvalNoise.of_errors(self.errors)
        return EvalNoise.of_rates(self.rates, *self._counts)

    @property
    def inflation(self) -> Inflation | None:
        """How much noisier contrasts are than independent noise; None where that cannot be known.

        Problems that are learned or lost for a while show in what several evaluations share.
        """
        return self.once("noise", lambda: self.as_if(None))[1]

    def as_if(self, problems: int | None) -> tuple[Noise, Inflation | None]:
        """Return what would be known of both, had the same scores come from so many problems; None for those asked."""
        if self._shared is not None and len(self) > 1:
            gram = self._shared.gram
            more = 1.0 if problems is None else problems / gram.n
            sampling = gram.s2(len(self)) / more
            noise = learned(scatter(self.rates), sampled(sampling))
            return noise, partial(gram.inflation, jitter=more * (noise.variance - sampling))
        if problems is None and self.errors is not None:
            return self._by_errors(self.errors)
        if not (self.sized or (problems is not None and self.spoken.share)):
            return noise_of_rates(self.rates), None
        asked, samples = self._counts
        asked = asked if problems is None else np.full(len(self), float(problems))
        noise = noise_of_rates(self.rates, asked, samples)
        share = wander_variance(self.rates, float(asked.min())) / noise.variance
        return noise, partial(wander_inflation, share=share, planned=max(self._planned, len(self)))

    def _by_errors(self, errors: FloatArray) -> tuple[Noise, Inflation | None]:
        """Return what is known of both by standard errors: all of a share's noise but jitter, the least of another's.

        In what unit the checkpoints of another score jitter, nobody knows.
        """
        sampling = float(np.mean(errors**2))
        if not self.spoken.share:
            return learned(scatter(self.rates, straight=False), least=sampling), None
        noise = learned(scatter(self.rates, self.relative_noise), sampled(sampling))
        share = WANDER * sampling / noise.variance
        return noise, partial(wander_inflation, share=share, planned=max(self._planned, len(self)))

    @property
    def _counts(self) -> tuple[FloatArray, FloatArray]:
        """Problems and samples of each evaluation, shape (K,) each; `nan` for problems that are not known."""
        counts = [(evaluation.problems or math.nan, evaluation.samples or 1.0) for evaluation in self._evaluations]
        problems, samples = np.array(counts, dtype=np.float64).T
        return problems, samples

    @property
    def relative_noise(self) -> FloatArray | None:
        """How much noisier than the average each evaluation is by its size, shape (K,); None where all are alike."""
        if self.exact or not self.sized:
            return None
        return relative_sizes(self.rates, *self._counts) if self.errors is None else relative_variances(self.errors**2)

    @property
    def margins(self) -> Margins:
        """What counts as a change of these scores, in their own unit."""
        return Margins() if self.spoken.share else free_margins(self.rates, self.noise())

    @property
    def may_confirm(self) -> bool:
        """Whether there are problems enough, and known to be, for the error rate of the scan to hold."""
        return self.sized and (self.problems or 0) >= FEWEST_TO_CONFIRM

    @property
    def jumps(self) -> bool:
        """Whether typical changes are larger than sampling and any jitter that the noise allows for explain.

        A cliff does not make them so, and a jitter beyond the grid cannot be learned: nothing is confirmed then.
        """
        if not self.sized or len(self) < _FEWEST_FOR_JUMPS:
            return False
        known = self.learned
        sampling = float(known.weight @ (known.grid - known.jitter**2))
        return typical_noise(self.rates) > _JUMP * math.sqrt(sampling + float(JITTERS[-1]) ** 2)

    @property
    def autocorrelation(self) -> float | None:
        """By how much more neighbouring scores go together than white noise, where that is surely so and matters.

        It matters where the noise is known by its scatter alone, which cannot tell slow noise from a level that falls.
        """
        if self.sized:
            return None
        excess = excess_autocorrelation(self.rates)
        return excess if excess > 2.0 / math.sqrt(max(len(self), 1)) else None

    @property
    def jitter(self) -> Jitter | None:
        """By how much checkpoints differ beyond sampling; None where that is not known."""
        if not self.sized or len(self) < _FEWEST_FOR_JITTER:
            return None
        return Jitter(*self.learned.jitters())

    def excess_scatter(self) -> float | None:
        """Return how many times the variance of so many problems the rates scatter by, where that is surely more.

        Drawing new problems for each evaluation gives that variance; the same ones give less.
        """
        problems, rates = self.problems, self.rates
        if self.exact or problems is None or not self.sized or len(self) < _FEWEST_FOR_SCATTER:
            return None
        drawn = binomial_se(rates, effective_problems(problems, self.samples)) ** 2
        scatters, sampling = difference_noise(rates), float(np.mean(drawn))
        surely = 1.0 + 3.0 * math.sqrt(2.0 / (_DOF_PER_EVALUATION * (len(self) - 2)))
        most = surely * (sampling + float(JITTERS[-1]) ** 2)  # checkpoints may differ, too
        return scatters / sampling if scatters > most else None

    def set_variance(self) -> FloatArray:
        """Return the variance of each level over sets of problems of this kind, shape (K,); it cancels in contrasts."""
        if self.problems is None or not self.sized:
            return np.full(len(self), BETWEEN_AT_MOST * self.least_noise**2 if self.sized else 0.0)
        rate = float(np.clip(self.rates.mean(), 0.01, 0.99))
        assumed = BETWEEN_AT_MOST * rate * (1.0 - rate) / self.problems  # the samples' part is in the noise of an eval
        if self._shared is None:
            return np.full(len(self), assumed)
        least = assumed if self.problems < MEASURED_FROM else 0.0
        return np.maximum(self._shared.gram.set_variance(), least)

    def _take(self, outcomes: Outcomes) -> bool:
        """Take in outcomes; False where they repeat the last ones. Nothing that came before is judged anew."""
        row = None if self._shared is None else self._shared.row_of(outcomes)
        if self._shared is None or row is None:
            if self._shared is not None:  # the problems have changed too much
                self._evaluations, self.series = [], self.series + 1
            self._shared = SharedProblems(outcomes) if len(outcomes) > 1 else None  # one has no noise to speak of
            return True
        if self._shared.repeats(row):
            return False
        self.filled += self._shared.add(row)
        return True


@dataclass(eq=False, kw_only=True)
class HeldOut(Question):
    """A detector that looks at the held-out scores after each evaluation; what it looks for is in `_look`."""

    needs = ("held_out",)

    group: int = parameter(1, COUNT, "evaluations averaged into one look, where a trainer evaluates very often")

    def update(self, block: Block) -> list[Finding]:
        """Take in new evaluations; return what was found, in order of steps."""
        found: list[Finding] = []
        for evaluation in self._grouped(block.evaluations):
            if self.evidence.add(evaluation):
                found += self._look()
        return found

    def _reset(self) -> None:
        self.evidence = Evidence()
        self.passed_over = 0  # looks beyond the longest horizon that there is a boundary for
        self._waiting: list[Evaluation] = []

    def _grouped(self, evaluations: Sequence[Evaluation]) -> Iterator[Evaluation]:
        """Give the looks that are complete by now: single evaluations, or means of `group` of them."""
        for evaluation in evaluations:
            self._waiting.append(evaluation)
            if len(self._waiting) < self.group:
                continue
            complete, self._waiting = pooled(self._waiting), []
            if len(self.evidence) < HORIZONS[-1]:
                yield complete
            else:
                self.passed_over += 1

    def _look(self) -> Iterable[Finding]:
        """Return what the evaluations so far show that the last look did not."""
        raise NotImplementedError
