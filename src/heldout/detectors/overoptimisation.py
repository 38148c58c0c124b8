"""Has the held-out score fallen for good, and did the reward rise meanwhile?

Two looks at the same evaluations. The *scan* asks whether any earlier checkpoint was better than the current one by
more than noise can explain, at any time of the run, with one error probability for the whole run. The *posterior* of a
Gaussian process is quicker on slow declines and calibrated by simulation only; after a quick rise it overshoots and
sees a fall then, so it counts only where the scan hints at one, too. The scan confirms a fall, both together make it
likely. The reward does not trigger anything: it only says what kind of fall it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np

from heldout.detectors.base import Block
from heldout.detectors.evidence import Evidence, HeldOut
from heldout.detectors.grouping import group_of, looks_of
from heldout.detectors.question import COUNT, FRACTION, Range, Text, at_least, between, parameter
from heldout.detectors.reward_course import RewardCourse
from heldout.findings import Finding, Severity
from heldout.stats.arrays import FloatArray
from heldout.stats.gp import gp_posterior
from heldout.stats.levels import FALSE_ALARMS, HINTS, TWO_SIDED_95
from heldout.stats.noise import typical_noise
from heldout.stats.noise_posterior import Noise
from heldout.stats.scan import (
    ALPHAS,
    EPOCHS,
    HORIZONS,
    LEARNED,
    UNSIZED,
    Inflation,
    boundary,
    epochs,
    error_of,
    look_back,
    run_p,
)
from heldout.stats.smoothing import latest_blocks
from heldout.stats.turning import Turn, turn

FEWEST = 4  # evaluations before anything is said
_FEWEST_UNSIZED = 7  # and before anything is said of a score whose noise nothing but its scatter tells
# So many typical noises a fall must have for it to be likely, by the number of evaluations: where they are few, what
# scatters about a smooth line contains the fall itself.
_STANDS_OUT = {7: 3.9, 8: 4.1, 9: 4.7, 10: 4.8, 11: 5.0, 12: 5.2}
# Where scores jump more than their sizes explain, a fall that reaches so many times the boundary with typical changes
# for noise is a fall all the same. Jitter of 2 and 3 points is called no more often for it (150 simulated runs a cell).
_BEYOND_JUMPS = 1.25
_MOST_POSTERIOR = 60  # means that the posterior is made of: its cost grows with their cube
_HALVINGS = 20  # of the range of the scores, to find a bound within a millionth of it
PLANNED = Range(
    lambda value: value is None or (COUNT.allows(value) and value <= HORIZONS[-1]),
    f"from 1 to {HORIZONS[-1]} looks, or None if unknown",
)
_ANY = at_least(0.0)
_MARGIN = Range(lambda value: value is None or _ANY.allows(value), f"{_ANY.words}, or None")
_MEANS = {
    "rising": "Over-optimisation: the held-out score gets worse while the reward rises.",
    "flat": "The held-out score gets worse while the reward is flat: possibly over-optimisation.",
    "falling": "A general regression: the reward falls too, so the update, the data or the evaluation broke.",
    "unknown": "An unattributed regression: without enough of the reward nothing can be said about its cause.",
}
_POSTERIOR = "the probability of a {loss} of more than {least} is {probability:.2f}"
_fallen = partial(
    Text,
    seen="By step {here} the held-out score {worse} by {by} since step {peak} (95 % interval {between}).",
    against=f"By the posterior, {_POSTERIOR}; the scan is at {{statistic:.2f}} against {{bound:.2f}}{{open}}.",
    means="{meaning}",
    advice="Keep the recommended checkpoint; evaluate it and the current one again on the same problems with fresh "
    "samples.",
    reference="Gao, Schulman, Hilton 2022, arXiv 2210.10760",
)


class Level(IntEnum):
    """How sure the fall is."""

    OK = 0
    WATCH = 1
    LIKELY = 2
    CONFIRMED = 3


class _Scan(NamedTuple):
    """The scan of all evaluations so far."""

    statistic: float
    fall: float  # for unit noise, that the statistic is of
    peak: int  # index of the evaluation that it is from
    inflation: float  # how much errors that evaluations share widen the noise: the median of all contrasts


@dataclass(frozen=True, slots=True)
class Look:
    """What one evaluation showed, given all before it."""

    step: int  # of the evaluation
    level: Level  # how sure a fall is, by this look alone
    statistic: float  # of the scan; nan where it was not made
    bound: float  # that it is held against, likewise
    hint: float  # that it must reach for the posterior to raise an alarm
    probability: float  # posterior probability of a fall of more than the margin
    peak: int  # index of the evaluation where the scan puts the peak
    peak_step: int
    drop: float  # posterior mean of the fall from the peak to now, as a fraction
    drop_sd: float
    inflation: float = 1.0  # how much errors that evaluations share widen the noise; 1 where only rates are known


@dataclass(eq=False, kw_only=True)
class OverOptimisation(HeldOut):
    """Has the held-out score fallen for good?

    ``confirmed`` is found when the scan exceeds its boundary on problems enough for it; ``likely`` and ``watch``
    when the posterior probability of a fall of more than `margin` is that high, the first only where the scan is
    also beyond what one of five level runs ever shows. Of a score that is no share, or whose size is unknown,
    ``likely`` is the most: when the scan exceeds a higher boundary, or, of 7 to 12 scores, when the fall stands out
    from typical changes, or, of 8 and more, a rise and a fall from what scatters about them; ``watch`` where slow
    noise may look like that. Each is found once, when the fall gets surer. What the reward did meanwhile says which
    kind of fall it is: over-optimisation, where it rose.

    What it cannot see: a fall smaller than the evaluation's noise allows (the verdict's smallest visible drop), one
    that began before the first evaluation, and a benchmark that changed its problems.

    False alarms: 1.7 % (likely or confirmed, 7 of 420 simulated runs of 500 problems and 40 evaluations whose score
    never falls for long, of seven kinds; 6 of the 60 whose level wanders, 1 of the 60 whose score is level). Of
    200 series of white noise without a size, of each of four lengths from 8 to 40, 1 to 2.5 % (simulated as well).

    References
    ----------
    Miller 2024, arXiv 2411.00640; Rasmussen, Williams 2006, Gaussian Processes for Machine Learning; Gao, Schulman,
    Hilton 2022, arXiv 2210.10760.
    """

    name = "over_optimisation"

    horizon: int | None = parameter(
        None, PLANNED, "looks that are planned; unknown, the error is spread over an endless run, which sees less"
    )
    alpha: float = parameter(
        FALSE_ALARMS, between(0.01, 0.2), "chance of a confirmed alarm in a run that never falls, whenever one looks"
    )
    delta: float = parameter(0.0, at_least(0.0), "fall that is tolerated by the scan, as a fraction")
    watch: float = parameter(0.80, FRACTION, "posterior probability of a fall of more than `margin` to look closely at")
    likely: float = parameter(
        0.90, FRACTION, "posterior probability of such a fall that is an alarm, where the scan hints at one as well"
    )
    margin: float | None = parameter(
        None, _MARGIN, "fall that the posterior is asked about, in the score's unit; half a point of a share if None"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.watch > self.likely:
            raise ValueError(f"watch is {self.watch}; it must be at most likely, which is {self.likely}.")

    def _reset(self) -> None:
        super()._reset()
        self.evidence = Evidence(self.horizon)
        self.looks: list[Look] = []
        self._reward = RewardCourse()

    @property
    def worst(self) -> Look:
        """The look that was surest of a fall; the first such one."""
        return max(self.looks, key=lambda look: look.level)

    def update(self, block: Block) -> list[Finding]:
        """Take in new evaluations and rewards; return a finding whenever the fall gets surer."""
        self._reward.add(block.metrics.get("reward"))
        found = []
        for evaluation in self._grouped(block.evaluations):
            if not self.evidence.add(evaluation) or len(self.evidence) < FEWEST:
                continue
            before = max((look.level for look in self.looks), default=Level.OK)
            self.looks.append(self._looked())
            if self.looks[-1].level > before:
                found.append(self._said(self.looks[-1]))
        return found

    def reward_course(self, peak_step: float) -> str:
        """Say what the reward did from a step to the last evaluation: rising, flat, falling or unknown."""
        return self._reward.since(peak_step, self.evidence.steps)

    def run_p(self, *, ever: bool = False) -> float:
        """Return the smallest tabled error probability of a whole run at which the scan would alarm; 1 for none.

        As it stands now, or `ever` so far: the second is the p-value of the run, whenever one stops looking.
        """
        statistic = _largest(self.looks if ever else self.looks[-1:])
        return run_p(statistic, self._planned, self._factor) if math.isfinite(statistic) else 1.0

    def error(self) -> float | None:
        """Return how often a run that never falls would ever get as far as this one; see `stats.scan.error_of`.

        None where the problems are not known to be enough for that; 1 where their noise is doubted, so that nothing is
        confirmed.
        """
        if not self.evidence.may_confirm or not self.looks:
            return None
        statistic = _largest(self.looks)
        error = error_of(statistic, self._planned, self._factor) if math.isfinite(statistic) else 1.0
        return 1.0 if error <= self.alpha and self.worst.level is not Level.CONFIRMED else error

    def problems_to_confirm(self, sizes: Sequence[int]) -> int | None:
        """Return the smallest of these numbers of problems with which the same rates would confirm a fall now.

        None where none would, and of a score that is no share of problems.
        """
        if not self.evidence.spoken.share:
            return None
        bound = boundary(self._planned, self._share)
        return next((size for size in sizes if self._scan(*self.evidence.as_if(size)).statistic >= bound), None)

    def least_fall(self) -> float:
        """Return the largest fall beyond which the scan is over its boundary now; 0 where it is not for any.

        A lower bound: of a truth that never fell by more than this, the scan gets so far with that error at most.
        """
        return self.evidence.once("least_fall", self._least_fall)

    def _least_fall(self) -> float:
        seen = self.evidence

        def reached(beyond: float) -> bool:
            return self._reached(self._scan(seen.learned, seen.inflation, beyond), beyond)

        if not reached(0.0):
            return 0.0
        low, high = 0.0, float(np.ptp(seen.rates))
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if reached(middle) else (low, middle)
        return low

    @property
    def _least(self) -> float:
        """The smallest fall that the posterior is asked about."""
        return self.evidence.margins.drop if self.margin is None else self.margin

    @property
    def _planned(self) -> int:
        return max(self.horizon or 0, len(self.evidence), HORIZONS[0])

    @property
    def _share(self) -> float:
        """The error that this series of evaluations may spend: half as much after each change of the problems."""
        return max(self.alpha / 2.0 ** (self.evidence.series - 1), ALPHAS[-1] * 2.0 ** len(EPOCHS))

    @property
    def _factor(self) -> float:
        """On the boundary: more where only the scatter of the scores says how large their noise is."""
        return LEARNED if self.evidence.sized else UNSIZED

    @property
    def _bound(self) -> float:
        """What the scan is held against now."""
        return self._boundary(self._share)

    def _boundary(self, error: float) -> float:
        """What the scan of a level run reaches by now with this probability."""
        if self.horizon:
            return boundary(self._planned, error, self._factor)
        return epochs(len(self.evidence), error, self._factor).boundary

    def _scan(self, noise: Noise, inflation: Inflation | None, beyond: float = 0.0) -> _Scan:
        """Scan for a fall: for what of it lies `beyond` so large a one.

        Evaluations count as evenly spaced, whatever their steps: weights by distance would need a boundary of their
        own, which depends on steps to come, and evaluations get denser when a fall is suspected.
        """
        seen = self.evidence
        u, inflations = look_back(seen.rates, seen.relative_noise, inflation, self.delta + beyond)
        peak = int(u.argmax())
        return _Scan(noise.z(float(u[peak])), float(u[peak]), peak, float(np.median(inflations)))

    def _looked(self) -> Look:
        seen = self.evidence
        scan = self._scan(seen.learned, seen.inflation)
        bound, hint, here = self._bound, self._boundary(HINTS), int(seen.steps[-1])
        probability, drop, sd = self._posterior(seen.rates, scan.peak, seen.noise() * scan.inflation)
        peak, turned = scan.peak, self._turned()
        if turned is not None:
            peak, drop = turned.peak, turned.fall  # with the deviation of the posterior, which is on the safe side
        slow = seen.autocorrelation is not None and turned is None
        jumpy = seen.jumps and scan.fall < _BEYOND_JUMPS * bound * typical_noise(seen.rates)
        level = self._level(self._reached(scan), probability, hinted=scan.statistic >= hint, doubted=slow or jumpy)
        at = int(seen.steps[peak])
        return Look(here, level, scan.statistic, bound, hint, probability, peak, at, drop, sd, scan.inflation)

    def _reached(self, scan: _Scan, beyond: float = 0.0) -> bool:
        """Whether the scan is over its boundary with what lies `beyond` a fall, or such a fall stands out by itself."""
        seen, count = self.evidence, len(self.evidence)
        if seen.sized or scan.statistic >= self._bound:
            return scan.statistic >= self._bound
        typical = max(typical_noise(seen.rates), seen.least_noise)
        if count in _STANDS_OUT and 0.0 < _STANDS_OUT[count] * typical <= scan.fall:
            return True
        return self._turned(beyond) is not None

    def last_alone(self) -> float:
        """Return how far the last score lies below the peak where that stands out, of scores whose noise is not known.

        One score shows no lasting fall, and none of the scores before it shows where the run is now; 0 otherwise.
        """
        found = None if self.evidence.sized else turn(self.evidence.rates)
        return found.fall if found is not None and found.ends_low else 0.0

    def _turned(self, beyond: float = 0.0) -> Turn | None:
        """Return the rise and fall of scores whose noise is not known, where it stands out `beyond` a fall."""
        found = None if self.evidence.sized else turn(self.evidence.rates)
        stands_out = found is not None and found.stands_out(self.delta + beyond, self.evidence.least_noise)
        return found if stands_out else None

    def _level(self, reached: bool, probability: float, *, hinted: bool, doubted: bool) -> Level:
        """How sure a fall is that the scan has `reached` its boundary with, or `hinted` at, or neither.

        It is `doubted` where noise that the evaluations do not explain may look like one.
        """
        seen = self.evidence
        suspected = Level.WATCH if probability >= self.watch else Level.OK
        if not seen.sized:
            if len(seen) < _FEWEST_UNSIZED:
                return Level.OK
            return (Level.WATCH if doubted else Level.LIKELY) if reached else suspected
        if reached and seen.may_confirm and not doubted:
            return Level.CONFIRMED
        return Level.LIKELY if reached or (hinted and probability >= self.likely) else suspected

    def _posterior(self, rates: FloatArray, peak: int, variance: float) -> tuple[float, float, float]:
        """Return the probability of a fall of more than `margin`, and the fall since the peak with its deviation.

        Longer histories are averaged, from the present backwards, so that the posterior stays cheap.
        """
        starts = latest_blocks(len(rates), _MOST_POSTERIOR)
        sizes = np.diff(starts, append=len(rates))
        posterior = gp_posterior(np.add.reduceat(rates, starts) / sizes, variance / int(sizes[-1]))
        at = int(np.searchsorted(starts, peak, "right")) - 1
        return posterior.p_drop(self._least), *posterior.difference(at, len(starts) - 1)

    def _said(self, look: Look) -> Finding:
        said = self.evidence.spoken
        half = TWO_SIDED_95 * look.drop_sd
        numbers = {name: getattr(look, name) for name in ("probability", "statistic", "bound", "drop")}
        words = {"here": look.step, "peak": look.peak_step, "worse": said.worse, "by": said.by(look.drop)}
        words |= {"between": said.between(look.drop - half, look.drop + half), "loss": said.loss}
        words |= {"least": said.bound(self._least), "spent": self._share}
        words |= {"open": self._left_open(look), "meaning": _MEANS[self.reward_course(look.peak_step)]}
        kind, steps = look.level.name.lower(), (look.peak_step, look.step)
        return self._finding(kind, steps, numbers, words)

    def _left_open(self, look: Look) -> str:
        """Say why a fall is not confirmed, in the middle of a sentence."""
        seen = self.evidence
        if not seen.sized:
            turned = self._turned()
            ratio = math.inf if turned is None or not turned.noise > 0.0 else turned.lasting / turned.noise
            far = f"; from the peak to here it is {ratio:.0f} times what single scores scatter by"
            times = far if ratio < math.inf else ""
            return f"{times}, and with nothing but the scatter of the scores to tell their noise no fall is confirmed"
        if not look.statistic >= look.bound:
            return " and does not confirm it"
        if seen.problems is None:
            return ", but of how many problems these standard errors are is not known, so no fall is confirmed"
        if not seen.may_confirm:
            return f", but {seen.problems} problems confirm nothing of others like them"
        return ", but the scores jump more than evaluations of this size explain"

    texts: ClassVar = {
        "watch": _fallen(severity=Severity.WATCH),
        "likely": _fallen(severity=Severity.ALARM),
        "confirmed": _fallen(
            severity=Severity.ALARM,
            against="The scan is at {statistic:.2f} against {bound:.2f}, which a run that never falls exceeds with "
            f"probability {{spent:g}} at any time; {_POSTERIOR}.",
        ),
    }


def _largest(looks: Sequence[Look]) -> float:
    return max((look.statistic for look in looks if math.isfinite(look.statistic)), default=math.nan)


def falls_among(evaluations: int | None) -> OverOptimisation:
    """Return the detector of falls for a run with so many evaluations, grouped where there are very many.

    Where their number was planned, the plan alone decides: a run that is watched cannot know how many there will be.
    Without a plan the error is spread over an endless run, which sees less.
    """
    if evaluations is None:
        return OverOptimisation()
    group = group_of(evaluations)
    return OverOptimisation(group=group, horizon=looks_of(evaluations, group))
