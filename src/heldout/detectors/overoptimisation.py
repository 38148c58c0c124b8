"""Has the held-out score fallen for good, and did the reward rise meanwhile?

Two looks at the same evaluations. The *scan* asks whether any earlier checkpoint was better than the current one by
more than noise can explain, at any time of the run, with one error probability for the whole run. The *posterior* of a
Gaussian process is quicker on slow declines and calibrated by simulation only. Either raises the alarm; the first one
confirms it. The reward does not trigger anything: it only says what kind of fall it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from heldout.detectors.base import Block
from heldout.detectors.evidence import Evidence
from heldout.findings import Finding, Severity
from heldout.run import Evaluation, FloatArray, Outcomes
from heldout.stats.gp import gp_posterior
from heldout.stats.local_level import smoother
from heldout.stats.noise import difference_noise
from heldout.stats.scan import ALPHAS, EPOCHS, HORIZONS, boundary, epochs, last_look, run_p

FEWEST = 4  # evaluations before anything is said
_MOST_POSTERIOR = 60
_REWARD_Q, _REWARD_FACTOR, _CLEAR = 0.3, 1.5, 1.645


class Level(IntEnum):
    """How sure the fall is."""

    OK = 0
    WATCH = 1
    LIKELY = 2
    CONFIRMED = 3


@dataclass(frozen=True, slots=True)
class Look:
    """What one evaluation showed, given all before it.

    Attributes
    ----------
    step
        Of the evaluation.
    level
        How sure a fall is, by this look alone.
    statistic, bound
        Of the scan; `nan` where it was not made.
    probability
        Posterior probability of a fall of more than half a point.
    peak
        Index of the evaluation where the scan puts the peak.
    peak_step
        Its step.
    drop
        Posterior mean of the fall from the peak to now, as a fraction.
    drop_sd
        Its standard deviation.
    inflation
        How much errors that evaluations share widen the noise; 1 where only rates are known.
    """

    step: int
    level: Level
    statistic: float
    bound: float
    probability: float
    peak: int
    peak_step: int
    drop: float
    drop_sd: float
    inflation: float = 1.0


class OverOptimisation:
    """Watch the held-out score for a fall.

    Parameters
    ----------
    group
        How many evaluations are averaged into one look, where a trainer evaluates very often.
    horizon
        How many looks are planned. Without it the error is spread over an endless run, which sees less.
    alpha
        Probability of a confirmed alarm in a run whose true score never falls, whenever one looks.
    delta
        Fall that is tolerated by the scan, as a fraction.
    watch, likely
        Posterior probabilities of a fall of more than `margin`.
    margin
        See there.

    Notes
    -----
    What it cannot see: a fall smaller than the evaluation's noise allows (the verdict's smallest visible drop), one
    that began before the first evaluation, and a benchmark that changed its problems.

    References
    ----------
    Miller 2024, arXiv 2411.00640; Rasmussen, Williams 2006, Gaussian Processes for Machine Learning; Gao, Schulman,
    Hilton 2022, arXiv 2210.10760.
    """

    name = "over_optimisation"
    needs: tuple[str, ...] = ("held_out",)

    def __init__(
        self,
        *,
        group: int = 1,
        horizon: int | None = None,
        alpha: float = 0.05,
        delta: float = 0.0,
        watch: float = 0.80,
        likely: float = 0.95,
        margin: float = 0.005,
    ) -> None:
        if group < 1:
            raise ValueError(f"group is {group}; it must be at least 1 evaluation.")
        if horizon is not None and not 1 <= horizon <= HORIZONS[-1]:
            raise ValueError(f"horizon is {horizon}; it must be from 1 to {HORIZONS[-1]} looks, or None if unknown.")
        if not 0.01 <= alpha <= 0.2:
            raise ValueError(f"alpha is {alpha}; it must be from 0.01 to 0.2.")
        if not 0 < watch <= likely < 1:
            raise ValueError(f"watch and likely are {watch} and {likely}; they must rise between 0 and 1.")
        self.group, self.horizon, self.alpha, self.delta = group, horizon, alpha, delta
        self.watch, self.likely, self.margin = watch, likely, margin
        self.looks: list[Look] = []
        self.passed_over = 0  # looks beyond the longest horizon that there is a boundary for
        self.evidence = Evidence()
        self._waiting: list[Evaluation] = []
        self._reward: list[tuple[int, float]] = []

    def __repr__(self) -> str:
        """Tell all parameters."""
        return (
            f"OverOptimisation(group={self.group}, horizon={self.horizon}, alpha={self.alpha}, "
            f"delta={self.delta}, watch={self.watch}, "
            f"likely={self.likely}, margin={self.margin})"
        )

    @property
    def worst(self) -> Look:
        """The look that was surest of a fall; the first such one."""
        return max(self.looks, key=lambda look: look.level)

    def update(self, block: Block) -> list[Finding]:
        """Take in new evaluations and rewards; return a finding whenever the fall gets surer."""
        reward = block.metrics.get("reward")
        if reward is not None:
            finite = np.isfinite(reward.value)
            self._reward += zip(reward.step[finite].tolist(), reward.value[finite].tolist(), strict=True)
        found = []
        for evaluation in self._grouped(block.evaluations):
            if not self.evidence.add(evaluation) or len(self.evidence) < FEWEST:
                continue
            before = max((look.level for look in self.looks), default=Level.OK)
            self.looks.append(self._look())
            if self.looks[-1].level > before:
                found.append(self._finding(self.looks[-1]))
        return found

    def _grouped(self, evaluations: Sequence[Evaluation]) -> list[Evaluation]:
        """Return the looks that are complete by now: single evaluations, or means of `group` of them."""
        complete = []
        for evaluation in evaluations:
            self._waiting.append(evaluation)
            if len(self._waiting) == self.group:
                complete.append(_mean(self._waiting))
                self._waiting = []
        room = max(0, HORIZONS[-1] - len(self.evidence))
        self.passed_over += max(0, len(complete) - room)
        return complete[:room]

    def reward_course(self, peak_step: float) -> str:
        """Say what the reward did from a step to the last evaluation: rising, flat, falling or unknown."""
        z = self._reward_z(peak_step, self.evidence.steps)
        if not math.isfinite(z):
            return "unknown"
        return "rising" if z > _CLEAR else "falling" if z < -_CLEAR else "flat"

    def run_p(self, *, ever: bool = False) -> float:
        """Return the smallest tabled error probability of a whole run at which the scan would alarm; 1 for none.

        As it stands now, or `ever` so far: the second is the p-value of the run, whenever one stops looking.
        """
        looks = self.looks if ever else self.looks[-1:]
        statistic = max((look.statistic for look in looks if math.isfinite(look.statistic)), default=math.nan)
        return run_p(statistic, self._planned) if math.isfinite(statistic) else 1.0

    def problems_to_confirm(self, sizes: Sequence[int]) -> int | None:
        """Return the smallest of these numbers of problems with which the same rates would confirm a fall now."""
        bound = boundary(self._planned, self._share)
        for size in sizes:
            z, _ = self._contrasts(self.evidence.noise_with(size))
            if len(z) and z.max() >= bound:
                return size
        return None

    @property
    def _planned(self) -> int:
        return max(self.horizon or 0, len(self.evidence), HORIZONS[0])

    @property
    def _share(self) -> float:
        """The error that this series of evaluations may spend: half as much after each change of the problems."""
        return max(self.alpha / 2.0 ** (self.evidence.series - 1), ALPHAS[-1] * 2.0 ** len(EPOCHS))

    def _contrasts(self, noise: float | None = None) -> tuple[FloatArray, FloatArray]:
        """z and inflation of each earlier evaluation against the last one.

        Evaluations count as evenly spaced, whatever their steps: weights by distance would need a boundary of their
        own, which depends on steps to come, and evaluations get denser when a fall is suspected.
        """
        seen = self.evidence
        variance = np.array([seen.scan_noise() if noise is None else noise])
        return last_look(seen.rates, variance, None, seen.inflation, delta=self.delta)

    def _look(self) -> Look:
        seen = self.evidence
        here, count = int(seen.steps[-1]), len(seen)
        z, inflation = self._contrasts()
        if not len(z):
            return Look(here, Level.OK, math.nan, math.nan, math.nan, count - 1, here, 0.0, math.nan)
        peak, statistic = int(z.argmax()), float(z.max())
        bound = boundary(self._planned, self._share) if self.horizon else epochs(count, self._share).boundary
        shared = float(np.median(inflation))
        probability, drop, sd = self._posterior(seen.rates, peak, seen.posterior_noise(shared))
        level = Level.OK
        if probability >= self.watch:
            level = Level.LIKELY if probability >= self.likely else Level.WATCH
        if seen.may_confirm and statistic >= bound:
            level = Level.CONFIRMED
        return Look(here, level, statistic, bound, probability, peak, int(seen.steps[peak]), drop, sd, shared)

    def _posterior(self, rates: FloatArray, peak: int, variance: float) -> tuple[float, float, float]:
        """Return the probability of a fall of more than `margin`, and the fall since the peak with its deviation.

        Longer histories are averaged, from the present backwards, so that the posterior stays cheap.
        """
        each = math.ceil(len(rates) / _MOST_POSTERIOR)
        starts = np.arange(len(rates), 0, -each)[::-1] - each
        means = np.array([rates[max(start, 0) : start + each].mean() for start in starts])
        posterior = gp_posterior(means, variance / each)
        at = max(int(np.searchsorted(starts, peak, "right")) - 1, 0)
        drop, sd = posterior.difference(at, len(means) - 1)
        return posterior.p_drop(self.margin), float(drop), float(sd)

    def _reward_z(self, peak_step: float, steps: FloatArray) -> float:
        """Return how far the smoothed reward has risen since a step, in standard errors."""
        if len(steps) < 5 or not self._reward:
            return math.nan
        at, value = (np.array(column, dtype=np.float64) for column in zip(*self._reward, strict=True))
        edges = np.searchsorted(at, steps, "right")
        starts = np.concatenate([[0], edges[:-1]])
        kept = edges > starts
        if np.count_nonzero(kept) < 5 or not kept[-1]:
            return math.nan
        means = np.array([value[a:b].mean() for a, b in zip(starts[kept], edges[kept], strict=True)])
        noise = _REWARD_FACTOR * difference_noise(means)
        smooth, _ = smoother(len(means), _REWARD_Q)
        peak = int(np.argmin(np.abs(steps[kept] - peak_step)))
        contrast = smooth[-1] - smooth[peak]
        error = math.sqrt(noise * float(contrast @ contrast))
        rise = float(contrast @ means)
        return rise / error if error > 0 else math.inf * np.sign(rise) if rise else 0.0

    def _finding(self, look: Look) -> Finding:
        course = self.reward_course(look.peak_step)
        seen = (
            f"By step {look.step} the held-out score has fallen by {100 * look.drop:.1f} points since step "
            f"{look.peak_step} "
            f"(95 % interval {100 * (look.drop - 1.96 * look.drop_sd):.1f} to "
            f"{100 * (look.drop + 1.96 * look.drop_sd):.1f})."
        )
        return Finding(
            detector=self.name,
            severity=Severity.ALARM if look.level >= Level.LIKELY else Severity.WATCH,
            kind=look.level.name.lower(),
            step=look.step,
            steps=(look.peak_step, look.step),
            seen=seen,
            against=_against(look, self._share),
            means=_MEANS[course],
            advice="Keep the recommended checkpoint; evaluate it and the current one again on the same problems with "
            "fresh samples.",
            reference="Gao, Schulman, Hilton 2022, arXiv 2210.10760",
            evidence={
                "probability": look.probability,
                "statistic": look.statistic,
                "bound": look.bound,
                "drop": look.drop,
            },
        )


def _mean(evaluations: Sequence[Evaluation]) -> Evaluation:
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
    return Evaluation(last.step, rate, fewest, samples, last.benchmark, _pooled(outcomes) if alike else None)


def _pooled(outcomes: Sequence[Outcomes]) -> Outcomes:
    """Take the outcomes of several evaluations as samples of one."""
    passed, samples = (sum(getattr(one, name) for one in outcomes) for name in ("passed", "samples"))
    return Outcomes(outcomes[0].problems, passed, samples)


_MEANS = {
    "rising": "Over-optimisation: the held-out score falls while the reward rises.",
    "flat": "The held-out score falls while the reward is flat: possibly over-optimisation.",
    "falling": "A general regression: the reward falls too, so the update, the data or the evaluation broke.",
    "unknown": "An unattributed regression: without enough of the reward nothing can be said about its cause.",
}


def _against(look: Look, alpha: float) -> str:
    posterior = f"the probability of a fall of more than half a point is {look.probability:.2f}"
    if look.level is Level.CONFIRMED:
        return (
            f"The scan is at {look.statistic:.2f} against {look.bound:.2f}, which a run that never falls exceeds with "
            f"probability {alpha:g} at any time; {posterior}."
        )
    return (
        f"By the posterior alone, {posterior}; the scan ({look.statistic:.2f} against {look.bound:.2f}) does "
        "not confirm it."
    )
