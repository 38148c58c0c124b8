"""Does the gradient norm spike, or is it not a number?"""

from __future__ import annotations

import math
from bisect import bisect_left

from heldout.detectors.base import Block
from heldout.detectors.series import NO_EVIDENCE, Remembering, above, counts, median
from heldout.findings import Finding, Severity

_CLIPPING = "Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks, arXiv 1211.5063"
_REFRESH = 10  # points after which median and spread of the trailing window are taken anew
_LEAST_SIGMA = 0.15  # a norm that hardly varies is not spiking because it varies a little more
_LEAST_FACTOR = 3.0  # nor is one that is less than three times the median


class GradientSpikes(Remembering):
    """Does the gradient norm spike, or is it not a number?

    A spike is a norm whose logarithm lies above the median of the last `window` values by `sigmas` robust standard
    deviations (median absolute deviation times 1.4826), and that is at least three times that median.
    ``gradient_spikes`` is found at the `count`-th spike among `within` points, ``gradient_outlier`` at one that is
    `huge` times the median, and ``gradient_not_finite`` at once where NaN or an infinity was logged. After a finding,
    `within` points without any of these must pass before the next of its kind.

    Parameters
    ----------
    sigmas
        Height of a spike.
    count, within
        How many spikes among how many points.
    huge
        Factor over the median at which one spike is enough.
    window
        Points of the trailing window; judging begins when it holds 20 or is full.

    Notes
    -----
    What it cannot see: spikes in the first points; a norm logged after clipping, where every spike looks the same; a
    norm that vanishes.

    False alarms: 1.2 % (24 of 2000 simulated healthy runs of 200 to 1000 steps: flat, drifting or improving levels
    under autocorrelated noise (AR(1), coefficient 0.5 to 0.95)).
    """

    name = "gradient"
    needs = ("grad_norm",)

    def __init__(
        self, sigmas: float = 6.0, count: int = 3, within: int = 20, huge: float = 100.0, window: int = 50
    ) -> None:
        above("sigmas", sigmas, 0.0)
        above("huge", huge, _LEAST_FACTOR)
        counts(count=count, within=within, window=window)
        self.sigmas, self.count, self.within, self.huge, self.window = sigmas, count, within, huge, window
        self._logs: list[float] = []
        self._fresh = 0  # points since median and bound were taken
        self._middle = 0.0
        self._bound = math.inf
        self._seen = 0  # points so far
        self._spikes: list[list[int]] = []  # point number and step of the last spikes
        self._quiet = {"gradient_spikes": 0, "gradient_outlier": 0, "gradient_not_finite": 0}  # point at which armed

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        points = block.metrics.get("grad_norm")
        if points is None:
            return []
        found: list[Finding] = []
        for step, value in zip(points.step.tolist(), points.value.tolist(), strict=True):
            self._seen += 1
            if not math.isfinite(value):
                self._not_finite(step, found)
            elif value > 0.0:
                self._finite(step, value, math.log(value), found)
        return found

    def _not_finite(self, step: int, found: list[Finding]) -> None:
        if self._begins("gradient_not_finite"):
            found.append(
                Finding(
                    detector=self.name,
                    severity=Severity.WARNING,
                    kind="gradient_not_finite",
                    step=step,
                    steps=(step, step),
                    seen="The gradient norm is NaN or infinite.",
                    against="Every gradient norm must be finite.",
                    means="Numerical instability: if the update was not skipped, the weights are NaN from here on. "
                    + NO_EVIDENCE,
                    advice="See whether the optimiser skipped this step. If not, go back to the last checkpoint before "
                    "it; use bfloat16 or float32 for logits and loss, and look for empty or fully masked batches.",
                    evidence={"step": float(step)},
                )
            )

    def _finite(self, step: int, value: float, log: float, found: list[Finding]) -> None:
        if log > self._bound:
            self._spikes.append([self._seen, step])
            after = self._seen - self.within
            self._spikes = [spike for spike in self._spikes if spike[0] > after]
            factor = math.exp(min(log - self._middle, 700.0))
            if factor >= self.huge and self._begins("gradient_outlier"):
                found.append(self._finding("gradient_outlier", step, value, factor))
            if len(self._spikes) >= self.count:
                if self._begins("gradient_spikes"):
                    found.append(self._finding("gradient_spikes", step, value, factor))
            elif self._seen < self._quiet["gradient_spikes"]:
                self._quiet["gradient_spikes"] = self._seen + self.within
        self._logs.append(log)
        self._fresh += 1
        if self._fresh >= _REFRESH:
            self._refresh()

    def _begins(self, kind: str) -> bool:
        """Whether this is news; either way, the quiet time begins anew."""
        armed = self._seen >= self._quiet[kind]
        self._quiet[kind] = self._seen + self.within
        return armed

    def _refresh(self) -> None:
        self._fresh = 0
        del self._logs[: -self.window]
        if len(self._logs) < min(20, self.window):
            return
        ordered = sorted(self._logs)
        self._middle = median(ordered)
        at = bisect_left(ordered, self._middle)
        far = sorted([self._middle - one for one in ordered[:at]] + [one - self._middle for one in ordered[at:]])
        sigma = max(1.4826 * median(far), _LEAST_SIGMA)
        self._bound = self._middle + max(self.sigmas * sigma, math.log(_LEAST_FACTOR))

    def _finding(self, kind: str, step: int, value: float, factor: float) -> Finding:
        one = kind == "gradient_outlier"
        first = step if one else self._spikes[0][1]
        usual = math.exp(self._middle)
        seen = (
            f"The gradient norm is {value:.3g}, {factor:.0f} times its running median."
            if one
            else f"The gradient norm spiked {len(self._spikes)} times within {self.within} points, last to {value:.3g}."
        )
        against = (
            f"Its running median is {usual:.3g}; a single value of {self.huge:g} times that is enough."
            if one
            else f"Its running median is {usual:.3g}; a spike lies above {math.exp(self._bound):.3g} ({self.sigmas:g} "
            f"robust standard deviations of the logarithm over the last {self.window} points)."
        )
        return Finding(
            detector=self.name,
            severity=Severity.WARNING if one else Severity.WATCH,
            kind=kind,
            step=step,
            steps=(first, step),
            seen=seen,
            against=against,
            means="Instability: single batches pull much harder than the rest, and the optimiser's running averages "
            f"remember them for many steps. {NO_EVIDENCE}",
            advice="See that gradient clipping is on and what it is set to; look at the batches of these steps (very "
            "long responses, tiny group spread); lower the learning rate.",
            reference=_CLIPPING,
            evidence={
                "grad_norm": value,
                "running_median": usual,
                "factor": factor,
                "spikes": float(len(self._spikes)),
            },
        )
