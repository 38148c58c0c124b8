"""From a run to a verdict: what its curves mean, with error bars.

The same detectors run here and live. What could not be checked is part of the answer. `state` finds the words for the
run, and everything else that speaks of the held-out score (`observations`, `interpretation`) repeats this verdict.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from heldout.detectors import Detectors
from heldout.detectors.base import Detector, block_of, fold, unchecked
from heldout.detectors.evidence import Evidence, HeldOut
from heldout.detectors.overoptimisation import OverOptimisation
from heldout.diagnosis.benchmarks import falls_of_benchmarks, variants_of
from heldout.diagnosis.beside import by_the_same_reward
from heldout.diagnosis.state import (
    advice_on,
    advice_on_roles,
    answer_of,
    how_sure,
    not_asked,
    smallest_visible,
    unanswered,
    up_to,
)
from heldout.findings import Estimate, Finding, Onset, State, Unchecked, Verdict
from heldout.metrics.phrasing import Spoken
from heldout.run import Run
from heldout.stats.checkpoint import Choice, choose
from heldout.stats.cliffs import cliff_posterior, fall_onset
from heldout.stats.levels import TWO_SIDED_95
from heldout.stats.rates import wilson
from heldout.stats.threads import on_one_thread
from heldout.text import counted


@on_one_thread
def diagnose(
    run: Run,
    detectors: Sequence[Detector] | None = None,
    *,
    horizon: int | None = None,
    margin: float | None = None,
) -> Verdict:
    """What do the curves of this run mean?

    Parameters
    ----------
    run
        A run.
    detectors
        What to look for; all of them if not given. One that raises is named among what could not be checked.
    horizon
        How many evaluations were planned; those in the log if not given, which suits a finished run.
    margin
        Largest change per quarter of the run that counts as level: in points of a share, in the unit of any other
        score; if not given 2 points, or by the score's noise and gain.

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
    block = block_of(run)
    asked = Detectors.planned(horizon or len(block.evaluations), detectors, margin)
    failed: list[Unchecked] = []

    def note(detector: Detector, error: BaseException) -> None:
        if detector is asked.falls:
            raise error  # without it nothing could be said
        failed.append(Unchecked(detector.name, f"it failed with {type(error).__name__}: {error}"))

    verdict = judge(run, asked, fold(asked, [block], note))
    return replace(verdict, unchecked=(*verdict.unchecked, *failed)) if failed else verdict


def judge(run: Run, asked: Detectors, found: Sequence[Finding]) -> Verdict:
    """Return the verdict on a run that the detectors have been told of; `found` is what they found."""
    missing = tuple(unchecked(asked, run)) + not_asked(run, asked.falls.evidence.exact)
    answer = unanswered(run, asked.falls)
    if answer is None:
        return _judged(run, asked, tuple(found), missing)
    of_scores = {detector.name for detector in asked if isinstance(detector, HeldOut)}
    findings = tuple(finding for finding in found if not (run.counted and finding.detector in of_scores))
    return Verdict(
        state=answer.state,
        label=answer.label,
        sentence=_in_full(run, answer.sentence),
        headline=_in_full(run, answer.sentence),
        findings=findings,
        unchecked=missing,
        advice=tuple(advice_on_roles(run)),
    )


def _in_full(run: Run, *sentences: str) -> str:
    """Put in front by which judge that is, and behind it what moved beside that and up to where the log goes."""
    key = run.roles.get("held_out", "")
    same = key in run.metrics and len(run.metrics[key]) > 0 and run.same_reward(key)
    if not same:
        return " ".join(filter(None, (*sentences, up_to(run))))
    said = " ".join(filter(None, (*sentences, by_the_same_reward(run, key), up_to(run))))
    return f"By the same reward, measured on other prompts ({key}): {said[:1].lower()}{said[1:]}"


class Highest(NamedTuple):
    """The best score in the log, where it is that of another step than the one to keep: as judged, higher is better."""

    step: int
    ahead: float  # how far it is above the score at the step to keep, both as logged
    estimate: float  # what is believed of its checkpoint
    exists: bool  # whether that checkpoint could be kept


@dataclass(frozen=True, slots=True)
class Kept:
    """The checkpoint to keep."""

    recommended: Estimate  # its step, and what is believed of the score there
    tied: tuple[int, ...]  # steps that cannot be told apart from it, with its own
    among: int  # how many there were to choose from
    existing: bool  # whether those were the checkpoints that exist; otherwise every evaluation counts
    highest: Highest | None = None


def checkpoint_to_keep(fallen: OverOptimisation, checkpoints: Container[int] = ()) -> Kept:
    """Which checkpoint is the best by all evaluations so far?

    One of those that exist (`checkpoints` holds their steps); without any, every evaluated step may be chosen. The
    detector must have looked at least once.
    """
    seen = fallen.evidence
    steps = [int(step) for step in seen.steps]
    on_disk = np.array([step in checkpoints for step in steps])
    existing = bool(on_disk.any())
    exists = on_disk if existing else np.ones(len(steps), dtype=bool)
    choice = choose(seen.rates, seen.eval_noise(), seen.set_variance(), exists, tie=seen.margins.tie)
    low, estimate, high = sorted(map(seen.spoken.as_logged, _interval(choice, seen)))
    top, rates = int(seen.rates.argmax()), seen.rates
    ahead = float(rates[top] - rates[choice.best])
    return Kept(
        recommended=Estimate(steps[choice.best], estimate, low, high),
        tied=tuple(steps[index] for index in choice.tied),
        among=int(exists.sum()),
        existing=existing,
        highest=Highest(steps[top], ahead, float(choice.means[top]), bool(exists[top])) if ahead > 0.0 else None,
    )


def _judged(run: Run, asked: Detectors, findings: tuple[Finding, ...], missing: tuple[Unchecked, ...]) -> Verdict:
    fallen, seen = asked.falls, asked.falls.evidence
    variance = seen.noise() * fallen.looks[-1].inflation
    kept = checkpoint_to_keep(fallen, run.checkpoints)
    visible = smallest_visible(len(seen), variance)
    answer = answer_of(fallen, visible, asked.margin)
    onset = _onset(fallen, answer.state)
    passed_over = _passed_over(kept, seen)
    sentences = (answer.sentence, _since(onset, seen.spoken), _keep(kept, seen.spoken, run), passed_over)
    return Verdict(
        state=answer.state,
        label=answer.label,
        sentence=_in_full(run, *sentences),
        headline=_in_full(run, answer.sentence),
        sure=how_sure(fallen, answer.state, visible),
        passed_over=passed_over,
        peak_step=answer.peak_step,
        onset=onset,
        recommended=kept.recommended,
        tied=kept.tied,
        smallest_visible_drop=visible,
        findings=findings,
        unchecked=missing,
        advice=(*advice_on_roles(run), *advice_on(fallen, visible, kept.recommended)),
        on_disk=tuple(step for step in kept.tied if step in run.checkpoints),
        benchmarks=falls_of_benchmarks(run, fallen),
        variants=variants_of(run),
    )


def _interval(choice: Choice, seen: Evidence) -> tuple[float, float, float]:
    """Return low end, estimate and high end of the chosen level, with 95 %; a share lies within what one can be.

    Where the number of problems is known the interval is Wilson's, of so many trials as its deviation stands for.
    """
    rate, half = choice.estimate, 0.5 * (choice.high - choice.low)
    if not seen.spoken.share:
        return choice.low, rate, choice.high
    if seen.problems is not None and 0.0 < rate < 1.0 and 0.0 < half < math.inf:
        low, high = wilson(rate, rate * (1.0 - rate) * (TWO_SIDED_95 / half) ** 2)
        return low, rate, high
    low, rate, high = np.clip([choice.low, rate, choice.high], 0.0, 1.0).tolist()
    return low, rate, high


def _onset(fallen: OverOptimisation, state: State) -> Onset | None:
    """When the score fell, where it has fallen or has come back since."""
    recovered, seen = state is State.RECOVERED, fallen.evidence
    noise, steps = seen.eval_noise(), [int(step) for step in seen.steps]
    if not (recovered or state in (State.OVER_OPTIMISED, State.REGRESSED)) or not noise.variance > 0.0:
        return None
    until = bisect_right(steps, fallen.worst.step) - 1 if recovered else len(steps) - 1
    if until < 1:  # the problems have changed since
        return None
    posterior = cliff_posterior(seen.rates, noise)
    level = posterior.mean(jitter=False)
    peak = int(level[: until + 1].argmax())
    fall = float(level[peak] - level[peak : until + 1].min())
    found = fall_onset(posterior, seen.margins.onset(fall), until)
    return Onset(steps[found.at], steps[found.low - 1], steps[found.high], steps[found.back] if recovered else None)


def _since(onset: Onset | None, said: Spoken) -> str:
    if onset is None:
        return ""
    point = "a point or more " if said.share else ""
    when = f"between step {onset.low} and step {onset.high} (90 %)"
    moved, from_what = ("rose", "above its lowest") if said.lower else ("fell", "below its peak")
    back = f", and was back by step {onset.back}" if onset.back is not None else ""
    return f"It {moved} {point}{from_what} {when}{back}."


def _keep(kept: Kept, said: Spoken, run: Run) -> str:
    one, tied = kept.recommended, len(kept.tied) - 1
    level, low, high = map(said.as_logged, (one.estimate, one.low, one.high))  # as they were judged
    estimate = f"{said.level(level)} (95 % interval {said.levels(low, high)})"
    among = f"{counted(kept.among, 'checkpoint')} that exist" if kept.existing else f"{kept.among}"
    others = f"; {counted(tied, 'other')} of {among} cannot be told apart from it" if tied else ""
    where = run.checkpoints.get(one.step)
    lies = f" It lies in {where}." if where else ""
    return f"Keep step {one.step}, estimated at {estimate}{others}.{lies}"


def _passed_over(kept: Kept, seen: Evidence) -> str:
    """Say why the step to keep is not that of the best score in the log."""
    top, said = kept.highest, seen.spoken
    if top is None:
        return ""
    best, above, lower = ("lowest", "below", "higher") if said.lower else ("highest", "above", "lower")
    ahead = f"{said.by(top.ahead)} {above} that of step {kept.recommended.step}"
    if not top.exists:
        why = "no checkpoint of it exists"
    elif said.as_logged(kept.recommended.estimate) - top.estimate <= seen.margins.tie:
        why = "it is estimated to be no better, and the earlier one is kept"
    else:
        why = f"chance flatters it: its neighbours are {lower}, and it is estimated at {said.level(top.estimate)}"
    return f"Step {top.step} has the {best} value logged, {ahead}, but {why}."
