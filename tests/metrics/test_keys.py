"""Keys taken apart into words: what is spelled differently and says the same is read the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.metrics import Better, better_of, meaning_of
from heldout.metrics.keys import Side, side_of, words_of

SPELLINGS = {
    "held_out": "eval/pass_at_1 evalPassRate valid_acc valid/accuracy acc/valid test_acc_mean "
    "heldout/score held-out/exact_match dev/f1 gold_acc oracle_score "
    "hidden_tests_pass_rate eval_bleu val/rougeL eval_wer "
    "test/cer eval_loglikelihood aime_2025 AIME25/pass@1 math_500 MATH500/avg@4 LiveCodeBench "
    "gpqa_diamond swe_bench_verified HumanEval+ mbpp_plus/pass@1 evaluation/success_rate "
    "eval/win_rate_vs_base validation_accuracy val_reward eval/return_mean eval_mean_return "
    "eval/episodic_return test/mean_reward 验证集准确率 测试通过率 测试奖励 Testgenauigkeit Validierungsgenauigkeit "
    "evalScore eval/solved eval/correct_rate unseen_accuracy ood/success true_return groundtruth_score "
    "eval_regret val_perplexity test_ppl val/bpb eval/mean@16 "
    "val-core/DAPO/acc/mean@16 val-core/lighteval/MATH/reward/mean_at_4 holdout_pass_rate evalReturn "
    "ray/tune/evaluation/env_runners/episode_return_mean train/eval/accuracy trainer/val_acc "
    "eval/gsm8k/flexible-extract eval_gsm8k eval/aime25 monitor/acc dev_em final_validation_accuracy "
    "eval/Pass@4 pass@1/eval score/test hidden_accuracy eval/all_correct",
    "train_pass_rate": "train/acc train_success rollout/pass_rate batch/accuracy actor/accuracy group_solve_rate "
    "sample_accuracy train_acc_epoch rollout/success_rate critic/acc trainAccuracy "
    "acc_train batch_success passrate/pass@8 reward/avg_pass_at_4",
    "score": "accuracy acc pass_rate success_rate solve_rate pass@1 pass@k/4 correct_rate win_rate id_accuracy em f1",
    "reward": "reward rewards mean_reward reward_avg avg_return episode_return episodic_return rollout/mean_reward "
    "train/avg_reward charts/episodic_return env_runners/episode_return_mean total_reward reward/total "
    "rew_mean ep_rew_mean rollout/ep_rew_mean meanReward 平均奖励 训练奖励 奖励 mittlere_Belohnung Belohnung "
    "proxy_reward rm_score train_reward_mean task_reward/avg reward_score critic/rewards/mean raw_reward "
    "r train/return step_reward score train/score rollout/raw_reward trainer/reward objective/scores "
    "objective/rlhf_reward agent/reward batch_reward mean_episode_reward cumulative_reward",
    "reward_component": "reward/format rewards/accuracy_reward/mean reward/correctness format_reward "
    "reward_length_penalty "
    "length_reward rewards/xmlcount r_format kl_reward reward/style_bonus accuracy_reward",
    "length": "length len response_length mean_response_length completion_length gen_len "
    "mean_gen_length avg_tokens "
    "tokens/mean response_tokens num_output_tokens/mean generated_tokens_mean seq_len sequence_length "
    "episode_length ep_len_mean rollout/ep_len_mean output_len avg_output_tokens completions/mean_length "
    "rollout/response_len/mean charts/episodic_length lens_stat/mean meanResponseLength 平均长度 回复长度 "
    "Antwortlänge generation_length/avg length/mean response_len mean_completion_tokens "
    "tokens_per_response",
    "kl_reference": "kl kl_div kl_divergence mean_kl train/kl kl/mean KL kl_ref ref_kl kl_to_ref "
    "kl_loss actor/kl_loss "
    "objective/kl avg_kl KL散度 klDivergence policy/policy_kl kl_from_init kls",
    "kl_policies": "approx_kl ppo_kl actor/ppo_kl old_approx_kl approx_policy_kl kl_old policy/approxkl_avg "
    "losses/approx_kl approxkl",
    "entropy": "entropy policy_entropy actor/entropy_loss train/ent losses/entropy policyEntropy 熵 entropy/mean",
    "grad_norm": "grad_norm gnorm gradient_norm gradNorm optim/grad_norm train/grad_norm total_grad_norm "
    "actor/grad_norm/mean global_grad_norm",
    "learning_rate": "lr learning_rate learningRate train/lr actor/lr optim/lr 学习率 lr_actor cur_lr",
    "truncation": "truncated truncation_rate completions/clipped_ratio response_length/clip_ratio trunc_frac "
    "truncated_fraction response/truncated",
    "clip_fraction": "clip_ratio clip_frac clipfrac actor/pg_clipfrac train/clip_fraction "
    "ppo_clip_ratio clipFraction "
    "policy/clipfrac_avg",
    "held_out_length": "eval_length eval/response_length/mean val/avg_len eval_completions/mean_length test_len "
    "eval/mean_tokens",
    "evaluation_detail": "eval_format_rate eval/kl eval_entropy val/format_reward eval/parse_rate eval_truncated "
    "eval/num_turns/mean eval_tool_call_rate",
    "time": "step_time eval_runtime time/rollout samples_per_second timing_s/gen reward_time eval_duration reward_s",
    "spread_of_another": "reward_max reward/min eval_acc_std eval/accuracy__MIN eval/accuracy__MAX "
    "best_val_acc best_reward "
    "eval_acc_lo eval_acc_hi heldout_pass1_ci_low val_acc_upper acc_p90 reward_ema peak_eval_score",
    "evaluation_size": "n_eval eval_n heldout_n eval/num_examples eval_total num_eval_problems "
    "eval_size n_problems "
    "test/num_samples eval_num_samples val_count",
    "loss": "loss policy_loss train_loss eval_loss val/loss value_loss",
    "value_function": "values/mean explained_variance critic/values/mean vf_explained_var VVals val_pred",
    "token_accuracy": "mean_token_accuracy eval_mean_token_accuracy token_accuracy_train",
}


@pytest.mark.parametrize(("meaning", "key"), [(name, key) for name, keys in SPELLINGS.items() for key in keys.split()])
def test_a_key_means_what_its_words_say(meaning: str, key: str) -> None:
    match = meaning_of(key)
    assert match is not None
    assert match.meaning.name == meaning


LOWER = (
    "eval_loss eval/perplexity val_error_rate dev_wer test_regret eval_ppl val/bpb "
    "eval_error ece eval/nll test_mse "
    "heldout_violation_rate eval/false_refusal eval_toxicity test/hallucination_rate eval/fail_rate eval/hack_rate "
    "eval_brier val/edit_distance eval/cost eval/attack_success_rate test/jailbreak_success eval/over_refusal_rate "
    "eval/false_positive_rate eval/reward_hacking_rate evalCollisionRate eval/unsafe_responses "
    "eval_cer error_rate val_ece eval_rmse 测试错误率 Fehlerrate_Test eval_negative_log_likelihood"
)


@pytest.mark.parametrize("key", LOWER.split())
def test_errors_and_losses_are_better_when_lower(key: str) -> None:
    assert better_of(key) is Better.LOWER


HIGHER = (
    "eval_acc eval/logp eval_return elo gold_reward eval_success 验证准确率 eval/toxicity_detection_f1 "
    "eval/hack_accuracy "
    "eval/no_collision_rate eval/refusal_rate eval/harmful_refusal_rate eval/attack_resistance eval/safe_rate"
)


@pytest.mark.parametrize("key", HIGHER.split())
def test_scores_are_better_when_higher(key: str) -> None:
    assert better_of(key) is Better.HIGHER


WORDS = st.sampled_from(["eval", "val", "heldout"]), st.sampled_from(["accuracy", "reward", "score", "success"])


@given(WORDS[0], WORDS[1], st.sampled_from("_/-. "), st.booleans(), st.booleans())
def test_separators_order_and_case_change_nothing(side: str, what: str, between: str, last: bool, upper: bool) -> None:
    words = [what, side] if last else [side, what]
    joined = [between.join(words), words[0] + words[1].capitalize()]
    texts = [{word.text for word in words_of(key.upper() if upper and between in key else key)} for key in joined]
    assert texts == [{side, what}] * 2
    assert side_of(words_of(joined[0])) is Side.HELD_OUT


@pytest.mark.parametrize(
    ("key", "side"),
    [
        ("train/eval/accuracy", Side.HELD_OUT),  # a prefix
        ("eval/train_accuracy", Side.TRAINING),  # an evaluation on what was trained on
        ("eval-rollout/reward", Side.HELD_OUT),
        ("evaluation/env_runners/episode_return_mean", Side.HELD_OUT),
        ("reward/evaluate_response/avg_total_reward", Side.TRAINING),
        ("valid_acc", Side.HELD_OUT),
        ("actor/valid_sample_ratio", Side.TRAINING),
        ("frac_valid_json", Side.NONE),
        ("gold_reward", Side.JUDGE),
        ("true_positive_rate", Side.NONE),
        ("gsm8k_acc", Side.HELD_OUT),
        ("train/gsm8k_acc", Side.TRAINING),
        ("accuracy", Side.NONE),
    ],
)
def test_the_side_is_told_by_the_words_and_their_order(key: str, side: Side) -> None:
    assert side_of(words_of(key)) is side


@given(st.text(max_size=60))
def test_words_stand_in_the_key_in_order(key: str) -> None:
    words = words_of(key)
    assert all(0 <= word.start <= word.end <= len(key) for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)


@pytest.mark.parametrize("key", ["pass@8", "pass_at_8", "pass-at-8", "pass8", "pass_8", "pass_at_k/8", "Pass@8"])
def test_numbers_of_samples_are_read_in_every_spelling(key: str) -> None:
    assert [word.text for word in words_of(key)] == ["pass", "@8"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("eprewmean", "episode reward mean"),
        ("valacc", "val accuracy"),
        ("meanreward", "mean reward"),
        ("récompense moyenne", "reward mean"),
        ("exactitud_prueba", "accuracy test"),
        ("検証正解率", "val accuracy"),
        ("応答長", "response length"),
        ("검증 정확도", "val accuracy"),
        ("timesteps", "timesteps"),
        ("contest", "contest"),
        ("global_seqlen", "global seqlen"),
    ],
)
def test_words_are_found_in_other_languages_and_written_together(key: str, words: str) -> None:
    assert " ".join(word.text for word in words_of(key)) == words


@pytest.mark.parametrize("key", ["rollout/unit_test_pass_rate", "unit_test_pass_rate", "public_test_pass_rate"])
def test_tests_of_a_program_are_no_held_out_problems(key: str) -> None:
    assert side_of(words_of(key)) is not Side.HELD_OUT
    assert side_of(words_of(f"heldout/{key}")) is Side.HELD_OUT


@pytest.mark.parametrize(
    ("key", "is_one"), [("ref_acc", False), ("baseline_acc", False), ("win_rate_vs_baseline", True), ("acc", True)]
)
def test_another_models_score_is_none_of_the_policy(key: str, is_one: bool) -> None:
    match = meaning_of(key)
    assert (match is not None and match.meaning.name == "score") is is_one
