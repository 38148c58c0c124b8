"""What the reward and the length did in a word, and how each is read beside the verdict."""

from __future__ import annotations

import numpy as np
import pytest

import heldout
from heldout.findings import Finding, Severity, State, Verdict
from heldout.run import Run, Series

KEYS = {"reward": "reward", "held_out": "pass@1", "length": "length"}
RISING, FALLING, FLAT = np.linspace(100, 200, 30), np.linspace(200, 100, 30), np.tile([150.0, 150.1], 15)
LATE = np.concatenate([np.linspace(100, 200, 12), 200.0 + np.random.default_rng(4).normal(size=18)])
SCORE = np.linspace(0.3, 0.5, 30) + np.tile([0.0, 0.03], 15)


def made(**columns: np.ndarray) -> Run:
    metrics = {KEYS[role]: Series(KEYS[role], np.arange(len(value)), value) for role, value in columns.items()}
    return Run("made", "memory", "test", metrics, {role: KEYS[role] for role in columns})


def told(state: State, peak: int | None = None, **columns: np.ndarray) -> tuple[str, ...]:
    verdict = Verdict(state=state, label="given", sentence="", peak_step=peak)
    return heldout.describe(made(**columns), verdict).interpretation


NOISE = 150.0 + np.random.default_rng(1).normal(size=30)


@pytest.mark.parametrize(
    ("reward", "does"),
    [
        (RISING, "rises"),
        (FALLING, "falls"),
        (np.concatenate([RISING, FALLING]), "rises, then falls"),
        (np.concatenate([FALLING, RISING]), "falls, then rises"),
        (NOISE, "shows no course that can be told from its noise"),
        (np.full(30, 7.0), "is the same throughout"),
        (RISING[:7], "has too few values to show a course"),
        (RISING[:2], "has too few values to show a course"),
        (RISING[:1], "has too few values to show a course"),
    ],
)
def test_a_reward_does_what_a_test_has_a_word_for(reward: np.ndarray, does: str) -> None:
    told_of = told(State.NO_EVIDENCE, reward=reward)[0]
    assert told_of.startswith(f"The reward {does}. A reward that climbs looks the same")


@pytest.mark.parametrize(
    ("state", "length", "opening"),
    [
        (State.REGRESSED, FALLING, "Responses get shorter and the held-out score has fallen"),
        (State.REGRESSED, np.concatenate([RISING, FALLING])[::2], "Responses get shorter and the held-out score has"),
        (State.OVER_OPTIMISED, RISING, "Responses get longer (by 93 (87 to 99) tokens), and no"),
        (State.IMPROVING, RISING, "Responses get longer and the held-out score has risen (but their changes do not"),
        (
            State.IMPROVING,
            1000 * SCORE,
            "Responses get longer and the held-out score has risen (and their changes go t",
        ),
        (State.IMPROVING, FALLING, "The held-out score has risen while responses got shorter"),
        (State.IMPROVING, np.full(30, 7.0), "Response length and held-out score share too few steps"),
        (State.IMPROVING, RISING[:3], "Response length and held-out score share too few steps"),
    ],
)
def test_the_length_is_read_beside_the_verdict(state: State, length: np.ndarray, opening: str) -> None:
    noisy = length + (0.01 * np.random.default_rng(0).normal(size=len(length)) if length is RISING else 0.0)
    assert told(state, held_out=SCORE, length=noisy)[1].startswith(opening)


@pytest.mark.parametrize(
    ("state", "peak", "reward", "opening"),
    [
        (State.IMPROVING, None, None, "The held-out score has risen. Without the training reward"),
        (State.IMPROVING, None, RISING, "The reward and the held-out score climb together"),
        (State.IMPROVING, None, FALLING, "The held-out score has risen although the reward falls:"),
        (State.PLATEAU, None, None, "The held-out score is level at its end. Without the training reward"),
        (State.PLATEAU, None, RISING, "The reward rises after step 15, and over these steps the held-out score is "
         "level: it does not follow."),
        (State.PLATEAU, None, LATE, "The reward rises over the run and the held-out score is level at its end; whether "
         "the held-out score follows the reward cannot be told from 30 evaluations."),
        (State.PLATEAU, None, FALLING, "The held-out score is level at its end, and the reward falls:"),
        (State.PLATEAU, None, NOISE, "The held-out score is level at its end, and the reward shows no course that"),
        (State.IMPROVING, None, NOISE, "The held-out score has risen; the reward shows no course that can be"),
        (State.CANNOT_TELL, None, NOISE, "What the held-out score does cannot be told"),
        (State.CANNOT_TELL, None, FALLING, "What the held-out score does cannot be told from these evaluations. The "
         "reward falls. To tell:"),
        (State.CANNOT_TELL, None, RISING, "What the held-out score does cannot be told from these evaluations. The "
         "reward rises, which alone says nothing about the task. To tell:"),
        (State.CANNOT_TELL, None, None, "What the held-out score does cannot be told from these evaluations. To tell:"),
        (State.CANNOT_TELL, 8, RISING, "The held-out score may have fallen, and these evaluations do not settle it;"),
    ],
)  # fmt: skip
def test_the_reward_is_read_beside_the_verdict(
    state: State, peak: int | None, reward: np.ndarray | None, opening: str
) -> None:
    columns = {"held_out": SCORE} | ({} if reward is None else {"reward": reward})
    assert told(state, peak, **columns)[0].startswith(opening)


@pytest.mark.parametrize(
    "state", [s for s in State if s not in (State.NO_EVIDENCE, State.OVER_OPTIMISED, State.DISAGREE)]
)
def test_only_without_a_reward_is_one_asked_for(state: State) -> None:
    assert "--reward KEY" in told(state, held_out=SCORE)[0]
    assert "--reward KEY" not in told(state, held_out=SCORE, reward=RISING)[0]


def test_an_evaluation_of_unknown_size_is_pointed_out_last() -> None:
    assert "--problems N" in told(State.IMPROVING, held_out=SCORE)[-1]
    sized = Series("pass@1", np.arange(30), SCORE, problems=np.full(30, 100.0))
    run = Run("made", "memory", "test", {"pass@1": sized}, {"held_out": "pass@1"})
    assert not any("--problems N" in text for text in heldout.describe(run).interpretation)


@pytest.mark.parametrize(
    ("state", "length"), [(State.PLATEAU, FALLING), (State.IMPROVING, FLAT), (State.REGRESSED, FLAT)]
)
def test_of_a_length_that_tells_nothing_of_the_score_nothing_is_said(state: State, length: np.ndarray) -> None:
    assert told(state, held_out=SCORE, length=length) == told(state, held_out=SCORE)


def test_a_length_that_was_found_to_collapse_is_read_as_shorter() -> None:
    found = Finding(
        detector="length",
        severity=Severity.WATCH,
        kind="length_collapse",
        step=20,
        steps=(10, 20),
        seen="",
        against="",
        means="",
        advice="",
    )
    run = made(held_out=SCORE, length=FLAT)
    verdict = Verdict(state=State.REGRESSED, label="given", sentence="", findings=(found,))
    assert heldout.describe(run, verdict).interpretation[1].startswith("Responses get shorter and the held-out score")


def test_without_held_out_score_and_reward_only_the_lack_is_told() -> None:
    assert told(State.NO_EVIDENCE, length=RISING) == (
        "Without a reward and a held-out score there are no two curves to read beside each other.",
    )
