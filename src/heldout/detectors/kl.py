"""Does one of the KL divergences blow up?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from heldout.detectors.base import Block, Points
from heldout.detectors.question import COUNT, Text, above, at_least, parameter
from heldout.detectors.signal import Binned, Bins, Latch, Usual, in_order_before, middle_of
from heldout.findings import Finding, Severity
from heldout.stats.arrays import FloatArray

_PAST_BINS = 40  # bins that the running median is taken over
_MOST_MARKS = 64  # values kept to look up the middle of the run
_WINDOW = 50  # points that the usual value of single points is taken over
_LEAST_NATS = 1e-3  # smaller values count as this one: what is nearly zero varies by orders of magnitude
_CONVEX = 2.5  # how many times the rise of the first half is acceleration; a quadratic has 3

_NAMES = {
    "kl_reference": "The KL divergence to the reference",
    "kl_policies": "The KL divergence between old and new policy",
    "kl_sampler": "The KL divergence between trainer and sampler",
}
# each divergence means something else, and asks for something else
_shift = partial(
    Text,
    severity=Severity.WATCH,
    means="Distribution shift: the policy leaves its starting point ever faster.",
    advice="Look at samples for broken text. Raise the KL coefficient or lower the learning rate; without a KL term, "
    "see whether the held-out score still moves.",
    reference="Stiennon et al. 2020, Learning to summarize from human feedback, arXiv 2009.01325 (KL as the distance "
    "spent)",
)
_too_far = partial(
    Text,
    severity=Severity.WARNING,
    means="Instability: single updates move the policy too far for the clipped objective to hold.",
    advice="Lower the learning rate, take fewer update steps on each batch, or stop the updates of a batch at a target "
    "KL (0.01 to 0.05 are usual).",
    reference="Schulman et al. 2017, Proximal Policy Optimization Algorithms, arXiv 1707.06347",
)
_disagree = partial(
    Text,
    means="Instability: the engine that samples and the engine that trains give the same tokens different "
    "probabilities, so that training is off-policy without knowing it.",
    advice="See that the sampler has the current weights; compare precision, attention kernels and sampling settings "
    "of both engines; correct with truncated importance weights.",
)
_leaps = Text(
    severity=Severity.WATCH,
    seen="{label} leapt to {kl:.3g} nats, {times:.3g} times its running median.",
    against="Its running median is {running_median:.3g}; a leap is {leap:g} times that, {sigmas:g} robust standard "
    "deviations of the logarithm over the last {window} points, and {far:g} nats, whichever is most.",
    means="A spike of KL: at this step a few tokens, or one, had probabilities that differ by orders of magnitude, or "
    "the two models did not judge the same text. Where KL is part of the loss, one such step can move the policy far.",
    advice="Look at the gradient norm and the reward from this step on, and at its batch: tokens with extreme ratios, "
    "padding that was counted, wrong weights. Bound the log-ratio and clip the gradient; if the reward does not come "
    "back, go back to the checkpoint before it.",
    reference="Schulman 2020, Approximating KL Divergence, joschu.net/blog/kl-approx.html (the estimators, and how "
    "they vary)",
)
_BLOWS_UP = "{label} is at {kl:.3g} nats{times} and rising faster than before."
_BOUND = (
    "Its running median is {running_median:.3g}; the threshold is {factor:g} times that and at least {floor:g}, for "
    "{patience} bins of {width} points in a row."
)


@dataclass(eq=False, kw_only=True)
class KLBlowUp(Binned):
    """Does one of the three KL divergences blow up?

    To the reference, between old and new policy, and between trainer and sampler: each on its own, since each means
    something else. ``*_blow_up`` is found when `patience` bins in a row lie above `factor` times the running median of
    the bins before (and above `floor`), while the last bins rose more than those before them. For the third there is
    an absolute hint too, ``kl_sampler_level``: `patience` bins in a row above `mismatch`. For the first there is
    ``kl_reference_accelerating``: above `far`, above `factor` times its start, and risen 2.5 times as much over the
    second half of the steps so far as over the first, for twice as many bins. ``*_spike`` is found at a single value
    that is `leap` times the median of the last 50, above `far`, and further from them than `sigmas` times their robust
    spread on a log scale: ten times the median is usual of estimators with heavy tails, orders of magnitude are not.

    What it cannot see: growth that is steady, however far it leads; a spike among the first 20 values; which estimator
    (k1, k2, k3) was logged; a sum over tokens where a mean was expected, against which `floor` says nothing.

    False alarms: 0.65 % (13 of 2000 simulated healthy runs, all of them ``kl_sampler_level``). A spike is found in
    0.1 % of runs of 500 values whose logarithms vary by 1.2 (1 of 800), and in 2 % where the tail is that of a Pareto
    distribution with index 2 (16 of 800).
    """

    name = "kl"
    needs = tuple(_NAMES)

    factor: float = parameter(10.0, above(1.0), "how many times the running median")
    floor: float = parameter(0.05, at_least(0.0), "nats below which nothing is a blow-up: runs begin at nearly zero")
    mismatch: float = parameter(0.05, above(0.0), "nats at which trainer and sampler disagree")
    far: float = parameter(0.5, above(0.0), "nats beyond which spikes and acceleration over halves of the run count")
    leap: float = parameter(100.0, above(1.0), "how many times the running median a spike is")
    sigmas: float = parameter(6.0, at_least(0.0), "distance of a spike in robust deviations of the logarithm")
    patience: int = parameter(2, COUNT, "bins in a row")

    def _reset(self) -> None:
        super()._reset()
        self._latches["kl_reference_accelerating"] = Latch(2 * self.patience)
        self._latches |= {f"{name}_spike": Latch(1) for name in self.needs}
        self._usual = {name: Usual(_WINDOW) for name in self.needs}
        self._past: dict[str, FloatArray] = {}  # last bins of each
        self._marks: list[tuple[int, float]] = []  # steps and values of the divergence to the reference, thinned out
        self._every, self._skipped = 1, 0

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        spikes = [finding for name in self.needs for finding in self._spikes(name, block.metrics.get(name))]
        return sorted([*spikes, *super().update(block)], key=lambda finding: finding.step)

    def _spikes(self, name: str, points: Points | None) -> Iterator[Finding]:
        """Find single values that lie orders of magnitude above the usual ones."""
        if points is None:
            return
        finite, kind = np.isfinite(points.value), f"{name}_spike"
        step, size = points.step[finite], np.maximum(np.abs(points.value[finite]), _LEAST_NATS)
        logs = np.log(size)
        middles, bounds = self._usual[name].bounds(logs, self.leap, self.sigmas)
        bounds = np.maximum(bounds, math.log(self.far))
        spiked = self._latches[kind].update_all(step, logs > bounds, logs < bounds - math.log(2.0))
        for place, here in spiked.begins:
            middle, now = math.exp(middles[place]), float(size[place])
            numbers = {"kl": now, "running_median": middle, "leap": self.leap}
            words = {"label": _NAMES[name], "times": now / middle, "window": _WINDOW}
            yield self._finding(kind, (here, here), numbers, words)

    def _look(self, full: Mapping[str, Bins]) -> Iterator[Finding]:
        for name, bins in full.items():
            yield from self._blow_up(name, bins)
        if reference := full.get("kl_reference"):
            yield from self._accelerating(reference)
        if sampler := full.get("kl_sampler"):
            on, off = sampler.value > self.mismatch, sampler.value < 0.7 * self.mismatch
            for place, steps in self._begins("kl_sampler_level", sampler, on, off):
                numbers = {"kl": float(sampler.value[place]), "threshold": self.mismatch}
                yield self._finding("kl_sampler_level", steps, numbers, {"label": _NAMES["kl_sampler"]})

    def _blow_up(self, name: str, bins: Bins) -> Iterator[Finding]:
        kind, now = f"{name}_blow_up", bins.value
        past = self._past.get(name, np.array([self._tracks[name].level]))
        every = np.concatenate([past, now])
        self._past[name] = every[-_PAST_BINS:].copy()
        at = np.arange(len(past), len(every))
        before, earlier = (every[np.maximum(at - bins_back, 0)] for bins_back in (3, 6))
        rising = now - before > np.maximum(before - earlier, 0.0)
        # the median costs most, and is needed for few bins
        needed = rising & (now > self.floor)
        usual = np.full(len(now), np.inf)
        if needed.any() or self._latches[kind].fired:
            usual = np.concatenate([middle_of(rows) for rows in in_order_before(every, at, _PAST_BINS)])
        bound = np.maximum(self.factor * usual, self.floor)
        for place, steps in self._begins(kind, bins, needed & (now > bound), now < 0.5 * bound):
            kl, middle = float(now[place]), float(usual[place])
            times = f", {kl / middle:.0f} times its running median," if middle > 0.0 else ""
            numbers = {"kl": kl, "running_median": middle, "factor": self.factor, "floor": self.floor}
            yield self._finding(kind, steps, numbers, {"label": _NAMES[name], "times": times})

    def _accelerating(self, bins: Bins) -> Iterator[Finding]:
        """Find growth that is faster over the second half of the steps so far than over the first."""
        kind, start = "kl_reference_accelerating", self._tracks["kl_reference"]
        on = (bins.value > self.far) & (bins.value > self.factor * start.level)
        marked, halves = 0, dict[int, tuple[float, float]]()  # by place: the rise over the first half, and the second

        def convex(place: int) -> bool:
            nonlocal marked
            self._mark(bins, marked, place + 1)
            marked, half = place + 1, 0.5 * (start.first + int(bins.last[place]))
            middle = min(self._marks, key=lambda mark: abs(mark[0] - half))[1]
            early, late = halves[place] = middle - start.level, float(bins.value[place]) - middle
            return late > _CONVEX * max(early, 0.0)

        for place, steps in self._begins(kind, bins, on, bins.value < 0.5 * self.far, convex):
            early, late = halves[place]
            numbers = {"kl": float(bins.value[place]), "start_level": start.level}
            numbers |= {"first_half": early, "second_half": late}
            words = {"label": _NAMES["kl_reference"], "convex": _CONVEX, "bins": 2 * self.patience}
            yield self._finding(kind, steps, numbers, words)
        self._mark(bins, marked, len(bins))

    def _mark(self, bins: Bins, place: int, end: int) -> None:
        """Keep the values of some bins from one place up to another: each, or later each second, fourth and so on."""
        while place < end:
            if self._skipped == 0:
                self._marks.append((int(bins.last[place]), float(bins.value[place])))
                if len(self._marks) > _MOST_MARKS:
                    self._marks, self._every = self._marks[::2], 2 * self._every
            ahead = min(self._every - self._skipped, end - place)
            self._skipped, place = (self._skipped + ahead) % self._every, place + ahead

    texts: ClassVar = {
        **{f"{name}_spike": _leaps for name in _NAMES},
        "kl_reference_blow_up": _shift(seen=_BLOWS_UP, against=_BOUND),
        "kl_reference_accelerating": _shift(
            seen="{label} is at {kl:.3g} nats; it rose by {second_half:.3g} over the second half of the steps so far "
            "and by {first_half:.3g} over the first.",
            against="It started at {start_level:.2g}. Thresholds: {far:g} nats, {factor:g} times the start, and a rise "
            "{convex:g} times as large in the second half, for {bins} bins of {width} points in a row.",
        ),
        "kl_policies_blow_up": _too_far(seen=_BLOWS_UP, against=_BOUND),
        "kl_sampler_blow_up": _disagree(severity=Severity.WARNING, seen=_BLOWS_UP, against=_BOUND),
        "kl_sampler_level": _disagree(
            severity=Severity.WATCH,
            seen="{label} is at {kl:.3g} nats.",
            against="Above {mismatch:g} nats the two disagree more than rounding explains; {patience} bins of {width} "
            "points in a row lie above.",
        ),
    }
