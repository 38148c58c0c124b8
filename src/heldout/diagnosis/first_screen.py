"""The six answers that a reader wants first, each written once, from the verdict.

Page, Markdown, terminal, ``report.json``, ``heldout watch`` and alerts all print these; none of them words its own. A
question that cannot be answered says what was not checked.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from heldout.detectors.overoptimisation import OverOptimisation
from heldout.diagnosis.entries import as_told, by_detector
from heldout.diagnosis.failures import new_failures
from heldout.diagnosis.hacked import ADVICE
from heldout.diagnosis.looks import Looks
from heldout.diagnosis.way_back import way_back
from heldout.findings import Estimate, State, Verdict
from heldout.metrics.phrasing import Spoken
from heldout.run import Run
from heldout.text import sentence_list, visible

_MOST_LOOKS = 2  # findings that say what a run looked like
_MOST_SPANS = 3  # ranges of steps that are listed; more are told by their ends

# What the answer to the first question begins with; what is not here begins with the state itself.
_IN_PLAIN_WORDS = {
    State.OVER_OPTIMISED: "Yes.",
    State.REGRESSED: "It got worse, and nothing shows that the reward is why.",
    State.RECOVERED: "Not any more.",
    State.DISAGREE: "No fall shows it, but reward and tests disagree.",
    State.IMPROVING: "No, improving.",
    State.PLATEAU: "No, level.",
    State.CANNOT_TELL: "Cannot tell.",
    State.NO_EVIDENCE: "Cannot tell: not measured.",
}
# Detectors that say what a run looked like from inside; those that name what they look at are asked for by name.
_LOOKS = {
    "components": "parts of the reward",
    "idle_component": "parts of the reward",
    "length": "response length",
    "entropy": "",
    "groups": "",
    "saturation": "",
    "kl": "",
}
_BEGIN = "Evaluate some 200 problems that are never trained on, every twentieth of the run."
_ADJUST = (
    "Adjust the reward: read samples that it likes and the tests reject, and take away what they live on (judge by "
    "hidden tests, cap or drop the part that is easy to earn)."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One of the six questions, and its answer."""

    key: str  # for machines
    question: str  # for people, as the head of a line
    answer: str
    how: str = ""  # what `command` does
    command: str = ""  # what to type, where that is known


def first_screen(run: Run, verdict: Verdict, looks: Looks | None = None) -> tuple[Line, ...]:
    """Is a run over-optimised, since when, how sure is that, what is to be kept, what did it look like, and what now?

    Every answer is plain text of one line, without anything that a terminal would obey; names and paths in it come from
    the log and have to be escaped for a page.

    Examples
    --------
    >>> import heldout
    >>> run = heldout.read("example:kimi-dev")
    >>> first_screen(run, heldout.diagnose(run))[0].answer[:14]
    'No, improving.'
    """
    path = run.checkpoints.get(verdict.recommended.step, "") if verdict.recommended else ""
    return (
        Line("state", "Over-optimised?", visible(_state(verdict))),
        Line("since", "Since when?", visible(timeline(run, verdict))),
        Line("sure", "How sure?", visible(verdict.sure or _unanswered(verdict))),
        Line("checkpoint", "Which checkpoint?", visible(_checkpoint(run, verdict, path)), *(way_back(path) or ())),
        Line("looks", "Looked like what?", visible(_looks(run, verdict, looks))),
        Line(
            "next", "What now?", visible(_next(run, verdict) + _against(looks) + _saved(run, verdict)), *_listed(looks)
        ),
    )


def as_text(lines: Sequence[Line]) -> str:
    """Return the six answers as plain text, a line each, with what to type below."""
    return "\n".join(
        f"{line.question} {line.answer}" + (f" {line.how}:\n  {line.command}" if line.command else "") for line in lines
    )


def _state(verdict: Verdict) -> str:
    plain = _IN_PLAIN_WORDS.get(verdict.state, f"{verdict.state.value.capitalize()}.")
    if verdict.hacked and not verdict.fell:
        plain = "Watch."  # the sentence begins with why
    return f"{plain} {verdict.headline or verdict.sentence}"


def _no_evaluations(verdict: Verdict) -> str:
    if verdict.state is State.DISAGREE:
        return f"{verdict.label.capitalize()}."
    return "No checkpoint is better than another." if verdict.tied else _unanswered(verdict)


def _unanswered(verdict: Verdict) -> str:
    """Say what is missing, without the watch on training answers that the label may carry behind it."""
    return f"Not checked: {verdict.label.partition('; watch: ')[0]}."


def timeline(run: Run, verdict: Verdict) -> str:
    """Say in one line when the score was best, since when it falls, and which step to keep.

    As in "best 50 to 80 · falling from 80 (70 to 90) · keep 50 (tied 60 to 80)".
    """
    kept = verdict.recommended
    if kept is None:
        return _no_evaluations(verdict)
    steps = [int(step) for step in run["held_out"].step] if run.get("held_out") else []
    others = [step for step in verdict.tied if step != kept.step]
    alike = len(verdict.tied) == len(steps)
    falling = _falling(verdict)
    best = "no step is clearly best" if alike else f"best {_spans([*others, kept.step], steps)}" if falling else ""
    tied = f" (tied {_spans(others, steps)})" if others and not alike else ""
    return " · ".join(filter(None, (best, falling, f"keep {kept.step}{tied}")))


def _falling(verdict: Verdict) -> str:
    onset = verdict.onset
    if onset is None:
        return f"perhaps falling from {verdict.peak_step}" if verdict.suspected else ""
    between = f"{onset.step} ({onset.low} to {onset.high})"
    return f"falling from {between}" if onset.back is None else f"fell from {between}, back by {onset.back}"


def _spans(chosen: Sequence[int], steps: Sequence[int]) -> str:
    """Write steps as stretches of neighbouring evaluations: "50 to 80 and 120"."""
    found = stretches(chosen, steps)
    if len(found) > _MOST_SPANS:
        return f"{len(chosen)} evaluations in {found[0][0]} to {found[-1][1]}"
    return sentence_list([str(low) if low == high else f"{low} to {high}" for low, high in found])


def stretches(chosen: Iterable[int], steps: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of each stretch of the chosen steps that no other evaluated step interrupts.

    >>> stretches([50, 60, 80], [40, 50, 60, 70, 80])
    [(50, 60), (80, 80)]
    """
    place = {step: index for index, step in enumerate(steps)}
    found: list[tuple[int, int]] = []
    for step in sorted(chosen):
        if found and step in place and place[step] == place.get(found[-1][1], -2) + 1:
            found[-1] = (found[-1][0], step)
        else:
            found.append((step, step))
    return found


def _checkpoint(run: Run, verdict: Verdict, path: str) -> str:
    kept = verdict.recommended
    if kept is None:
        return _no_evaluations(verdict)
    where = f"Saved in {shlex.quote(path)}." if path else "The log names no checkpoint of this step."
    return " ".join(filter(None, (f"Step {kept.step}, {_level(run, kept)}.", verdict.passed_over, where)))


def spoken_of(run: Run) -> Spoken:
    """Return how the held-out score of a run that has one is spoken of."""
    series = run["held_out"]
    last = run.evaluations()[-1]
    span = float(np.ptp(np.log(series.value) if last.ratio else series.value))
    return Spoken(last.share, last.lower, span, last.ratio)


def _level(run: Run, kept: Estimate) -> str:
    said = spoken_of(run)
    estimate, low, high = map(said.as_scored, (kept.estimate, kept.low, kept.high))
    return f"at {said.level(estimate)} (95 % interval {said.levels(low, high)})"


def _looks(run: Run, verdict: Verdict, looks: Looks | None) -> str:
    """Say what the hack looks like, and what changed in the parts of the reward, the length and the answers."""
    hack = looks.told if looks and looks.hack else ""
    entries = [one for one in by_detector(as_told(verdict)) if one.detector in _LOOKS]
    entries.sort(key=lambda one: not _LOOKS[one.detector])  # what the answers and their reward look like goes first
    failing = new_failures(run)[:_MOST_LOOKS]
    told = [f"Failures since the first evaluation: {'; '.join(failing)}."] if failing else []
    told += [f"At step {one.worst.step}: {one.worst.seen}" for one in entries]
    seen = " ".join([hack, *told[: _MOST_LOOKS - 1]] if hack else told[:_MOST_LOOKS])
    blind = {one.detector for one in verdict.unchecked}
    asked = {what: name not in blind for name, what in _LOOKS.items() if what}
    quiet, absent = ([what for what, looked in asked.items() if looked is known] for known in (True, False))
    said = seen or (f"Nothing stands out in {sentence_list(quiet)}." if quiet else "")
    return f"{said} Not checked: {sentence_list(absent)}.".strip() if absent else said


def _next(run: Run, verdict: Verdict) -> str:
    kept = verdict.recommended
    back = f"Go back to step {kept.step}. " if kept else ""
    if verdict.hacked and not verdict.fell:
        return f"{ADVICE} If the tests are right, adjust the reward before training goes on."
    match verdict.state:
        case State.OVER_OPTIMISED:
            return f"{back}{_ADJUST}"
        case State.REGRESSED:
            return (
                f"{back}Evaluate it and the last checkpoint again on the same problems with fresh samples; then look "
                "for the cause in the update, the data and the evaluation."
            )
        case State.NO_EVIDENCE:
            return " ".join((*verdict.advice[:1], _BEGIN))
        case State.CANNOT_TELL if kept and verdict.suspected:
            last = int(run["held_out"].step[-1])
            return (
                f"Evaluate steps {kept.step} and {last} again on the same problems with fresh samples, before going on."
            )
        case State.CANNOT_TELL:
            return " ".join((*verdict.advice[:1], _evaluate_next(run)))
        case State.PLATEAU:
            return f"Stop, or change what is trained on: more of the same is not seen to pay. {_evaluate_next(run)}"
        case State.IMPROVING | State.RECOVERED:
            return f"{f'Keep step {kept.step}. ' if kept else ''}{_evaluate_next(run)}"
        case _:
            return _ADJUST


def _against(looks: Looks | None) -> str:
    """What to change in the reward against the trick that is played, where its name is known."""
    return f" Against this trick: {looks.fix}" if looks and looks.fix else ""


def _saved(run: Run, verdict: Verdict) -> str:
    """What stopping at the first confirmed alarm would have saved, where the run went on after it."""
    alarms = [one.step for one in verdict.findings if one.detector == OverOptimisation.name and one.kind == "confirmed"]
    last = int(run.steps[-1]) if len(run.steps) else 0
    if not verdict.fell or not alarms or min(alarms) >= last:
        return ""
    step, clock = min(alarms), run.metrics.get("time")
    time = ""
    if clock is not None and len(clock) > 1 and np.all(np.diff(clock.value) >= 0.0) and np.ptp(clock.value) > 0.0:
        begun, then, end = np.interp([clock.step[0], step, last], clock.step, clock.value)
        time = f" and {100.0 * (end - then) / (end - begun):.0f} % of the time"
    return f" A stop when the fall was confirmed, at step {step}, would have saved {last - step} of {last} steps{time}."


def _listed(looks: Looks | None) -> tuple[str, str]:
    return (looks.how, looks.command) if looks and looks.hack else ("", "")


def _evaluate_next(run: Run) -> str:
    series = run.get("held_out")
    if series is None or len(series) < 2:
        return "Evaluate the same problems at 20 to 40 evenly spaced steps."
    gap = int(np.median(np.diff(series.step)))
    return f"If it goes on, evaluate next at step {int(series.step[-1]) + gap}, the same problems."
