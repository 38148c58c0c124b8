"""The words of a verdict: the state, the sentence that says it with numbers, and how sure that is."""

from __future__ import annotations

import math

import numpy as np

from heldout.detectors.overoptimisation import FEWEST, Level, OverOptimisation
from heldout.detectors.plateau import level_of
from heldout.diagnosis.answer import SIZES, Answer
from heldout.diagnosis.level import change_lies, has_gained, is_level, level_since, rise, standing
from heldout.diagnosis.past import fall_now, has_fallen, is_back, is_over, what_is_left
from heldout.findings import Finding, State, Unchecked
from heldout.metrics import Unit
from heldout.run import Run
from heldout.stats.levels import FEWEST_TO_CONFIRM
from heldout.stats.scan import smallest_visible_drop
from heldout.text import counted

_SUSPECTED = 0.10  # run-level p up to which a fall that is not confirmed is spoken of: twice the promised 5 %
_WITHIN = 3  # evaluations within which a fall should show

_HOW = {
    "rising": "while the reward rises",
    "flat": "while the reward is where it was then (possibly over-optimisation)",
    "falling": "and the reward falls too",
    "unknown": "and too little is known of the reward to say why",
}
_APART = {"near_zero": "near zero from the start", "gap_widens": "the gap widens"}  # kind of finding → label


def unanswered(run: Run, fallen: OverOptimisation) -> Answer | None:
    """Why can nothing be said of this run? None where something can."""
    held_out, rates = run.get("held_out"), fallen.evidence.rates
    if held_out is None or not len(held_out):
        return _no_evidence(run)
    if run.counted:
        text = (
            "No column says at which step a row was written, so rows were only counted, and whether they are in order "
            "of training is not known: nothing is said of a rise or a fall. Call the column that numbers them 'step'."
        )
        return Answer(State.CANNOT_TELL, "rows without steps", text)
    if not fallen.looks:
        few = f"{counted(len(rates), 'evaluation')} cannot show a fall"
        text = f"{few}; at least {FEWEST} are needed, and 20 to 40 see most."
        return Answer(State.CANNOT_TELL, "too few evaluations", text)
    said = fallen.evidence.spoken
    if float(np.ptp(rates)) == 0.0 and (not said.share or rates[0] in (0.0, 1.0)):
        text = (
            f"Every evaluation is at {said.level(rates[0])}, so it shows neither a rise nor a fall, and no checkpoint "
            f"is better than another. {_instead(run, fallen)}"
        )
        return Answer(State.CANNOT_TELL, "saturated evaluation", text)
    return None


def _no_evidence(run: Run) -> Answer:
    """Say what is missing: the held-out score, or the reward as well."""
    if not {"reward", "held_out"} & run.roles.keys() and run.choices.supervised:
        text = (
            "No RL run: no reward and no held-out score was recognised in this log, which is one of supervised or "
            "preference training. Its losses and accuracies say how well labels are fitted; nothing is reinforced."
        )
        return Answer(State.NO_EVIDENCE, "supervised or preference training", text)
    if not {"reward", "held_out"} & run.roles.keys() and not run.reward_parts():
        text = (
            "No reward and no held-out score was recognised in this log, so there is nothing to hold against each "
            "other."
        )
        return Answer(State.NO_EVIDENCE, "no reward and no held-out score", text)
    text = "There is no held-out score in this log, so what the model can really do is not known."
    return Answer(State.NO_EVIDENCE, "training signals only", text)


def _instead(run: Run, fallen: OverOptimisation) -> str:
    """Say what to do about evaluations that are all alike."""
    seen = fallen.evidence
    if seen.spoken.share and seen.rates[0] == 1.0:
        return "Evaluate on harder problems."
    reward = run.get("reward")
    beyond = reward is not None and len(reward) > 0 and float(np.ptp([*reward.value, 0.0, 1.0])) > 1.0
    if beyond and fallen.reward_course(seen.steps[0]) == "rising":
        return (
            "The reward says that these answers get better, and this score does not: the two disagree. Read samples "
            "that the reward likes before anything else, and see that the evaluation runs them."
        )
    return "Evaluate on easier problems." if seen.spoken.share else "See that the evaluation measures this policy."


def answer_of(fallen: OverOptimisation, visible: float | None, margin: float | None = None) -> Answer:
    """What is this run, of which something can be said?

    The state is the one at the end of the log: an alarm lasts as long as the fall. `visible` is the smallest fall that
    the evaluations would show, as a fraction; None where that is not known. `margin` is the largest change that counts
    as level, as for `heldout.detectors.plateau.level_of`.
    """
    if not fallen.evidence.sized and not np.ptp(fallen.evidence.rates):
        text = "The held-out score is the same at every evaluation, so it shows neither a fall nor a rise."
        return Answer(State.CANNOT_TELL, "the same throughout", text)
    if has_fallen(fallen):
        return _fallen(fallen)
    suspected = _suspected(fallen)
    if suspected is not None or not is_over(fallen):
        return suspected or standing(fallen, visible, margin)
    return _came_back(fallen) if is_back(fallen) else _no_fall_now(fallen, margin)


def disagreeing(apart: Finding, answer: Answer | None = None) -> Answer:
    """Say how the reward and the held-out score disagree, and then what else can be said of it; a fall goes first."""
    if answer is not None and answer.state in (State.OVER_OPTIMISED, State.REGRESSED):
        return answer
    text = f"The reward and the held-out score disagree. {apart.seen} {apart.against}"
    if answer is None:
        return Answer(State.DISAGREE, _APART[apart.kind], text)
    return Answer(State.DISAGREE, _APART[apart.kind], f"{text} {answer.sentence}", answer.peak_step)


def _fallen(fallen: OverOptimisation) -> Answer:
    now, said = fall_now(fallen), fallen.evidence.spoken
    course = fallen.reward_course(now.peak_step)
    state = State.OVER_OPTIMISED if course == "rising" else State.REGRESSED
    text = (
        f"The held-out score {said.worse} by {said.by(now.drop)} since step {now.peak_step} (95 % interval "
        f"{said.between(now.low, now.high)}) {_HOW[course]}."
    )
    sure = "confirmed" if fallen.worst.level is Level.CONFIRMED else "likely"
    return Answer(state, f"{sure}, reward {course}", text, now.peak_step)


def _suspected(fallen: OverOptimisation) -> Answer | None:
    """Say how near to a fall a run is that the scan does not confirm, and what would have settled it."""
    now = fallen.looks[-1]
    p = fallen.run_p()
    if now.level < Level.LIKELY and not p <= _SUSPECTED:
        return None
    course = fallen.reward_course(now.peak_step)
    enough = fallen.problems_to_confirm(SIZES)
    settled = "More problems alone would not settle it: the rates scatter too much; evaluate more often."
    if not fallen.evidence.spoken.share:
        settled = "A plain score confirms nothing; evaluate more often, and on more cases each time."
    elif enough and fallen.evidence.problems is None:
        settled = f"If they are of {enough} problems or more, that would confirm it: give their number (--problems N)."
    elif enough:
        settled = f"{enough} problems with the same rates would have confirmed it."
    fallen_ = "got worse" if fallen.evidence.spoken.lower else "fallen"
    text = (
        f"The held-out score may have {fallen_} since step {now.peak_step} (run-level p ≤ {p:g}, reward {course}), "
        f"but these evaluations do not confirm it. {settled}"
    )
    return Answer(State.CANNOT_TELL, f"just short of a fall, reward {course}", text, now.peak_step)


def _came_back(fallen: OverOptimisation) -> Answer:
    """Say of a fall that is over how far from its peak the score is now."""
    said, worst = fallen.evidence.spoken, fallen.worst
    fell = "got worse" if said.lower else "fell"
    left = what_is_left(fallen, f"that {said.loss}")
    text = f"The held-out score {fell} after step {worst.peak_step} and has come back: {left}."
    return Answer(State.RECOVERED, worst.level.name.lower(), text)


def _no_fall_now(fallen: OverOptimisation, margin: float | None) -> Answer:
    """Say that an alarm did not last, and whether the score is level or has risen all the same."""
    seen, worst, said = fallen.evidence, fallen.worst, fallen.evidence.spoken
    test, label = level_of(seen, margin), f"no {said.loss} now"
    left = what_is_left(fallen, f"the {said.loss} since step {worst.peak_step}")
    over = f"The alarm of step {worst.step} did not last: {left}."
    if is_level(fallen, test):
        return Answer(State.PLATEAU, label, f"{over} It {level_since(seen, test)}.")
    if test.state == "improving" and has_gained(seen) and fallen.looks[-1].level is Level.OK:
        return Answer(State.IMPROVING, label, f"{over} The held-out score {rise(seen, test)}.")
    return Answer(State.CANNOT_TELL, label, f"{over} At its end {change_lies(seen, test)}.")


def how_sure(fallen: OverOptimisation, state: State, visible: float | None) -> str:
    """Say what was evaluated, with which error that speaks of a fall, and which fall it would have shown."""
    seen, worst = fallen.evidence, fallen.worst
    told = worst.level is Level.CONFIRMED and state in (State.OVER_OPTIMISED, State.REGRESSED, State.RECOVERED)
    said, p = seen.spoken, fallen.run_p(ever=told)
    if seen.problems is None:
        size = "of unknown size" if said.share else "of a plain score" + ", read on the log scale" * said.ratio
        if seen.errors is not None:
            size += f", with standard errors of {said.by(seen.least_noise)}"
        error = "nothing can be confirmed"
    else:
        each = f" with {seen.samples:.3g} samples each" if seen.samples > 1.0 else ""
        size = f"of {counted(seen.problems, 'problem')}{each}"
        error = f"run-level p {f'≤ {p:.2g}' if p < 1.0 else 'above 0.2'}"
        if not seen.may_confirm:
            error += f" on these problems, of which fewer than {FEWEST_TO_CONFIRM} confirm nothing"
        elif seen.jumps and worst.level < Level.CONFIRMED:
            error += ", but the scores jump more than evaluations of this size explain: nothing is confirmed"
    if told:
        error = f"confirmed at step {worst.step}, error {100 * fallen.alpha:g} % for the whole run ({error})"
    shown = ""
    if visible is not None and state in (State.CANNOT_TELL, State.DISAGREE):  # elsewhere the sentence tells enough
        shown = f"; a lasting {said.loss} of {said.by(visible)} or more would show"
    return f"{counted(len(seen), 'evaluation')} {size}: {error}{shown}."


def smallest_visible(count: int, variance: float) -> float | None:
    """How small a lasting fall, as a fraction, would so many evaluations show within three of them?

    `variance` is that of one rate. None where it cannot be told.
    """
    if not math.isfinite(variance) or count < FEWEST + 1:
        return None
    found = smallest_visible_drop(max(count, 5), count, min(_WITHIN, count - 2), variance)
    return found if math.isfinite(found) else None


def not_asked(run: Run, exact: bool) -> tuple[Unchecked, ...]:
    """What could not be asked for want of something that the log might have held?"""
    series, missing = run.get("held_out"), {}
    if series is None:
        return ()
    if not exact and series.problems is None:
        asked = "the size of the evaluation (--problems N)"
        if run.unit(series.name) is Unit.SCORE:
            asked = "a share of problems solved, which this score is not"
        missing["error control"] = f"{asked}: nothing can be confirmed"
    elif not exact:
        missing["exact error control"] = (
            "the outcome of every problem; with rates alone this is approximate error control"
        )
    if "reward" not in run.roles:
        missing["cause of a fall"] = "the training reward (--reward KEY)"
    return tuple(Unchecked(*item) for item in missing.items())


def up_to(run: Run) -> str:
    """Say up to where a log goes whose end was lost; nothing of one that is whole."""
    lost = any(note.end_lost for note in run.notes)
    return f"The end of the log is lost: all this holds up to step {run.steps[-1]}." if lost else ""
