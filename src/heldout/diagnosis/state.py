"""Which word a run deserves, and the sentence that says it with numbers."""

from __future__ import annotations

import math

import numpy as np

from heldout.detectors.overoptimisation import Level, Look, OverOptimisation
from heldout.findings import State
from heldout.stats.gp import gp_posterior
from heldout.stats.trend import trend_state

_LEVEL_MARGIN = 0.02  # a rate that changes by less is called level
_COARSE = 0.05  # an evaluation that shows only larger falls cannot call a run level
_SUSPECTED = 0.10  # run-level p up to which a fall that is not confirmed is spoken of
_SIZES = (100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 10_000)
_RECOVERED, _RECOVERED_MARGIN, _RECOVERED_LOOKS = 0.8, 0.005, 2

_HOW = {
    "rising": "while the reward rises",
    "flat": "while the reward is flat (possibly over-optimisation)",
    "falling": "and the reward falls too",
    "unknown": "and too little is known of the reward to say why",
}


def state_of(fallen: OverOptimisation, visible: float | None) -> tuple[State, str, str]:
    """What is this run?

    Parameters
    ----------
    fallen
        The detector of falls, after the whole run; it has looked at least once.
    visible
        The smallest fall that the evaluations would show, as a fraction; None where that is not known.

    Returns
    -------
    tuple
        The state, its label, and the sentence that opens the verdict.
    """
    if fallen.worst.level < Level.LIKELY:
        return _suspected(fallen) or _not_fallen(fallen, visible)
    if _recovered(fallen, fallen.worst):
        text = f"The held-out score fell after step {fallen.worst.peak_step} and has come back since."
        return State.RECOVERED, fallen.worst.level.name.lower(), text
    return _fallen(fallen)


def _fallen(fallen: OverOptimisation) -> tuple[State, str, str]:
    now = fallen.looks[-1]
    course = fallen.reward_course(now.peak_step)
    state = State.OVER_OPTIMISED if course == "rising" else State.REGRESSED
    drop, half = 100 * now.drop, 196 * now.drop_sd
    text = (
        f"The held-out score has fallen by {drop:.1f} points since step {now.peak_step} (95 % interval "
        f"{drop - half:.1f} to {drop + half:.1f}) {_HOW[course]}."
    )
    sure = "confirmed" if fallen.worst.level is Level.CONFIRMED else "likely"
    return state, f"{sure}, reward {course}", text


def _suspected(fallen: OverOptimisation) -> tuple[State, str, str] | None:
    """Say how near to a fall a run is that the scan does not confirm, and what would have settled it."""
    now = fallen.looks[-1]
    p = fallen.run_p()
    if not p <= _SUSPECTED:
        return None
    course = fallen.reward_course(now.peak_step)
    enough = fallen.problems_to_confirm(_SIZES)
    settled = (
        f"{enough} problems with the same rates would have confirmed it."
        if enough
        else "More problems alone would not settle it: the rates scatter too much; evaluate more often."
    )
    text = (
        f"The held-out score may have fallen since step {now.peak_step} (run-level p = {p:g}, reward {course}), "
        f"but these evaluations do not confirm it. {settled}"
    )
    return State.CANNOT_TELL, f"just short of a fall, reward {course}", text


def _not_fallen(fallen: OverOptimisation, visible: float | None) -> tuple[State, str, str]:
    """Say what a run without a fall does: over its last quarter, or else since its start."""
    rates, steps, variance = fallen.evidence.rates, fallen.evidence.steps, fallen.evidence.noise()
    if math.isfinite(variance):
        recent = trend_state(steps, rates, variance, margin=_LEVEL_MARGIN)
        gain, sd = gp_posterior(rates, variance).difference(len(rates) - 1, 0)
        risen = gain > 1.645 * sd
        if recent.state == "improving" or (risen and recent.state == "undetermined"):
            text = (
                f"The held-out score has risen by {100 * gain:.1f} points since step {steps[0]:.0f}; no fall was seen."
            )
            return State.IMPROVING, "no fall seen", text
        if recent.state == "plateau" and visible is not None and visible <= _COARSE:
            return State.PLATEAU, "no fall seen", "The held-out score is level over its last quarter; no fall was seen."
        if recent.state == "plateau" and visible is not None:
            text = (
                f"The held-out score looks level, but a fall below {100 * visible:.0f} points would not have been seen."
            )
            return State.CANNOT_TELL, "too coarse", text
    if fallen.looks[-1].level is Level.WATCH:
        return State.CANNOT_TELL, "watch", "The held-out score may be falling; it is not clear."
    return State.CANNOT_TELL, "within noise", "No fall can be told from noise, nor a rise."


def _recovered(fallen: OverOptimisation, worst: Look) -> bool:
    """Whether the score is back within half a point of its peak, at two evaluations in a row."""
    rates, steps = fallen.evidence.rates, fallen.evidence.steps
    if worst.peak_step < steps[0]:  # the problems have changed since: levels cannot be compared
        return False
    posterior = gp_posterior(rates, fallen.evidence.noise())
    peak = int(np.argmin(np.abs(steps - worst.peak_step)))
    last = range(max(peak + 1, len(rates) - _RECOVERED_LOOKS), len(rates))
    back = (posterior.prob_greater(index, peak, -_RECOVERED_MARGIN) >= _RECOVERED for index in last)
    return len(last) == _RECOVERED_LOOKS and all(back)
