"""When a reward and the held-out score cannot both be right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import heldout
from heldout.detectors import Disagreement
from heldout.detectors.base import Block, Points, block_of, fold
from heldout.findings import Severity, State
from heldout.run import Evaluation, Run, Series

EVERY = 10


def rewarded(start: float, end: float, evaluations: int = 20) -> Points:
    step = np.arange(EVERY * evaluations + 1)
    wave = 0.01 * np.where(step % 2, -1.0, 1.0)
    return Points(step, np.clip(np.linspace(start, end, len(step)) + wave, 0.0, 1.0))


def block(reward: Points, rates: Any, problems: int | None = 200, parts: Any = None) -> Block:
    evaluations = [Evaluation(EVERY * (k + 1), float(rate), problems) for k, rate in enumerate(rates)]
    return Block({"reward": reward}, parts or {}, evaluations)


def kinds(given: Block) -> list[str]:
    return [finding.kind for finding in Disagreement().update(given)]


def test_a_high_reward_over_a_score_near_zero_is_found_at_the_first_evaluation() -> None:
    (finding,) = Disagreement().update(block(rewarded(0.98, 0.98), np.zeros(5), 100))
    assert (finding.kind, finding.step, finding.severity) == ("near_zero", EVERY, Severity.WARNING)
    assert finding.seen == (
        "The last rewards average 0.98, and the held-out score is at most 0 % at its only evaluation."
    )
    assert finding.against == "The 95 % interval of 100 problems ends at 3.7 %, less than half of the reward."


@pytest.mark.parametrize(
    ("reward", "rate", "problems", "found"),
    [
        (0.52, 0.0, 200, True),
        (0.48, 0.0, 200, False),  # an evaluation that is too hard
        (0.9, 0.05, 200, True),
        (0.9, 0.051, 200, False),
        (0.9, 0.0, 5, True),
        (0.8, 0.0, 5, False),  # of five problems even none is no proof: 43 % at the most
        (0.9, 0.0, None, True),
    ],
)
def test_near_zero_is_five_points_beside_a_reward_of_a_half(
    reward: float, rate: float, problems: int | None, found: bool
) -> None:
    assert kinds(block(rewarded(reward, reward), [rate], problems)) == ["near_zero"] * found


def test_a_gap_that_widens_is_found_once_and_ends_when_the_score_follows() -> None:
    flat = np.full(20, 0.3)
    detector = Disagreement()
    (finding,) = detector.update(block(rewarded(0.3, 0.98), flat))
    assert finding.kind == "gap_widens"
    assert detector.now is not None
    assert "the change of the held-out score lies between " in finding.seen
    assert not kinds(block(rewarded(0.3, 0.98), np.linspace(0.3, 0.7, 20)))


def test_a_sum_of_parts_is_not_held_against_tests_and_its_correct_part_is() -> None:
    high, low = rewarded(0.9, 0.9), rewarded(0.1, 0.1)
    parts, right = {"rewards/format/mean": high, "rewards/length/mean": high}, "rewards/correctness/mean"
    assert not kinds(block(high, np.zeros(3), parts=parts))
    assert kinds(block(high, np.zeros(3), parts={**parts, right: high})) == ["near_zero"]
    assert not kinds(block(high, np.zeros(3), parts={**parts, right: low}))


@pytest.mark.parametrize(("start", "end", "rate"), [(0.9, 0.9, 0.0), (0.3, 0.98, 0.3)])
def test_a_reward_beyond_a_share_is_not_held_against_tests(start: float, end: float, rate: float) -> None:
    reward = rewarded(start, end)
    assert kinds(block(reward, np.full(20, rate)))
    assert not kinds(block(Points(reward.step, 2.0 * reward.value), np.full(20, rate)))


def test_what_comes_after_an_evaluation_changes_nothing_that_was_found_at_it() -> None:
    whole = block(rewarded(0.3, 0.98), np.full(20, 0.3))
    live, found = Disagreement(), []
    reward = whole.metrics["reward"]
    for step in range(EVERY * 20 + 1):
        now = Points(reward.step[step : step + 1], reward.value[step : step + 1])
        due = [one for one in whole.evaluations if one.step == step]
        found += live.update(Block({"reward": now} if step % 2 else {}, evaluations=due)) if step % 2 else []
        if step % 2 == 0:
            found += live.update(Block(evaluations=due))
            found += live.update(Block({"reward": now}))
    assert found == fold([Disagreement()], [whole])


def run_of(reward: Points, rates: Any, key: str = "eval/pass@1") -> Run:
    steps = EVERY * np.arange(1, len(rates) + 1)
    held = Series(key, steps, np.array(rates, dtype=float), problems=np.full(len(rates), 200.0))
    metrics = {key: held, "reward": Series("reward", reward.step, reward.value)}
    return Run("made", "memory", "test", metrics, {"held_out": key, "reward": "reward"})


def test_a_disagreement_is_a_state_that_hides_no_fall() -> None:
    zero = heldout.diagnose(run_of(rewarded(0.95, 0.95), [0.0]))
    assert (zero.state, zero.label, zero.fell) == (State.DISAGREE, "near zero from the start", False)
    wider = heldout.diagnose(run_of(rewarded(0.3, 0.98), np.full(20, 0.3)))
    assert (wider.state, wider.label) == (State.DISAGREE, "the gap widens")
    assert "The held-out score is level since step" in wider.sentence
    assert wider.recommended is not None
    fallen = heldout.diagnose(run_of(rewarded(0.3, 0.98), [*np.full(10, 0.5), *np.full(10, 0.2)]))
    assert fallen.state is State.OVER_OPTIMISED


def test_an_all_zero_evaluation_beside_a_low_reward_is_too_hard() -> None:
    verdict = heldout.diagnose(run_of(rewarded(0.02, 0.2), np.zeros(12)))
    assert verdict.state is State.CANNOT_TELL
    assert "Evaluate on easier problems." in verdict.sentence


def test_the_same_reward_on_other_prompts_cannot_disagree_with_itself() -> None:
    run = run_of(rewarded(0.9, 0.9), np.zeros(12), "eval_reward")
    verdict = heldout.diagnose(run)
    assert verdict.state is not State.DISAGREE
    assert not any(finding.detector == "disagreement" for finding in verdict.findings)
    assert block_of(run).evaluations
