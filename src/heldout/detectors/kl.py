"""Does one of the KL divergences blow up?"""

from __future__ import annotations

from dataclasses import dataclass

from heldout.detectors.base import Block
from heldout.detectors.series import (
    NO_EVIDENCE,
    Bin,
    Latch,
    Remembering,
    Track,
    above,
    at_least,
    counts,
    ended_together,
    median,
    remember,
)
from heldout.findings import Finding, Severity

_PAST_BINS = 40  # bins that the running median is taken over
_MOST_MARKS = 64  # values kept to look up the middle of the run
_CONVEX = 2.5  # how many times the rise of the first half is acceleration; a quadratic has 3


@dataclass(frozen=True, slots=True)
class _Words:
    """What one of the divergences is called, what its growth means, and what to try."""

    label: str
    severity: Severity
    means: str
    advice: str
    reference: str


_WORDS = {
    "kl_reference": _Words(
        "The KL divergence to the reference",
        Severity.WATCH,
        "Distribution shift: the policy leaves its starting point ever faster.",
        "Look at samples for broken text. Raise the KL coefficient or lower the learning rate; without a KL term, see "
        "whether the held-out score still moves.",
        "Stiennon et al. 2020, Learning to summarize from human feedback, arXiv 2009.01325 (KL as the distance spent)",
    ),
    "kl_policies": _Words(
        "The KL divergence between old and new policy",
        Severity.WARNING,
        "Instability: single updates move the policy too far for the clipped objective to hold.",
        "Lower the learning rate, take fewer update steps on each batch, or stop the updates of a batch at a target "
        "KL (0.01 to 0.05 are usual).",
        "Schulman et al. 2017, Proximal Policy Optimization Algorithms, arXiv 1707.06347",
    ),
    "kl_sampler": _Words(
        "The KL divergence between trainer and sampler",
        Severity.WARNING,
        "Instability: the engine that samples and the engine that trains give the same tokens different "
        "probabilities, so that training is off-policy without knowing it.",
        "See that the sampler has the current weights; compare precision, attention kernels and sampling settings of "
        "both engines; correct with truncated importance weights.",
        "",
    ),
}


class KLBlowUp(Remembering):
    """Does one of the three KL divergences blow up?

    To the reference, between old and new policy, and between trainer and sampler: each on its own, since each means
    something else. ``*_blow_up`` is found when `patience` bins in a row lie above `factor` times the running median of
    the bins before (and above `floor`), while the last bins rose more than those before them. For the third there is
    an absolute hint too, ``kl_sampler_level``: `patience` bins in a row above `mismatch`. For the first there is
    ``kl_reference_accelerating``: above `far`, above `factor` times its start, and risen 2.5 times as much over the
    second half of the steps so far as over the first, for twice as many bins.

    Parameters
    ----------
    factor
        How many times the running median.
    floor
        Nats below which nothing is called a blow-up: relative growth from nearly zero is how every run begins.
    mismatch
        Nats at which trainer and sampler disagree.
    far
        Nats beyond which acceleration over the halves of the run counts.
    start
        Points at the start that are only compared with.
    width
        Points in a bin.
    patience
        Bins in a row.

    Notes
    -----
    What it cannot see: growth that is steady, however far it leads; which estimator (k1, k2, k3) was logged; a sum
    over tokens where a mean was expected, against which `floor` says nothing.

    False alarms: 0.2 % (4 of 2000 simulated healthy runs of 200 to 1000 steps: flat, drifting or improving levels
    under autocorrelated noise (AR(1), coefficient 0.5 to 0.95)).
    """

    name = "kl"
    needs = tuple(_WORDS)

    def __init__(
        self,
        factor: float = 10.0,
        floor: float = 0.05,
        mismatch: float = 0.05,
        far: float = 0.5,
        start: int = 20,
        width: int = 5,
        patience: int = 2,
    ) -> None:
        above("factor", factor, 1.0)
        at_least("floor", floor, 0.0)
        above("mismatch", mismatch, 0.0)
        above("far", far, 0.0)
        counts(start=start, width=width, patience=patience)
        self.factor, self.floor, self.mismatch, self.far = factor, floor, mismatch, far
        self.start, self.width, self.patience = start, width, patience
        self._tracks = {name: Track(start, width) for name in _WORDS}
        self._latches = {name: Latch(patience) for name in _WORDS}
        self._past: dict[str, list[float]] = {name: [] for name in _WORDS}
        self._level = Latch(patience)
        self._convex = Latch(2 * patience)
        self._marks: list[list[float]] = []  # steps and values of the divergence to the reference, thinned out
        self._every, self._skipped = 1, 0

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        found: list[Finding] = []
        for ended in ended_together(self._tracks, block):
            for name, one in ended.items():
                found += self._look(name, one)
        return found

    def _look(self, name: str, one: Bin) -> list[Finding]:
        past = self._past[name]
        if not past:
            past.append(self._tracks[name].level)
        found = []
        latch = self._latches[name]
        recent = past[-6:] if len(past) >= 6 else [past[0]] * (6 - len(past)) + past
        accelerating = one.value - recent[3] > max(recent[3] - recent[0], 0.0)
        if latch.fired or (accelerating and one.value > self.floor):
            usual = median(past)
            bound = max(self.factor * usual, self.floor)
            if latch.update(one.first, accelerating and one.value > bound, one.value < 0.5 * bound):
                found.append(self._blow_up(name, one, usual))
        elif latch.count:
            latch.update(one.first, False, True)
        if name == "kl_reference":
            found += self._compare_halves(one)
        if name == "kl_sampler" and self._level.update(
            one.first, one.value > self.mismatch, one.value < 0.7 * self.mismatch
        ):
            found.append(self._disagreement(one))
        remember(past, one.value, _PAST_BINS)
        return found

    def _compare_halves(self, one: Bin) -> list[Finding]:
        """Find growth that is faster over the second half of the steps so far than over the first."""
        if self._skipped == 0:
            self._marks.append([one.last, one.value])
            if len(self._marks) > _MOST_MARKS:
                self._marks, self._every = self._marks[::2], 2 * self._every
        self._skipped = (self._skipped + 1) % self._every
        start = self._tracks["kl_reference"]
        early = late = 0.0
        on = one.value > self.far and one.value > self.factor * start.level
        if on and not self._convex.fired:
            half = 0.5 * (start.first + one.last)
            middle = min(self._marks, key=lambda mark: abs(mark[0] - half))[1]
            early, late = middle - start.level, one.value - middle
            on = late > _CONVEX * max(early, 0.0)
        if not self._convex.update(one.first, on, one.value < 0.5 * self.far):
            return []
        words = _WORDS["kl_reference"]
        return [
            Finding(
                detector=self.name,
                severity=words.severity,
                kind="kl_reference_accelerating",
                step=one.last,
                steps=(self._convex.since, one.last),
                seen=f"{words.label} is at {one.value:.3g} nats; it rose by {late:.3g} over the second half of the "
                f"steps so far and by {early:.3g} over the first.",
                against=f"It started at {start.level:.2g}. Thresholds: {self.far:g} nats, {self.factor:g} times the "
                f"start, and a rise {_CONVEX:g} times as large in the second half, for {2 * self.patience} bins of "
                f"{self.width} points in a row.",
                means=f"{words.means} {NO_EVIDENCE}",
                advice=words.advice,
                reference=words.reference,
                evidence={"kl": one.value, "start_level": start.level, "first_half": early, "second_half": late},
            )
        ]

    def _blow_up(self, name: str, one: Bin, usual: float) -> Finding:
        words = _WORDS[name]
        times = f", {one.value / usual:.0f} times its running median," if usual > 0.0 else ""
        return Finding(
            detector=self.name,
            severity=words.severity,
            kind=f"{name}_blow_up",
            step=one.last,
            steps=(self._latches[name].since, one.last),
            seen=f"{words.label} is at {one.value:.3g} nats{times} and rising faster than before.",
            against=f"Its running median is {usual:.3g}; the threshold is {self.factor:g} times that and at least "
            f"{self.floor:g}, for {self.patience} bins of {self.width} points in a row.",
            means=f"{words.means} {NO_EVIDENCE}",
            advice=words.advice,
            reference=words.reference,
            evidence={"kl": one.value, "running_median": usual, "factor": self.factor, "floor": self.floor},
        )

    def _disagreement(self, one: Bin) -> Finding:
        words = _WORDS["kl_sampler"]
        return Finding(
            detector=self.name,
            severity=Severity.WATCH,
            kind="kl_sampler_level",
            step=one.last,
            steps=(self._level.since, one.last),
            seen=f"{words.label} is at {one.value:.3g} nats.",
            against=f"Above {self.mismatch:g} nats the two disagree more than rounding explains; "
            f"{self.patience} bins of {self.width} points in a row lie above.",
            means=f"{words.means} {NO_EVIDENCE}",
            advice=words.advice,
            reference=words.reference,
            evidence={"kl": one.value, "threshold": self.mismatch},
        )
