"""What keys mean: one meaning or none, and the right one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.metrics import BY_NAME, MEANINGS, Better, Meaning, as_markdown, better_of, meaning_of

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"

TABLE = {
    "reward": [
        "reward",
        "train/reward",
        "critic/score/mean",
        "critic/rewards/mean",
        "objective/scores",
        "reward/mean",
        "train/rollout/reward_mean",
        "rollout/raw_reward",
        "reward/all/mean",
        "env/all/reward/total",
        "episode_reward_mean",
        "env_runners/episode_return_mean",
        "rollout/ep_rew_mean",
        "ray/tune/episode_reward_mean",
        "average reward score",
        "mean_episode_rewards",
        "Rewards/mean_episodes",
        "Reward Score",
        "rollout/rewards",
        "mean_reward",
        "train/mean_score",
        "rm_score",
        "episode_return",
        "r",
    ],
    "held_out": [
        "eval_reward",
        "eval_rewards/pass_reward/mean",
        "val/test_score/openai/gsm8k",
        "eval/eval_math_pass1",
        "val-core/openai/gsm8k/reward/mean@8",
        "eval/aime/effective/default/avg@4",
        "validation/accuracy",
        "test/env/all/reward/total",
        "evaluation/episode_reward_mean",
        "eval/mean_reward",
        "eval_pass_at_1",
        "humaneval_pass_at_1",
        "Test Pass@1",
        "gold_accuracy",
        "honest_accuracy",
        "eval/gsm8k-pass@8",
        "eval_answer_rate",
        "val_score",
        "val-aux/math500/reward/mean@16",
        "val-aux/math500/acc/maj@8/mean",
        "eval/aime",
        "val_error_rate",
    ],
    "score": ["pass@1", "Pass Rate (%)", "accuracy"],
    "token_accuracy": ["mean_token_accuracy"],
    "value_function": ["critic/values/mean", "values/mean", "losses/explained_variance"],
    "preference": ["rewards/chosen", "eval_rewards/margins"],
    "length": [
        "completions/mean_length",
        "completion_length",
        "response_length/mean",
        "rollout/response_len/mean",
        "train/rollout/response_length_mean",
        "train/mean_gen_tokens_per_sample",
        "env/all/ac_tokens_per_turn",
        "seq_len/mean",
        "episode_len_mean",
        "rollout/ep_len_mean",
        "Token Length",
        "Len/mean_episodes",
        "train/agg/effective/solver/num_output_tokens/mean",
        "avg_len",
    ],
    "held_out_length": ["eval_completions/mean_length", "validation/avg_length", "eval/mean_ep_length"],
    "kl_reference": ["kl", "train/kl", "objective/kl", "actor/kl_loss", "actor/reward_kl_penalty", "train/kl_loss"],
    "kl_policies": [
        "actor/ppo_kl",
        "policy/approxkl_avg",
        "train/approx_kl",
        "train/ppo_kl",
        "info/learner/default_policy/learner_stats/kl",
        "learners/default_policy/mean_kl_loss",
    ],
    "kl_sampler": ["mismatch_kl/all/mean", "train/gen_kl_error", "optim/kl_sample_train_v1"],
    "entropy": [
        "entropy",
        "actor/entropy_loss",
        "objective/entropy",
        "policy/entropy",
        "train/entropy_loss",
        "entropy/all/mean",
        "info/learner/default_policy/learner_stats/entropy",
        "learners/default_policy/entropy",
    ],
    "clip_fraction": [
        "clip_ratio",
        "clip_ratio/region_mean",
        "actor/pg_clipfrac",
        "train/clip_fraction",
        "policy/clipfrac_avg",
    ],
    "grad_norm": [
        "grad_norm",
        "actor/grad_norm",
        "train/grad_norm",
        "info/learner/default_policy/learner_stats/grad_gnorm",
    ],
    "zero_variance_groups": ["frac_reward_zero_std", "groups/dropped_zero_adv", "batch/solve_none"],
    "truncation": [
        "completions/clipped_ratio",
        "response_length/clip_ratio",
        "truncated_fraction",
        "rollout/truncated_ratio",
        "is_truncated/all/mean",
    ],
    "learning_rate": [
        "learning_rate",
        "actor/lr",
        "optim/lr",
        "lr",
        "info/learner/default_policy/learner_stats/cur_lr",
    ],
    "time": [
        "_timestamp",
        "wall_time",
        "step_time",
        "timing_s/gen",
        "time/total",
        "time_total_s",
        "eval_runtime",
        "train_steps_per_second",
        "perf/time_per_step",
    ],
    "train_pass_rate": ["train_pass_rate", "passrate/pass@4", "rollout/accuracy", "batch_accuracy"],
    "reward_std": ["reward_std", "critic/score/std"],
    "reward_component": [
        "train/agg/all/solver/reward/mean",
        "rewards/format/mean",
        "reward/style",
        "env/all/reward/format",
    ],
    "clip_fraction_low": ["clip_ratio/low_mean", "actor/pg_clipfrac_lower"],
    "clip_fraction_high": ["clip_ratio/high_mean"],
    "loss": [
        "loss",
        "train/loss",
        "actor/pg_loss",
        "critic/vf_loss",
        "Loss/pi",
        "act_loss",
        "eval_loss",
        "validation_loss",
        "info/learner/vf_loss",
        "loss/mean",
    ],
    "calibration_error": ["ece", "train/ece"],
    "tokens": ["num_tokens", "timesteps_total", "episodes", "global_seqlen/mean", "num_env_steps_sampled_lifetime"],
    "evaluation_size": ["n", "humaneval_problems", "passed"],
    "evaluation_detail": ["eval_entropy", "eval_format_rate"],
    "progress": ["epoch", "progress/step", "train/global_step", "total_flos", "training_iteration", "perf/mfu"],
    "spread_of_another": ["critic/score/max", "response_length/min"],
}


@pytest.mark.parametrize(("meaning", "key"), [(name, key) for name, keys in TABLE.items() for key in keys])
def test_each_trainers_key_has_its_meaning(meaning: str, key: str) -> None:
    match = meaning_of(key)
    assert match is not None
    assert match.meaning.name == meaning


@pytest.mark.parametrize("key", ["pylint_score", "G_smooth", "banana", "rollout_corr/chi2_token", ""])
def test_a_key_without_a_meaning_has_none(key: str) -> None:
    assert meaning_of(key) is None


def test_the_three_kls_are_three_meanings() -> None:
    found = [meaning_of(key) for key in ("kl", "actor/ppo_kl", "mismatch_kl/all/mean")]
    assert {one and one.meaning.name for one in found} == {"kl_reference", "kl_policies", "kl_sampler"}


@pytest.mark.parametrize(
    ("key", "benchmark"),
    [
        ("val-core/openai/gsm8k/reward/mean@8", "openai/gsm8k"),
        ("val/test_score/logic", "logic"),
        ("eval/eval_math_pass1", "math"),
        ("humaneval_pass_at_1", "humaneval"),
        ("eval_pass_at_1", ""),
    ],
)
def test_benchmarks_are_named(key: str, benchmark: str) -> None:
    match = meaning_of(key)
    assert match is not None
    assert match.benchmark == benchmark


def test_metrics_where_lower_is_better() -> None:
    assert better_of("eval_loss") is Better.LOWER
    assert better_of("test/wer") is Better.LOWER
    assert better_of("eval_error") is Better.LOWER
    assert better_of("accuracy") is Better.HIGHER


@given(st.text(max_size=200))
def test_any_text_is_classified_without_error(key: str) -> None:
    match = meaning_of(key)
    assert match is None or match.meaning in MEANINGS


def test_the_names_of_meanings_are_unique() -> None:
    assert len(BY_NAME) == len(MEANINGS)


@pytest.mark.parametrize("meaning", MEANINGS, ids=lambda meaning: meaning.name)
def test_each_meaning_is_said_by_a_key(meaning: Meaning) -> None:
    assert TABLE[meaning.name]


@pytest.mark.parametrize("meaning", MEANINGS, ids=lambda meaning: meaning.name)
def test_a_meaning_is_a_sentence_and_stands_in_the_docs(meaning: Meaning) -> None:
    assert meaning.definition[0].isupper()
    assert meaning.definition.endswith(".")
    assert f"\n## {meaning.name}\n\n{meaning.definition}" in PAGE.read_text()
    assert f"\n## {meaning.name}\n\n{meaning.definition}" in as_markdown()


@pytest.mark.parametrize(
    ("key", "meaning"),
    [
        ("rewards/tests/mean", "reward_component"),  # a reward function called tests is not the split called test
        ("train/rewards/heldout_bonus/mean", "reward_component"),
        ("eval_rewards/tests/mean", "held_out"),  # the same function on other prompts
        ("test/pass_rate", "held_out"),
        ("rollout/test_accuracy", "train_pass_rate"),  # the tests of sampled programs
        ("batch/test_pass_rate", "train_pass_rate"),
        ("rollout/eval_accuracy", "held_out"),
    ],
)
def test_what_a_reward_function_is_called_says_nothing_of_the_problems(key: str, meaning: str) -> None:
    match = meaning_of(key)
    assert match is not None
    assert match.meaning.name == meaning
