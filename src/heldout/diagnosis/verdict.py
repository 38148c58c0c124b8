"""From a run to a verdict: what its curves mean, with error bars.

The same detectors run here and live. What could not be checked is part of the answer. `state` finds the words for the
run, and everything else that speaks of the held-out score (`observations`, `interpretation`) repeats this verdict.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

import numpy as np

from heldout.detectors import Detectors, falls_among
from heldout.detectors.base import Block, Detector, block_of, fold, unchecked
from heldout.detectors.evidence import Evidence, HeldOut
from heldout.detectors.overoptimisation import Level, OverOptimisation
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
from heldout.findings import BenchmarkFall, Estimate, Finding, Onset, State, Unchecked, Verdict
from heldout.metrics.phrasing import Spoken
from heldout.run import Run
from heldout.stats.checkpoint import Choice, choose
from heldout.stats.gp import fall_onset, gp_posterior
from heldout.stats.levels import TWO_SIDED_95, holm
from heldout.stats.rates import wilson
from heldout.stats.threads import on_one_thread
from heldout.text import counted


@on_one_thread
def diagnose(run: Run, detectors: Sequence[Detector] | None = None, *, horizon: int | None = None) -> Verdict:
    """What do the curves of this run mean?

    Parameters
    ----------
    run
        A run.
    detectors
        What to look for; all of them if not given. One that raises is named among what could not be checked.
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
    block = block_of(run)
    asked = Detectors.planned(horizon or len(block.evaluations), detectors)
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
        return _judged(run, asked.falls, tuple(found), missing)
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


@dataclass(frozen=True, slots=True)
class Kept:
    """The checkpoint to keep."""

    recommended: Estimate  # its step, and what is believed of the score there
    tied: tuple[int, ...]  # steps that cannot be told apart from it, with its own
    among: int  # how many there were to choose from
    existing: bool  # whether those were the checkpoints that exist; otherwise every evaluation counts


def checkpoint_to_keep(fallen: OverOptimisation, checkpoints: Container[int] = ()) -> Kept:
    """Which checkpoint is the best by all evaluations so far?

    One of those that exist (`checkpoints` holds their steps); without any, every evaluated step may be chosen. The
    detector must have looked at least once.
    """
    seen = fallen.evidence
    variance = seen.noise() * fallen.looks[-1].inflation
    steps = [int(step) for step in seen.steps]
    on_disk = np.array([step in checkpoints for step in steps])
    choice = choose(seen.rates, variance, seen.set_variance(), on_disk if on_disk.any() else None)
    logged = seen.spoken.as_logged
    low, high = sorted(map(logged, _interval(choice, seen)))
    recommended = Estimate(steps[choice.best], logged(choice.estimate), low, high)
    tied = tuple(steps[index] for index in choice.tied)
    among = int(on_disk.sum()) if on_disk.any() else len(steps)
    return Kept(recommended, tied, among, bool(on_disk.any()))


def _judged(
    run: Run, fallen: OverOptimisation, findings: tuple[Finding, ...], missing: tuple[Unchecked, ...]
) -> Verdict:
    seen = fallen.evidence
    variance = seen.noise() * fallen.looks[-1].inflation
    kept = checkpoint_to_keep(fallen, run.checkpoints)
    visible = smallest_visible(len(seen), variance)
    answer = answer_of(fallen, visible)
    onset = _onset(fallen, answer.state)
    sentences = (answer.sentence, _since(onset, seen.spoken), _keep(kept, seen.spoken, run))
    return Verdict(
        state=answer.state,
        label=answer.label,
        sentence=_in_full(run, *sentences),
        headline=_in_full(run, answer.sentence),
        sure=how_sure(fallen, answer.state, visible),
        peak_step=answer.peak_step,
        onset=onset,
        recommended=kept.recommended,
        tied=kept.tied,
        smallest_visible_drop=visible,
        findings=findings,
        unchecked=missing,
        advice=(*advice_on_roles(run), *advice_on(fallen, visible, kept.recommended)),
        on_disk=tuple(step for step in kept.tied if step in run.checkpoints),
        benchmarks=_benchmarks(run, fallen),
        variants=_variants(run),
    )


def _benchmarks(run: Run, primary: OverOptimisation) -> tuple[BenchmarkFall, ...]:
    """How strongly does each held-out score say that it has fallen, all together at one error rate?

    The one that the verdict is about keeps its own error rate, having been chosen before; here it stands first among
    the others, and Holm's procedure pays for asking all of them. Empty where there is no other.
    """
    own = run.roles.get("held_out", "")
    falls = [_benchmark(own, primary)]
    for key in run.held_out_scores():
        evaluations = run.evaluations(key)
        if key != own and evaluations:
            fallen = falls_among(len(evaluations))
            fold([fallen], [Block(evaluations=evaluations)])
            if fallen.looks:
                falls.append(_benchmark(key, fallen))
    if len(falls) < 2:
        return ()
    adjusted = holm([fall.p for fall in falls])
    return tuple(replace(fall, adjusted_p=float(p)) for fall, p in zip(falls, adjusted, strict=True))


def _variants(run: Run) -> int:
    """How many columns are of the same measurements as the held-out scores?"""
    scores = set(run.held_out_scores())
    return sum(choice.role == "held_out" and key not in scores for key, choice in run.choices.columns.items())


def _benchmark(key: str, fallen: OverOptimisation) -> BenchmarkFall:
    now = fallen.looks[-1]
    confirmable = fallen.evidence.may_confirm
    p = fallen.run_p(ever=True) if confirmable else 1.0
    return BenchmarkFall(
        key=key,
        peak_step=now.peak_step,
        drop=now.drop,
        fall=fallen.evidence.spoken.by(now.drop),
        p=p,
        adjusted_p=p,
        sized=confirmable,
    )


def _interval(choice: Choice, seen: Evidence) -> tuple[float, float]:
    """Return the 95 % interval of the chosen level: Wilson's, of so many trials as its deviation stands for.

    That needs a share and its number of problems; otherwise it is the normal one, that of a share cut to what one can
    be.
    """
    rate, half = choice.estimate, 0.5 * (choice.high - choice.low)
    if seen.problems is not None and 0.0 < rate < 1.0 and 0.0 < half < math.inf:
        return wilson(rate, rate * (1.0 - rate) * (TWO_SIDED_95 / half) ** 2)
    return (max(choice.low, 0.0), min(choice.high, 1.0)) if seen.spoken.share else (choice.low, choice.high)


def _onset(fallen: OverOptimisation, state: State) -> Onset | None:
    """Since when the score falls, where it does; where it came back, as it stood when the fall was surest."""
    worst, seen = fallen.worst, fallen.evidence
    if worst.level < Level.LIKELY:
        return None
    recovered = state is State.RECOVERED
    steps = seen.steps[seen.steps <= worst.step] if recovered else seen.steps
    if not len(steps):  # the problems have changed since
        return None
    look = worst if recovered else fallen.looks[-1]
    found = fall_onset(gp_posterior(seen.rates[: len(steps)], seen.posterior_noise(look.inflation)))
    return Onset(*(int(steps[index]) for index in (found.at, found.low, found.high)))


def _since(onset: Onset | None, said: Spoken) -> str:
    if onset is None:
        return ""
    unsure = "" if onset.low == onset.high else f" (90 % interval {onset.low} to {onset.high})"
    away = "above its lowest" if said.lower else "below its peak"
    return f"It has been {'a point or more ' if said.share else ''}{away} since step {onset.step}{unsure}."


def _keep(kept: Kept, said: Spoken, run: Run) -> str:
    one, tied = kept.recommended, len(kept.tied) - 1
    level, low, high = map(said.as_logged, (one.estimate, one.low, one.high))  # as they were judged
    estimate = f"{said.level(level)} (95 % interval {said.levels(low, high)})"
    among = f"{counted(kept.among, 'checkpoint')} that exist" if kept.existing else f"{kept.among}"
    others = f"; {counted(tied, 'other')} of {among} cannot be told apart from it" if tied else ""
    where = run.checkpoints.get(one.step)
    lies = f" It lies in {where}." if where else ""
    return f"Keep step {one.step}, estimated at {estimate}{others}.{lies}"
