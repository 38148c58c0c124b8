"""Each observer on a small case worked out by hand, and just below and above what it takes for worth telling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heldout.diagnosis import observations
from heldout.diagnosis.courses import describe_series
from heldout.diagnosis.curves import curves_of, pairs_of
from heldout.diagnosis.model import Observation, Seen
from heldout.findings import State, Verdict
from heldout.run import Run, Series
from heldout.stats.correlation import CoMovement, Correlation

NOISE = Verdict(state=State.CANNOT_TELL, label="given", sentence="")
NEAR = replace(NOISE, peak_step=3)
FELL, ROSE = (replace(NOISE, state=state) for state in (State.REGRESSED, State.IMPROVING))
KEYS = {"reward": "reward", "held_out": "pass@1", "error": "eval_error", "length": "length"}


def seen(verdict: Verdict = NOISE, problems: float | None = None, **columns: Any) -> Seen:
    """What is made of these columns, each of which plays its part from step 0 on; `error` is a held-out score too."""
    metrics = {}
    for role, values in columns.items():
        value = np.array(values, dtype=float)
        sizes = None if problems is None or role != "held_out" else np.full(len(value), problems)
        metrics[KEYS[role]] = Series(KEYS[role], np.arange(len(value)), value, problems=sizes)
    roles = {"held_out" if role == "error" else role: KEYS[role] for role in columns}
    curves = curves_of(Run("made", "memory", "test", metrics, roles))
    return Seen(verdict, curves, tuple(describe_series(curve, verdict) for curve in curves), pairs_of(curves))


def near(expected: dict[str, float]) -> Any:
    return pytest.approx(expected, rel=1e-9)


def test_a_curve_that_never_moves_is_told_with_its_level() -> None:
    assert list(observations.constant(seen(reward=[0.25] * 3, length=[1, 2, 3]))) == [
        Observation("constant", "Reward is 0.250 at all 3 steps.", 0.9, evidence={"value": 0.25})
    ]
    assert not list(observations.constant(seen(reward=[0.25])))


@pytest.mark.parametrize(
    ("reward", "held_out", "common"),
    [
        ([1, 2, 3], [1, 2, 3], 3),
        ([1, 2], [1, 2], 0),
        ([1, 2, 3, 4], [1, 2, 3], 3),
        ([1, 2, 3], [1, 2, 3.1], 0),
        ([1, 1, 1], [1, 1, 1], 0),
    ],
)
def test_a_score_is_the_reward_itself_where_three_steps_agree(
    reward: list[float], held_out: list[float], common: int
) -> None:
    told = list(observations.same_measure(seen(reward=reward, held_out=held_out)))
    text = (
        "Held-out pass@1 (pass@1) equals reward (reward) at all 3 common steps: it is the reward itself, not an "
        "independent judge of it; choose another with --eval KEY."
    )
    assert told == ([Observation("same_measure", text, 1.0, evidence={"steps": 3.0})] if common else [])


REWARD, SCORE = [0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.3, 0.5, 0.6, 0.5, 0.3, 0.1]


@pytest.mark.parametrize(
    ("verdict", "weight"), [(replace(NOISE, state=State.REGRESSED, peak_step=2), 1.0), (NEAR, 0.75)]
)
def test_reward_and_score_are_given_at_the_peak_and_at_the_end(verdict: Verdict, weight: float) -> None:
    verdict = replace(verdict, peak_step=2)
    (told,) = observations.at_the_peak_and_the_end(seen(verdict, reward=REWARD, held_out=SCORE))
    text = (
        "At step 2, the peak that the verdict compares with, held-out pass@1 is 60 % and reward 0.40; at step 5, the "
        "last evaluation, held-out pass@1 is 10 % and reward 1.00."
    )
    assert (told.kind, told.text, told.weight, told.steps) == ("peak_and_end", text, weight, (2, 5))
    assert told.evidence == near({"drop": 0.5, "reward_gain": 0.6})
    (told,) = observations.at_the_peak_and_the_end(seen(verdict, reward=REWARD, error=[1 - score for score in SCORE]))
    assert told.evidence["drop"] == pytest.approx(0.5)


@pytest.mark.parametrize("verdict", [NOISE, ROSE, replace(ROSE, peak_step=2)])
def test_without_a_fall_nothing_is_said_of_a_peak(verdict: Verdict) -> None:
    assert not list(observations.at_the_peak_and_the_end(seen(verdict, reward=REWARD, held_out=SCORE)))


def test_a_course_that_a_test_has_a_word_for_is_told_of_all_but_the_held_out_score() -> None:
    ramp = np.linspace(0.0, 1.0, 60) + 0.1 * np.random.default_rng(2).normal(size=60)
    (told,) = observations.takes_its_course(seen(reward=ramp, held_out=ramp, length=[7.0] * 60))
    assert (told.kind, told.weight, told.steps) == ("course", 0.55, (0, 59))
    assert told.text.startswith("Reward rises from ")
    assert told.evidence["change"] > told.evidence["half_width"]
    noise = np.random.default_rng(5).normal(size=60)
    assert not list(observations.takes_its_course(seen(reward=noise, length=[1.0, 2.0, 3.0])))


def moving(
    change: tuple[float, float, float], detrended: tuple[float, float, float], n_eff: float = 40.0
) -> CoMovement:
    of = [Correlation(r, low, high, 40, n_eff) for r, low, high in ((0.9, 0.5, 1.0), change, detrended)]
    return CoMovement(of[0], of[1], of[2], "trend-dominated")


UNSURE = (0.1, -0.2, 0.4)


@pytest.mark.parametrize(
    ("movement", "roles", "word", "weight"),
    [
        (moving(UNSURE, UNSURE), ("reward", "held_out"), None, 0.0),
        (moving((0.9, -0.6, 0.99), UNSURE, 4.0), ("reward", "held_out"), None, 0.0),
        (moving((0.5, 0.2, 0.7), UNSURE), ("reward", "held_out"), "positive", 0.6),
        (moving((0.9, 0.71, 0.95), UNSURE), ("reward", "held_out"), "strong positive", 0.6),
        (moving((0.9, 0.69, 0.95), UNSURE), ("reward", "held_out"), "positive", 0.6),
        (moving(UNSURE, (-0.9, -0.95, -0.71)), ("reward", "length"), "strong negative", 0.4),
        (moving((-0.5, -0.7, -0.2), UNSURE), ("reward", "held_out"), "negative", 0.6),
        (moving((float("nan"),) * 3, UNSURE), ("reward", "held_out"), None, 0.0),
    ],
)
def test_two_curves_move_together_where_their_interval_shows_it(
    movement: CoMovement, roles: tuple[str, str], word: str | None, weight: float
) -> None:
    of = seen(reward=REWARD, held_out=SCORE, length=REWARD)
    pair = replace(of.pairs[0], left=roles[0], right=roles[1], movement=movement, count=40)
    told = list(observations.moves_together(replace(of, pairs=(pair,))))
    assert [one.weight for one in told] == ([weight] if word else [])
    for one in told:
        assert f" have a {word} correlation " in one.text
        shown = movement.differences if "of their changes" in one.text else movement.detrended
        assert f": r = {shown.r:.2f} ({shown.low:.2f} to {shown.high:.2f}), over 40 points." in one.text
        assert shown.low * shown.high > 0.0
        assert one.evidence["levels"] == movement.levels.r


@pytest.mark.parametrize(("problems", "score", "told"), [(100, [0.5] * 2, 1), (None, [0.5] * 2, 0), (100, [0.5], 0)])
def test_the_resolution_is_told_of_two_evaluations_of_known_size(
    problems: float | None, score: list[float], told: int
) -> None:
    assert [one.weight for one in observations.resolves(seen(problems=problems, held_out=score))] == [0.2] * told


def test_observations_of_equal_weight_keep_the_order_of_the_observers() -> None:
    verdict = replace(FELL, peak_step=2)
    told = observations.observe(seen(verdict, reward=[0.5] * 6, held_out=SCORE, length=[7.0] * 6))
    assert [one.kind for one in told] == ["peak_and_end", "constant", "constant"]
    kinds = [observer.__name__ for observer in observations.OBSERVERS]
    assert kinds.index("constant") < kinds.index("takes_its_course") < kinds.index("resolves")
