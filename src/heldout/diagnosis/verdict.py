"""From a run to a verdict: what its curves mean, with error bars.

The same detectors run here and live. What could not be checked is part of the answer. `state` finds the words for the
run, and everything else that speaks of the held-out score (`observations`, `interpretation`) repeats this verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from heldout.detectors import Detectors
from heldout.detectors.base import Detector, block_of, fold, unchecked
from heldout.detectors.disagreement import Disagreement
from heldout.detectors.evidence import HeldOut
from heldout.diagnosis.advice import advice_on, advice_on_roles
from heldout.diagnosis.benchmarks import falls_of_benchmarks, variants_of
from heldout.diagnosis.beside import by_the_same_reward
from heldout.diagnosis.hacked import ADVICE, hacked_at_end, with_hacked
from heldout.diagnosis.onset import onset_of, told_onset
from heldout.diagnosis.past import fall_now
from heldout.diagnosis.recommendation import checkpoint_to_keep, keep, why_not_the_highest
from heldout.diagnosis.state import (
    answer_of,
    disagreeing,
    how_sure,
    not_asked,
    smallest_visible,
    unanswered,
    up_to,
)
from heldout.findings import Finding, Hacked, State, Unchecked, Verdict
from heldout.run import Run
from heldout.stats.threads import on_one_thread

_NONE_BETTER = "No checkpoint is better than another: every evaluation is at {}."


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
        Largest change per quarter of the run that counts as level: in points of a share, in percent of a score
        read on the log scale, in the unit of any other; if not given 2 points, or by the score's noise and gain.

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
    dropped = beside_the_point(run, asked)
    findings = tuple(finding for finding in found if finding.detector not in dropped)
    apart = None if Disagreement.name in dropped else asked.apart
    hacked = hacked_at_end(run, findings)
    answer = unanswered(run, asked.falls)
    if answer is None:
        return _judged(run, asked, findings, missing, apart, hacked)
    answer = with_hacked(answer if apart is None else disagreeing(apart), hacked)
    return Verdict(
        state=answer.state,
        label=answer.label,
        watched=answer.watched,
        sentence=_in_full(run, answer.sentence),
        headline=_in_full(run, answer.sentence),
        sure=" ".join(filter(None, (apart.against if apart else "", *_error_of(hacked)))),
        findings=findings,
        unchecked=missing,
        advice=(*_advised(apart, hacked, answer.state), *advice_on_roles(run)),
        hacked=hacked,
    )


def beside_the_point(run: Run, asked: Detectors) -> set[str]:
    """Return the names of detectors whose findings mean nothing in this run, live as after the fact."""
    names = {one.name for one in asked if isinstance(one, HeldOut)} if run.counted else set[str]()
    return names | {Disagreement.name} if _same_reward(run) else names  # a reward cannot disagree with itself


def _advised(apart: Finding | None, hacked: Hacked | None, state: State) -> tuple[str, ...]:
    asked = (ADVICE,) if hacked and state is not State.OVER_OPTIMISED else ()
    return asked if apart is None else (*asked, apart.advice)


def _error_of(hacked: Hacked | None) -> tuple[str, ...]:
    """Say with which error too many rewarded answers are said to fail."""
    said = "That too many rewarded answers fail the hidden tests is said with an error of 5 % for the whole run."
    return (said,) if hacked else ()


def _same_reward(run: Run) -> bool:
    """Whether the held-out score is the reward itself, measured on other prompts."""
    key = run.roles.get("held_out", "")
    return key in run.metrics and len(run.metrics[key]) > 0 and run.same_reward(key)


def _in_full(run: Run, *sentences: str) -> str:
    """Put in front by which judge that is, and behind it what moved beside that and up to where the log goes."""
    if not _same_reward(run):
        return " ".join(filter(None, (*sentences, up_to(run))))
    key = run.roles["held_out"]
    said = " ".join(filter(None, (*sentences, by_the_same_reward(run, key), up_to(run))))
    return f"By the same reward, measured on other prompts ({key}): {said[:1].lower()}{said[1:]}"


def _judged(
    run: Run,
    asked: Detectors,
    findings: tuple[Finding, ...],
    missing: tuple[Unchecked, ...],
    apart: Finding | None,
    hacked: Hacked | None,
) -> Verdict:
    fallen, seen = asked.falls, asked.falls.evidence
    variance = seen.noise() * fallen.looks[-1].inflation
    kept = checkpoint_to_keep(seen, run.checkpoints)
    visible = smallest_visible(len(seen), variance)
    answer = answer_of(fallen, visible, asked.margin)
    answer = with_hacked(answer if apart is None else disagreeing(apart, answer), hacked)
    onset, said = onset_of(fallen, answer.state), seen.spoken
    alike = seen.problems is None and not np.ptp(seen.rates)  # without a size nothing says how sure such a level is
    to_keep = _NONE_BETTER.format(said.level(seen.rates[0])) if alike else keep(kept, said, run)
    passed_over = why_not_the_highest(kept, seen)
    sentences = (answer.sentence, told_onset(onset, said), to_keep, passed_over)
    return Verdict(
        state=answer.state,
        label=answer.label,
        watched=answer.watched,
        sentence=_in_full(run, *sentences),
        headline=_in_full(run, answer.sentence),
        sure=" ".join((how_sure(fallen, answer.state, visible), *_error_of(hacked))),
        passed_over=passed_over,
        peak_step=answer.peak_step,
        fall=fall_now(fallen) if answer.state in (State.OVER_OPTIMISED, State.REGRESSED) else None,
        onset=onset,
        recommended=None if alike else kept.recommended,
        tied=kept.tied,
        smallest_visible_drop=visible,
        findings=findings,
        unchecked=missing,
        advice=(
            *_advised(apart, hacked, answer.state),
            *advice_on_roles(run),
            *advice_on(fallen, visible, kept.recommended),
        ),
        hacked=hacked,
        on_disk=tuple(step for step in kept.tied if step in run.checkpoints),
        benchmarks=falls_of_benchmarks(run, fallen),
        variants=variants_of(run),
        p=fallen.error(),
        last=None if alike else kept.last,
    )
