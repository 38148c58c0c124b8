"""What the curves are consistent with, and what would be needed to tell.

The verdict judges the held-out score; here its answer is read beside the reward and the length, each reading with the
others that fit the same curves. "Reward hacking" is said only where the verdict found a fall under a rising reward, or
beside rewarded answers that fail the hidden tests.
What the reward does is the verdict's label where the score fell, and elsewhere the word that a test has for it, or
none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from heldout.diagnosis.courses import change, course_of
from heldout.diagnosis.model import Curve, Seen
from heldout.diagnosis.observations import same_measure
from heldout.findings import State
from heldout.metrics import Unit
from heldout.stats.course import Course, Way
from heldout.stats.trend import level_window
from heldout.text import counted

_WORDS = {
    Way.LEVEL: "is the same throughout",
    Way.UNKNOWN: "shows no course that can be told from its noise",
    Way.TOO_FEW: "has too few values to show a course",
}
_TO_TELL = (
    "To tell: evaluate the best and the last checkpoint again on the same problems with fresh samples and compare them "
    "problem by problem"
)
_ADJUST = (
    "adjust the reward so that it pays only for what such tests pass (check outputs and not exit status or format, "
    "penalise what the samples exploit)"
)
_NO_REWARD = (
    "Without the training reward nothing can be said about whether the two part; if the log has a reward under another "
    "name, give it with --reward KEY."
)


def interpret(seen: Seen) -> tuple[str, ...]:
    """Return the interpretation, a paragraph each."""
    held_out = seen.curve("held_out")
    lower = held_out is not None and held_out.sign < 0
    return tuple(_turned(text) if lower else text for text in _paragraphs(seen))


def _turned(text: str) -> str:
    """Say of a score of which lower is better that it got worse or better, where another falls or rises."""
    for told, instead in (("fallen", "got worse"), ("risen", "got better")):
        text = re.sub(rf"(held-out score (?:has|may have)) {told}", rf"\1 {instead}", text)
    return text.replace("held-out score fell ", "held-out score got worse ").replace(
        "no rise of the held-out score", "no gain in the held-out score"
    )


def _paragraphs(seen: Seen) -> Iterator[str]:
    reward, held_out, length = (seen.curve(role) for role in ("reward", "held_out", "length"))
    if (hacked := seen.verdict.hacked) is not None:
        yield (
            f"Hidden tests that are no part of the reward judged training answers: {hacked.text}. So the reward pays "
            "for what does not solve the problem, unless it is the hidden tests that are wrong; read some of these "
            f"answers to tell. If they are wrong answers, {_ADJUST}."
        )
    if held_out is None:
        yield from _without_held_out(seen.course("reward"))
        return
    if any(same_measure(seen)):
        yield (
            "The metric taken as the held-out score is the reward itself, so this log holds no independent judge: "
            "whether the model gets better at the task cannot be told from it."
        )
    else:
        yield _reading(seen, reward, held_out)
    if length is not None:
        yield from _beside_length(seen, length)
    if held_out.series.problems is None and held_out.scale is Unit.SCORE:
        yield "The noise of the held-out score is known from its own scatter alone: it is no share of problems solved."
    elif held_out.series.problems is None:
        yield (
            "The noise of the held-out score is known from its own scatter alone. Give the size of the evaluation with "
            "--problems N (and --samples M), or log the outcome of every problem."
        )


def _does(found: Course) -> str:
    """Say what a curve does, as a verb."""
    return _WORDS.get(found.way, found.way.value)


def _reading(seen: Seen, reward: Curve | None, held_out: Curve) -> str:
    """Read the verdict beside what the reward does."""
    verdict, course = seen.verdict, seen.course("reward")
    unknown = "" if reward else f" {_NO_REWARD}"
    match verdict.state:
        case State.OVER_OPTIMISED if verdict.hacked:
            return (
                "The held-out score has fallen, and what is rewarded fails the hidden tests: two measures that the "
                "optimiser does not see agree on over-optimisation of the reward (reward hacking). Go back to the "
                f"checkpoint to keep and {_ADJUST}."
            )
        case State.OVER_OPTIMISED:
            return (
                "The held-out score has fallen while the reward rose. That is consistent with "
                "over-optimisation of the reward (reward hacking): the policy gets better at what is rewarded and "
                "worse at the task. It is also consistent with a change of the evaluation itself, or with an unstable "
                f"update that the reward does not see. {_TO_TELL}; read samples that the reward likes and the tests "
                f"reject. If they show a trick, go back to the checkpoint to keep and {_ADJUST}."
            )
        case State.REGRESSED:
            return (
                "The held-out score has fallen, and no rise of the reward is seen beside it: "
                "consistent with an unstable update, with the data, or with a change of the evaluation itself. "
                f"{_TO_TELL}.{unknown}"
            )
        case State.RECOVERED:
            return (
                "The held-out score fell and has come back: consistent with an instability that passed, or with a "
                f"stretch of unusual data. {_TO_TELL}.{unknown}"
            )
        case State.IMPROVING:
            return _improving(course)
        case State.PLATEAU:
            return _level(course, reward, held_out)
        case State.CANNOT_TELL | State.NO_EVIDENCE:
            return _undecided(seen, course)
        case _:
            return _disagree(seen)


def _disagree(seen: Seen) -> str:
    """Read a reward that is far from the held-out score, or parts from it, without a fall."""
    return (
        f"The reward and the held-out tests do not say the same ({seen.verdict.label}): what is rewarded is not, or "
        "not only, what the tests ask. That is consistent with a reward that can be had without solving, with a "
        "held-out evaluation that fails every program (a wrong time limit, a format that it cannot read), and with "
        "held-out problems that are far harder than those trained on. To tell: run a solution that is known to be "
        "right through the evaluation, judge some rewarded samples by hidden tests, and read them. "
        f"If the tests are right, {_ADJUST}."
    )


def _improving(reward: Course | None) -> str:
    if reward is None:
        return f"The held-out score has risen. {_NO_REWARD}"
    if reward.way is Way.RISES:
        return (
            "The reward and the held-out score climb together: consistent with learning that carries over to problems "
            "that were not trained on. A reward that keeps rising after the held-out score has stopped would say "
            "otherwise."
        )
    if reward.way in (Way.UNKNOWN, Way.TOO_FEW):
        return f"The held-out score has risen; the reward {_does(reward)}, so whether the two go together is not known."
    return (
        f"The held-out score has risen although the reward {_does(reward)}: consistent with a reward that is "
        "normalised or saturated, or with gains that the training problems no longer show."
    )


def _level(course: Course | None, reward: Curve | None, held_out: Curve) -> str:
    if course is None or reward is None:
        return f"The held-out score is level at its end. {_NO_REWARD}"
    if course.way is not Way.RISES:
        return (
            f"The held-out score is level at its end, and the reward {_does(course)}: consistent with a policy that "
            "has stopped learning what these problems ask, and with one that learns more slowly than this evaluation "
            "shows."
        )
    since = int(held_out.series.step[-level_window(len(held_out.series))])
    if course_of(reward, since).way is Way.RISES:
        return (
            f"The reward rises after step {since:.0f}, and over these steps the held-out score is level: it does not "
            "follow. That is consistent with learning only what is rewarded (a format, a shortcut), with memorised "
            "training problems, and with gains smaller than the margin of this test. To tell: more held-out problems, "
            f"and rewarded samples judged by hidden tests. If they fail those, {_ADJUST}."
        )
    return (
        "The reward rises over the run and the held-out score is level at its end; whether the held-out score follows "
        f"the reward cannot be told from {counted(len(held_out.series), 'evaluation')}. To tell: more held-out "
        "problems, and the reward of the held-out samples next to their pass rate."
    )


def _undecided(seen: Seen, reward: Course | None) -> str:
    if seen.verdict.suspected:
        return (
            "The held-out score may have fallen, and these evaluations do not settle it; what the reward has to do "
            f"with it cannot be said before that. {_TO_TELL}."
        )
    alone = ", which alone says nothing about the task" if reward and reward.way is Way.RISES else ""
    beside = "" if reward is None else f" The reward {_does(reward)}{alone}."
    return (
        f"What the held-out score does cannot be told from these evaluations.{beside} To tell: evaluate more problems, "
        f"the same ones each time.{'' if reward else ' ' + _NO_REWARD}"
    )


def _without_held_out(reward: Course | None) -> Iterator[str]:
    if reward is not None:
        yield (
            f"The reward {_does(reward)}. A reward that climbs looks the same in an honest run and in one that "
            "exploits its reward: only problems that are never trained on, judged by running tests, tell the two apart."
        )
    else:
        yield "Without a reward and a held-out score there are no two curves to read beside each other."


def _beside_length(seen: Seen, length: Curve) -> Iterator[str]:
    """Read the verdict beside the length of the responses, where that moves."""
    pair = next((p for p in seen.pairs if {p.left, p.right} == {"length", "held_out"}), None)
    course, verdict = seen.course("length"), seen.verdict
    if pair is None or course is None or not math.isfinite(pair.movement.levels.r):
        yield "Response length and held-out score share too few steps to say whether they move together."
        return
    collapsed = any(finding.kind == "length_collapse" for finding in verdict.findings)
    if verdict.fell and (collapsed or course.way in (Way.FALLS, Way.PEAKS)):
        yield (
            "Responses get shorter and the held-out score has fallen: consistent with responses that collapse into "
            "something short. Read samples from before and after the peak."
        )
    elif course.way is Way.RISES and verdict.state is State.IMPROVING:
        together = pair.movement.differences.low > 0
        clearly = "and their changes go" if together else "but their changes do not clearly go"
        yield (
            f"Responses get longer and the held-out score has risen ({clearly} together from point to point). That is "
            "consistent with longer reasoning that helps; it does not show that length is the cause. To tell: compare "
            "the pass rate of short and long responses to the same problem, and look at truncated ones."
        )
    elif course.way is Way.RISES:
        yield (
            f"Responses get longer (by {change(length, course)} tokens), and no rise of the held-out score is shown to "
            "go with it: consistent with padding or with a reward that favours length; the pass rate by length of "
            "response would tell."
        )
    elif course.way is Way.FALLS and verdict.state is State.IMPROVING:
        yield "The held-out score has risen while responses got shorter: consistent with more concise solutions."
