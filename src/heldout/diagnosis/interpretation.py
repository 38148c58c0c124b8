"""What the curves are consistent with, and what would be needed to tell.

Description after the fact is no verdict: each reading comes with the others that fit the same curves. Words such as
"reward hacking" are used only where a score that the optimiser never saw supports them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from heldout.diagnosis.model import Curve
from heldout.diagnosis.observations import Seen, same_measure
from heldout.metrics import Better
from heldout.text import number

_TO_TELL = (
    "To tell: evaluate the best and the last checkpoint again on the same problems with fresh samples and compare them "
    "problem by problem"
)


def interpret(seen: Seen) -> tuple[str, ...]:
    """Return the interpretation, a paragraph each."""
    return tuple(_paragraphs(seen))


def _paragraphs(seen: Seen) -> Iterator[str]:
    reward, held_out, length = (seen.curve(role) for role in ("reward", "held_out", "length"))
    if held_out is None:
        yield _without_held_out(reward)
    elif reward is not None and any(same_measure(seen)):
        yield (
            "The metric taken as the held-out score is the reward itself, so this log holds no independent "
            "judge: nothing "
            "can be said about over-optimisation from it."
        )
    elif reward is not None:
        yield _reward_and_held_out(reward, held_out)
    else:
        yield _held_out_alone(held_out)
    if length is not None and held_out is not None:
        yield _length_and_held_out(seen, length, held_out)
    if held_out is not None and held_out.series.problems is None:
        yield (
            "The size of the evaluation is not known, so the noise of the held-out score was estimated from the "
            "score's own "
            "scatter. Give it with --problems N (and --samples M), or log the outcome of every problem."
        )


def _course(curve: Curve) -> str:
    """Say what a curve did overall: "rises", "falls", "is flat", or "rises, then falls"."""
    value = curve.value * (-1 if curve.better is Better.LOWER else 1)
    if len(value) < 2 or curve.range == 0:
        return "is flat"
    noise = math.sqrt(2 * curve.line_variance) if curve.line_variance > 0 else 0.0
    least = max(2 * noise, 0.15 * curve.range)
    rise, fall = float(value.max() - value[0]), float(value.max() - value[-1])
    net = float(value[-1] - value[0])
    if fall >= least and rise >= least and fall >= 0.5 * rise:
        return "rises, then falls"
    if net >= least:
        return "rises"
    if fall >= least:
        return "falls"
    return "is flat"


def _reward_and_held_out(reward: Curve, held_out: Curve) -> str:
    up, course = _course(reward), _course(held_out)
    climbs = up in ("rises", "rises, then falls") and _kept(reward) >= 0.5
    if climbs and course in ("falls", "rises, then falls"):
        return (
            "The reward climbs and the held-out score falls back. That is consistent with over-optimisation of "
            "the reward "
            "(reward hacking): the policy gets better at what is rewarded and worse at the task. It is also "
            "consistent with "
            "noise in few evaluations, with a change of the evaluation itself, or with an unstable update that "
            "the reward "
            f"does not see. {_TO_TELL}; read samples that the reward likes and the tests reject."
        )
    if climbs and course == "rises":
        return (
            "The reward and the held-out score climb together: consistent with learning that carries over to "
            "problems that "
            "were not trained on. Nothing here speaks for over-optimisation so far; a reward that keeps rising "
            "after the "
            "held-out score has stopped would."
        )
    if climbs:
        return (
            "The reward climbs and the held-out score does not follow. That is consistent with learning only what is "
            "rewarded (a format, a shortcut), with memorised training problems, and with gains too small for this "
            "evaluation to show. To tell: more held-out problems, and the reward of the held-out samples next to their "
            "pass rate."
        )
    if course == "falls" or course == "rises, then falls":
        return (
            "The held-out score falls, and the reward does not rise over the run: a general regression (an "
            "unstable update, "
            f"data, or the evaluation), rather than over-optimisation. {_TO_TELL}."
        )
    if course == "rises":
        return (
            "The held-out score rises although the reward hardly does: consistent with a reward that is normalised or "
            "saturated, or with gains that the training problems no longer show."
        )
    return (
        "Neither the reward nor the held-out score moves beyond its noise: nothing was learned that these "
        "curves can show."
    )


def _kept(curve: Curve) -> float:
    """Return the share of the rise from the start to the peak that is left at the end."""
    rise = float(curve.value.max() - curve.value[0])
    return float(curve.value[-1] - curve.value[0]) / rise if rise > 0 else 0.0


def _held_out_alone(held_out: Curve) -> str:
    return (
        f"The held-out score {_course(held_out)}. Without the training reward nothing can be said about whether "
        "the two "
        "part; if the log has a reward under another name, give it with --reward KEY."
    )


def _without_held_out(reward: Curve | None) -> str:
    course = f"The reward {_course(reward)}. " if reward is not None else ""
    return (
        f"{course}There is no held-out score in this log, so what the model can really do is not known: a reward that "
        "climbs looks the same in an honest run and in one that exploits its reward. To tell: evaluate some 200 "
        "problems "
        "that are never trained on every twentieth of the run, and judge them by running tests."
    )


def _length_and_held_out(seen: Seen, length: Curve, held_out: Curve) -> str:
    pair = next((p for p in seen.pairs if {p.left, p.right} == {"length", "held_out"}), None)
    up, course = _course(length), _course(held_out)
    if pair is None or not math.isfinite(pair.movement.levels.r):
        return "Response length and held-out score share too few steps to say whether they move together."
    if up == course == "rises, then falls":
        return (
            "Response length and the held-out score rise and fall together: consistent with responses that "
            "collapse into "
            "something short. Read samples from before and after the peak."
        )
    if up == "rises" and course == "rises":
        together = pair.movement.differences.low > 0
        how = (
            "and their changes go together from point to point"
            if together
            else "but their changes from point to point do not clearly go together"
        )
        return (
            f"Responses get longer and the held-out score rises ({how}). That is consistent with longer reasoning that "
            "helps; it does not show that length is the cause. To tell: compare the pass rate of short and long "
            "responses "
            "to the same problem, and look at truncated ones."
        )
    if up == "rises":
        gain = number(float(length.value[-1] - length.value[0]), length.range)
        return (
            f"Responses get longer (by {gain} tokens) and the held-out score does not rise with them: consistent "
            "with padding "
            "or with a reward that favours length; the pass rate by length of response would tell."
        )
    r = pair.movement.levels.r
    if np.sign(r) < 0 and course == "rises":
        return "The held-out score rises while responses get shorter: consistent with more concise solutions."
    return "Response length shows no rise that would explain the held-out score."
