"""Has the held-out score fallen for good, and did the reward rise meanwhile?

Two looks at the same evaluations. The *scan* asks whether any earlier checkpoint was better than the current one by
more than noise can explain, at any time of the run, with one error probability for the whole run. The *posterior* of a
Gaussian process is quicker on slow declines and calibrated by simulation only. Either raises the alarm; the first one
confirms it. The reward does not trigger anything: it only says what kind of fall it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from heldout.detectors.base import Block
from heldout.findings import Finding, Severity
from heldout.run import Evaluation, FloatArray
from heldout.stats.gp import gp_posterior
from heldout.stats.local_level import smoother
from heldout.stats.noise import aggregate_noise, difference_noise
from heldout.stats.scan import HORIZONS, Scan, boundary, epochs, run_p, scan

FEWEST = 4  # evaluations before anything is said
_AGGREGATE_FACTOR = 1.3  # on the variance from rates alone, so that the scan keeps its error
_UNSIZED_FACTOR, _UNSIZED_FEWEST = 1.5, 8
_FEWEST_PROBLEMS = 30  # below it the scan's normal approximation is not to be trusted
_MOST_POSTERIOR = 60
_REWARD_Q, _REWARD_FACTOR, _CLEAR = 0.3, 1.5, 1.645
_RECOVERED, _RECOVERED_LOOKS = 0.8, 2


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
        self._evaluations: list[Evaluation] = []
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
    def rates(self) -> FloatArray:
        """All rates so far, shape (K,)."""
        return np.array([evaluation.rate for evaluation in self._evaluations])

    @property
    def steps(self) -> FloatArray:
        """Their steps, shape (K,)."""
        return np.array([evaluation.step for evaluation in self._evaluations], dtype=np.float64)

    @property
    def sizes(self) -> FloatArray | None:
        """Their sizes, or None where one is not known."""
        sizes = [evaluation.size for evaluation in self._evaluations]
        return None if any(size is None for size in sizes) else np.array(sizes, dtype=np.float64)

    def update(self, block: Block) -> list[Finding]:
        """Take in new evaluations and rewards; return a finding whenever the fall gets surer."""
        reward = block.metrics.get("reward")
        if reward is not None:
            finite = np.isfinite(reward.value)
            self._reward += zip(reward.step[finite].tolist(), reward.value[finite].tolist(), strict=True)
        new = self._grouped(block.evaluations)
        first = len(self._evaluations) + 1
        self._evaluations += new
        found = []
        path = self._path() if new else None
        for count in range(max(first, FEWEST), first + len(new)):
            before = max((look.level for look in self.looks), default=Level.OK)
            self.looks.append(self._look(count, path))
            if self.looks[-1].level > before:
                found.append(self._finding(self.looks[-1], count))
        return found

    def _grouped(self, evaluations: Sequence[Evaluation]) -> list[Evaluation]:
        """Return the looks that are complete by now: single evaluations, or means of `group` of them."""
        complete = []
        for evaluation in evaluations:
            self._waiting.append(evaluation)
            if len(self._waiting) == self.group:
                complete.append(_mean(self._waiting))
                self._waiting = []
        room = max(0, HORIZONS[-1] - len(self._evaluations))
        self.passed_over += max(0, len(complete) - room)
        return complete[:room]

    def state(self) -> dict[str, Any]:
        """Return evaluations, rewards and looks; the error spent is in them."""
        return {
            "waiting": [[e.step, e.rate, e.size] for e in self._waiting],
            "passed_over": self.passed_over,
            "evaluations": [[e.step, e.rate, e.size] for e in self._evaluations],
            "reward": [list(point) for point in self._reward],
            "looks": [{**asdict(look), "level": int(look.level)} for look in self.looks],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken."""
        self._waiting = [Evaluation(step, rate, size) for step, rate, size in state["waiting"]]
        self.passed_over = int(state["passed_over"])
        self._evaluations = [Evaluation(step, rate, size) for step, rate, size in state["evaluations"]]
        self._reward = [(int(step), float(value)) for step, value in state["reward"]]
        self.looks = [Look(**{**look, "level": Level(look["level"])}) for look in state["looks"]]

    def reward_course(self, peak_step: float, count: int | None = None) -> str:
        """Say what the reward did from a step to the last of `count` evaluations: rising, flat, falling or unknown."""
        z = self._reward_z(peak_step, self.steps[:count])
        if not math.isfinite(z):
            return "unknown"
        return "rising" if z > _CLEAR else "falling" if z < -_CLEAR else "flat"

    def peak_range(self, count: int | None = None) -> tuple[int, int]:
        """Return the first and last step that could be the peak as well, as the first `count` evaluations show it."""
        count = len(self._evaluations) if count is None else count
        variance = self._variance(count) * self._factor
        contrasts = scan(self.rates[:count], variance, steps=self.steps[:count], delta=self.delta).contrasts
        if not len(contrasts):
            return int(self.steps[0]), int(self.steps[count - 1])
        near = np.flatnonzero(contrasts >= contrasts.max() - 1.0)
        return int(self.steps[near[0]]), int(self.steps[near[-1]])

    def run_p(self) -> float:
        """Return the smallest tabled error probability of a whole run at which the scan would alarm now; 1 for none."""
        statistic = self.looks[-1].statistic if self.looks else math.nan
        horizon = max(self.horizon or 0, len(self._evaluations), 5)
        return run_p(statistic, horizon) if math.isfinite(statistic) else 1.0

    def problems_to_confirm(self, sizes: Sequence[int]) -> int | None:
        """Return the smallest of these evaluation sizes with which the same rates would confirm a fall now."""
        count = len(self._evaluations)
        bound = boundary(max(self.horizon or 0, count, 5), self.alpha)
        for size in sizes:
            variance = _AGGREGATE_FACTOR * aggregate_noise(self.rates, float(size))
            if scan(self.rates, variance, steps=self.steps, delta=self.delta).statistic[-1] >= bound:
                return size
        return None

    @property
    def _factor(self) -> float:
        return _AGGREGATE_FACTOR if self.sizes is not None else _UNSIZED_FACTOR

    def _variance(self, count: int) -> float:
        """Return the noise variance of one rate, as the first `count` of them show it; `nan` where nothing is known."""
        sizes = self.sizes
        if sizes is None and count < _UNSIZED_FEWEST:
            return math.nan
        return aggregate_noise(self.rates[:count], None if sizes is None else sizes[:count])

    def _path(self) -> Scan:
        """Scan all evaluations at once, each look with the noise that was known by then."""
        variances = np.array([self._variance(count) for count in range(1, len(self._evaluations) + 1)])
        return scan(self.rates, self._factor * variances, steps=self.steps, delta=self.delta)

    def _look(self, count: int, path: Scan | None) -> Look:
        rates, steps, variance = self.rates[:count], self.steps[:count], self._variance(count)
        here = int(steps[-1])
        if path is None or not math.isfinite(variance):
            return Look(here, Level.OK, math.nan, math.nan, math.nan, count - 1, here, 0.0, math.nan)
        peak = int(path.peak[count - 1])
        bound = (
            boundary(max(self.horizon, count, 5), self.alpha) if self.horizon else epochs(count, self.alpha).boundary
        )
        probability, drop, sd = self._posterior(rates, peak, variance)
        level = Level.OK
        if probability >= self.watch:
            level = Level.LIKELY if probability >= self.likely else Level.WATCH
        statistic = float(path.statistic[count - 1])
        if self._may_confirm(count) and statistic >= bound:
            level = Level.CONFIRMED
        return Look(here, level, statistic, bound, probability, peak, int(steps[peak]), drop, sd)

    def _posterior(self, rates: FloatArray, peak: int, variance: float) -> tuple[float, float, float]:
        """Return the probability of a fall of more than `margin`, and the fall since the peak with its deviation.

        Longer histories are averaged, from the present backwards, so that the posterior stays cheap.
        """
        variance *= 1.0 if self.sizes is not None else _UNSIZED_FACTOR
        each = math.ceil(len(rates) / _MOST_POSTERIOR)
        starts = np.arange(len(rates), 0, -each)[::-1] - each
        means = np.array([rates[max(start, 0) : start + each].mean() for start in starts])
        posterior = gp_posterior(means, variance / each)
        at = max(int(np.searchsorted(starts, peak, "right")) - 1, 0)
        drop, sd = posterior.difference(at, len(means) - 1)
        return posterior.p_drop(self.margin), float(drop), float(sd)

    def _may_confirm(self, count: int) -> bool:
        sizes = self.sizes
        return sizes is not None and float(sizes[:count].min()) >= _FEWEST_PROBLEMS

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

    def _finding(self, look: Look, count: int) -> Finding:
        course = self.reward_course(look.peak_step, count)
        seen = (
            f"By step {look.step} the held-out score has fallen by {100 * look.drop:.1f} points since step "
            f"{look.peak_step} "
            f"(95 % interval {100 * (look.drop - 1.96 * look.drop_sd):.1f} to "
            f"{100 * (look.drop + 1.96 * look.drop_sd):.1f})."
        )
        return Finding(
            self.name,
            Severity.ALARM if look.level >= Level.LIKELY else Severity.WATCH,
            look.level.name.lower(),
            look.step,
            (look.peak_step, look.step),
            seen,
            _against(look, self.alpha),
            _MEANS[course],
            "Keep the recommended checkpoint; evaluate it and the current one again on the same problems with "
            "fresh samples.",
            "Gao, Schulman, Hilton 2022, arXiv 2210.10760",
            {"probability": look.probability, "statistic": look.statistic, "bound": look.bound, "drop": look.drop},
        )


def _mean(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Return the mean of several evaluations, at the step of the last."""
    sizes = [evaluation.size for evaluation in evaluations]
    known = [size for size in sizes if size is not None]
    rate = sum(evaluation.rate for evaluation in evaluations) / len(evaluations)
    return Evaluation(evaluations[-1].step, rate, sum(known) if len(known) == len(sizes) else None)


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
