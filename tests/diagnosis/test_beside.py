"""What stands beside the held-out score: other columns that moved, and those that might be what was not recognised."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

import heldout
from heldout.diagnosis.beside import moved_beside, near_misses
from heldout.findings import State
from heldout.run import Note, NoteKind, Run, Series
from heldout.stats.arrays import FloatArray

_EVERY = 10 * np.arange(12)


def noise(count: int, by: float, seed: int) -> FloatArray:
    values: FloatArray = by * np.random.default_rng(seed).normal(size=count)
    return values


def run_of(evaluated: Mapping[str, FloatArray], dense: Mapping[str, FloatArray], **roles: str) -> Run:
    metrics = {key: Series(key, _EVERY[: len(value)], value) for key, value in evaluated.items()}
    metrics |= {key: Series(key, np.arange(len(value)), value) for key, value in dense.items()}
    return Run("made", "memory", "test", metrics, roles)


def same_judge(**other: FloatArray) -> Run:
    evaluated = {"eval_reward": np.linspace(0.2, 0.9, 12) + noise(12, 0.01, 0), **other}
    return run_of(evaluated, {"reward": np.linspace(0, 1, 120)}, reward="reward", held_out="eval_reward")


def test_a_score_that_is_the_reward_is_said_to_be_and_what_moved_beside_it_is_named() -> None:
    run = same_judge(eval_perplexity=np.linspace(4.0, 19.0, 12) + noise(12, 0.2, 1), eval_bleu=0.3 + noise(12, 0.02, 2))
    sentence = heldout.diagnose(run).sentence
    assert sentence.startswith("By the same reward, measured on other prompts (eval_reward): the held-out score")
    assert "Meanwhile eval_perplexity rises from 4." in sentence
    assert "error rate 0.05 for all of them together" in sentence
    assert "eval_bleu" not in sentence


def test_a_score_of_another_judge_has_no_such_line() -> None:
    metrics = {"eval_accuracy": np.linspace(0.2, 0.9, 12), "eval_perplexity": np.linspace(4.0, 19.0, 12)}
    run = run_of(metrics, {"reward": np.linspace(0, 1, 120)}, reward="reward", held_out="eval_accuracy")
    assert "same reward" not in heldout.diagnose(run).sentence


def test_clocks_counters_copies_and_short_columns_are_not_said_to_move() -> None:
    grows = np.linspace(1.0, 100.0, 12)
    run = same_judge(eval_runtime=grows, eval_num_tokens=grows, epoch=grows, eval_reward_std=grows)
    copied = dict(run.metrics)
    copied["eval_rewards/tests/mean"] = Series("eval_rewards/tests/mean", _EVERY, run["eval_reward"].value)
    copied["eval_kl"] = Series("eval_kl", _EVERY[:5], grows[:5])
    assert moved_beside(Run("r", "m", "t", copied, run.roles), "eval_reward") == ()


def test_level_columns_are_seldom_said_to_move() -> None:
    """Twenty level columns a run, all of them together asked at 5 %."""
    wrong = 0
    for seed in range(40):
        level = {f"eval_{name}": 1.0 + noise(12, 0.1, 1000 * seed + name) for name in range(20)}
        wrong += bool(moved_beside(same_judge(**level), "eval_reward"))
    assert wrong <= 6


def test_without_reward_and_score_there_is_no_rl_run() -> None:
    run = run_of({"eval_loss": np.linspace(2, 1, 12)}, {"loss": np.linspace(3, 1, 120), "grad_norm": np.ones(120)})
    verdict = heldout.diagnose(run)
    assert verdict.state is State.NO_EVIDENCE
    assert verdict.sentence.startswith("No RL run: no reward and no held-out score")
    assert any("--eval eval_loss" in line for line in verdict.advice)


def test_near_misses_are_named_with_the_flag_to_type() -> None:
    dense = {"foo/r": np.linspace(0, 1, 120), "my reward": np.linspace(0, 1, 120), "epoch": np.linspace(0, 1, 120)}
    run = run_of({"bar_quality": np.linspace(0, 1, 12)}, dense)
    assert near_misses(run, "held_out") == ["bar_quality"]
    assert near_misses(run, "reward") == ["foo/r", "my reward"]
    advice = heldout.diagnose(run).advice
    assert "If one of these columns is the held-out score, say so: --eval bar_quality." in advice
    assert "If one of these columns is the reward, say so: --reward foo/r, --reward 'my reward'." in advice


def test_a_column_that_plays_a_part_is_no_near_miss() -> None:
    run = same_judge()
    assert near_misses(run, "held_out") == []
    assert not any("--" in line for line in heldout.diagnose(run).advice)


def test_of_many_near_misses_a_few_are_named() -> None:
    run = run_of({f"quality_{k}": np.linspace(0, 1, 12) for k in range(9)}, {"reward": np.ones(120)}, reward="reward")
    (line,) = (line for line in heldout.diagnose(run).advice if "--eval" in line)
    assert line.count("--eval") == 5
    assert "(4 more: heldout columns)" in line


@pytest.mark.parametrize("key", ["eval_accuracy", "eval_reward"])
def test_of_rows_that_were_only_counted_nothing_is_said(key: str) -> None:
    value = np.concatenate([np.linspace(0.2, 0.8, 6), np.linspace(0.8, 0.1, 6)])
    series = Series(key, np.arange(12), value, problems=np.full(12, 500.0))
    told = Run("made", "memory", "test", {key: series}, {"held_out": key})
    assert heldout.diagnose(told).state is State.REGRESSED
    verdict = heldout.diagnose(Run("made", "memory", "test", {key: series}, {"held_out": key}, counted=True))
    assert (verdict.state, verdict.label) == (State.CANNOT_TELL, "rows without steps")
    assert verdict.recommended is None
    assert verdict.findings == ()


@pytest.mark.parametrize("lost", [False, True])
def test_a_log_whose_end_is_lost_is_judged_up_to_there(lost: bool) -> None:
    note = Note(NoteKind.DROPPED, "9 damaged bytes could not be read.", end_lost=lost)
    run = run_of({"eval_accuracy": np.linspace(0.2, 0.6, 12)}, {}, held_out="eval_accuracy")
    run = Run("made", "memory", "test", run.metrics, run.roles, (note,))
    sentence = heldout.diagnose(run).sentence
    assert sentence.count("The end of the log is lost: all this holds up to step 110.") == lost


def test_the_checkpoint_to_keep_is_named_with_its_place() -> None:
    value = np.linspace(0.2, 0.6, 12)
    metrics = {"eval_accuracy": Series("eval_accuracy", _EVERY, value)}
    places = {int(step): f"runs/a/checkpoint-{step}" for step in _EVERY}
    run = Run("made", "memory", "test", metrics, {"held_out": "eval_accuracy"}, checkpoints=places)
    verdict = heldout.diagnose(run)
    assert verdict.recommended is not None
    assert f"It lies in runs/a/checkpoint-{verdict.recommended.step}." in verdict.sentence
    assert "It lies in" not in heldout.diagnose(Run("made", "memory", "test", metrics, run.roles)).sentence


def test_a_score_at_nothing_under_a_high_reward_is_a_disagreement() -> None:
    metrics = {
        "eval/pass@1": Series("eval/pass@1", _EVERY, np.zeros(12), problems=np.full(12, 64.0)),
        "reward": Series("reward", np.arange(120), 0.9 + noise(120, 0.01, 3)),
    }
    run = Run("made", "memory", "test", metrics, {"held_out": "eval/pass@1", "reward": "reward"})
    verdict = heldout.diagnose(run)
    assert (verdict.state, verdict.label) == (State.DISAGREE, "near zero from the start")
    assert verdict.sentence.startswith(
        "The reward and the held-out score disagree. The last rewards average 0.90, and the held-out score is at most "
        "0 % at all 12 evaluations. The 95 % interval of 64 problems ends at 5.7 %, less than half of the reward."
    )
    assert verdict.advice[0].startswith("Read samples that the reward likes and the tests reject")
    assert "easier problems" not in verdict.sentence
    metrics["reward"] = Series("reward", np.arange(120), 0.02 + noise(120, 0.001, 3))
    assert "Evaluate on easier problems" in heldout.diagnose(Run("r", "m", "t", metrics, run.roles)).sentence
