"""From a run to a verdict: what its curves mean, with error bars.

The same detectors run here and live. What could not be checked is part of the answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from heldout.detectors import default_detectors
from heldout.detectors.base import Detector, block_of, fold, unchecked
from heldout.detectors.overoptimisation import FEWEST, Level, Look, OverOptimisation
from heldout.findings import Estimate, Finding, Onset, State, Unchecked, Verdict
from heldout.run import Run
from heldout.stats.checkpoint import Choice, choose
from heldout.stats.gp import gp_posterior
from heldout.stats.noise import aggregate_noise
from heldout.stats.power import smallest_visible_drop
from heldout.stats.scan import HORIZONS
from heldout.stats.trend import trend_state
from heldout.words import counted

_LEVEL_MARGIN = 0.02  # a rate that changes by less is called level
_COARSE = 0.05  # an evaluation that shows only larger falls cannot call a run level
_SUSPECTED = 0.10  # run-level p up to which a fall that is not confirmed is spoken of
_SIZES = (100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 10_000)
_MOST_LOOKS = 160  # evaluations at more steps than this are averaged in groups
_WITHIN = 3  # evaluations within which a fall should show


def diagnose(run: Run, detectors: Sequence[Detector] | None = None, *, horizon: int | None = None) -> Verdict:
    """What do the curves of this run mean?

    Parameters
    ----------
    run
        A run.
    detectors
        What to look for; all of them if not given.
    horizon
        How many evaluations were planned; those in the log if not given, which suits a finished run.

    Returns
    -------
    Verdict
        The state, the checkpoint to keep, what else was found, and what could not be checked.

    Examples
    --------
    >>> import heldout
    >>> heldout.diagnose(heldout.read("example:kimi-dev")).state
    <State.IMPROVING: 'improving'>
    """
    evaluations = run.evaluations()
    group = max(1, math.ceil(len(evaluations) / _MOST_LOOKS))
    planned = math.ceil((horizon or len(evaluations)) / group)
    fallen = OverOptimisation(group=group, horizon=min(max(planned, 1), HORIZONS[-1]))
    asked: list[Detector] = [fallen, *(default_detectors() if detectors is None else detectors)]
    findings = tuple(fold(asked, [block_of(run)]))
    missing = tuple(unchecked(asked, run)) + _not_asked(run)
    if not evaluations:
        return _without_evidence(findings, missing)
    if len(fallen.looks) == 0:
        return _too_few(len(evaluations), findings, missing)
    return _judged(run, fallen, findings, missing)


def _judged(
    run: Run, fallen: OverOptimisation, findings: tuple[Finding, ...], missing: tuple[Unchecked, ...]
) -> Verdict:
    variance = aggregate_noise(fallen.rates, fallen.sizes)
    choice = choose(fallen.rates, variance, set_variance=_set_variance(fallen))
    kept = int(fallen.steps[choice.best])
    recommended = Estimate(kept, choice.estimate, choice.low, choice.high)
    visible = _visible(len(fallen.rates), variance)
    worst = max(fallen.looks, key=lambda look: look.level)
    state, label, opening = _state(fallen, worst, visible)
    onset = None
    if worst.level >= Level.LIKELY:
        last = fallen.looks[-1] if state is not State.RECOVERED else worst
        onset = Onset(last.peak_step, *fallen.peak_range())
    return Verdict(
        state,
        label,
        f"{opening} {_keep(recommended, choice, fallen)}",
        onset,
        recommended,
        tuple(int(fallen.steps[index]) for index in choice.tied),
        visible,
        findings,
        missing,
        tuple(_advice(fallen, variance, visible)),
    )


def _state(fallen: OverOptimisation, worst: Look, visible: float | None) -> tuple[State, str, str]:
    """Return the state, its label, and the sentence that opens the verdict."""
    now = fallen.looks[-1]
    if worst.level < Level.LIKELY:
        return _suspected(fallen) or _not_fallen(fallen, visible)
    if _recovered(fallen, worst):
        text = f"The held-out score fell after step {worst.peak_step} and has come back since."
        return State.RECOVERED, worst.level.name.lower(), text
    course = fallen.reward_course(now.peak_step)
    state = State.OVER_OPTIMISED if course == "rising" else State.REGRESSED
    how = {
        "rising": "while the reward rises",
        "flat": "while the reward is flat (possibly over-optimisation)",
        "falling": "and the reward falls too",
        "unknown": "and too little is known of the reward to say why",
    }[course]
    drop, half = 100 * now.drop, 196 * now.drop_sd
    text = (
        f"The held-out score has fallen by {drop:.1f} points since step {now.peak_step} (95 % interval "
        f"{drop - half:.1f} to "
        f"{drop + half:.1f}) {how}."
    )
    sure = "confirmed" if worst.level is Level.CONFIRMED else "likely"
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
        "but these "
        f"evaluations do not confirm it. {settled}"
    )
    return State.CANNOT_TELL, f"just short of a fall, reward {course}", text


def _not_fallen(fallen: OverOptimisation, visible: float | None) -> tuple[State, str, str]:
    """Say what a run without a fall does: over its last quarter, or else since its start."""
    rates, steps = fallen.rates, fallen.steps
    variance = aggregate_noise(rates, fallen.sizes)
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
    watched = fallen.looks[-1].level is Level.WATCH
    text = (
        "No fall can be told from noise, nor a rise."
        if not watched
        else "The held-out score may be falling; it is not clear."
    )
    return State.CANNOT_TELL, "watch" if watched else "within noise", text


def _recovered(fallen: OverOptimisation, worst: Look) -> bool:
    """Whether the score is back within half a point of its peak, at two evaluations in a row."""
    rates, steps = fallen.rates, fallen.steps
    posterior = gp_posterior(rates, aggregate_noise(rates, fallen.sizes))
    peak = int(np.argmin(np.abs(steps - worst.peak_step)))
    last = range(max(peak + 1, len(rates) - 2), len(rates))
    return len(last) == 2 and all(posterior.prob_greater(index, peak, -0.005) >= 0.8 for index in last)


def _keep(kept: Estimate, choice: Choice, fallen: OverOptimisation) -> str:
    estimate = f"{100 * kept.estimate:.1f} % (95 % interval {100 * kept.low:.1f} to {100 * kept.high:.1f})"
    tied = len(choice.tied) - 1
    others = f"; {counted(tied, 'other')} of {len(fallen.rates)} cannot be told apart from it" if tied else ""
    return f"Keep step {kept.step}, estimated at {estimate}{others}."


def _set_variance(fallen: OverOptimisation) -> float:
    """Return the variance of the level that all evaluations share, as far as the sizes tell: the problems' own."""
    sizes = fallen.sizes
    if sizes is None:
        return 0.0
    rate = float(np.clip(fallen.rates.mean(), 0.01, 0.99))
    return (1 - 0.6) * rate * (1 - rate) / float(sizes.mean())


def _visible(count: int, variance: float) -> float | None:
    if not math.isfinite(variance) or count < FEWEST + 1:
        return None
    found = smallest_visible_drop(max(count, 5), count, min(_WITHIN, count - 2), variance)
    return found if math.isfinite(found) else None


def _not_asked(run: Run) -> tuple[Unchecked, ...]:
    missing = []
    series = run.get("held_out")
    if series is not None and series.size is None:
        missing.append(
            Unchecked("error control", "the size of the evaluation (--problems N): nothing can be confirmed")
        )
    elif series is not None:
        missing.append(
            Unchecked("exact error control", "the outcome of every problem; with rates alone it is approximate")
        )
    if series is not None and "reward" not in run.roles:
        missing.append(Unchecked("cause of a fall", "the training reward (--reward KEY)"))
    return tuple(missing)


def _advice(fallen: OverOptimisation, variance: float, visible: float | None) -> list[str]:
    advice = []
    sizes = fallen.sizes
    if visible is not None and visible > 0.05:
        advice.append(
            f"These evaluations show a fall of {100 * visible:.0f} points or more; a smaller one goes unseen. Spend on "
            "problems first: four times as many halve that."
        )
    if sizes is not None and sizes.min() < 200:
        advice.append(f"{sizes.min():.0f} problems are few; use 200 or more, the same ones at every evaluation.")
    if fallen.group > 1:
        advice.append(
            f"Evaluations were averaged in groups of {fallen.group} for the verdict; fewer and larger ones cost less."
        )
    if len(fallen.rates) < 20:
        advice.append(f"{counted(len(fallen.rates), 'evaluation')} are few; 20 to 40, evenly spaced, see most.")
    return advice


def _without_evidence(findings: tuple[Finding, ...], missing: tuple[Unchecked, ...]) -> Verdict:
    text = (
        "There is no held-out score in this log, so what the model can really do is not known. Evaluate some 200 "
        "problems "
        "that are never trained on, every twentieth of the run."
    )
    return Verdict(State.NO_EVIDENCE, "training signals only", text, findings=findings, unchecked=missing)


def _too_few(count: int, findings: tuple[Finding, ...], missing: tuple[Unchecked, ...]) -> Verdict:
    text = f"{counted(count, 'evaluation')} cannot show a fall; at least {FEWEST} are needed, and 20 to 40 see most."
    return Verdict(State.CANNOT_TELL, "too few evaluations", text, findings=findings, unchecked=missing)
