"""Which column plays which part: by its words, by how often it is measured, and by what else is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.metrics import (
    Unit,
    choose,
    choose_roles,
    differs,
    is_of_evaluations,
    is_reward_elsewhere,
    repeats,
    unit_of,
)
from heldout.run import NO_STEPS, Run, Series
from heldout.stats.arrays import FloatArray, IntArray

ROWS = 100


@dataclass
class Column:
    step: IntArray
    value: FloatArray


def column(every: int = 1, low: float = 0.0, high: float = 1.0, seed: int = 0) -> Column:
    step = np.arange(0, ROWS, every)
    return Column(step, np.random.default_rng([seed, every]).uniform(low, high, len(step)))


def columns(**every: int) -> dict[str, Column]:
    """Return columns by key: each measured at every so many rows; "__" stands for "/"."""
    named = ((key.replace("__", "/"), often) for key, often in every.items())
    return {key: column(often, seed=at) for at, (key, often) in enumerate(named)}


def roles_of(*keys: str | tuple[str, int]) -> dict[str, str]:
    """Return the roles of columns that are measured at each row, or at every so many."""
    every = dict((key, 1) if isinstance(key, str) else key for key in keys)
    return dict(choose({key: column(often, seed=at) for at, (key, often) in enumerate(every.items())}).roles)


@pytest.mark.parametrize(("every", "taken"), [(1, False), (2, True), (20, True)])
def test_a_bare_accuracy_is_held_out_where_it_is_sparser_than_the_training(every: int, taken: bool) -> None:
    choices = choose(columns(reward=1, loss=1, accuracy=every))
    assert ("held_out" in choices.roles) is taken
    assert choices.columns["accuracy"].role == ("held_out" if taken else "score")
    assert not choices.columns["accuracy"].sure
    assert choices.near.get("held_out", ()) == (() if taken else ("accuracy",))


def test_a_bare_accuracy_is_held_out_where_nothing_is_trained() -> None:
    assert roles_of("accuracy", "n")["held_out"] == "accuracy"
    assert "held_out" not in roles_of("accuracy", "reward", "n_samples")
    assert roles_of("pass_at_k/1", "avg_reward", "num_examples")["held_out"] == "pass_at_k/1"


@pytest.mark.parametrize(
    ("score", "taken"), [("eval_pass_rate", True), ("eval_solve_rate", True), ("eval_accuracy", False)]
)
def test_problems_that_are_solved_are_judged_even_beside_a_loss_of_evaluations(score: str, taken: bool) -> None:
    assert (roles_of("loss", "grad_norm", ("eval_loss", 10), (score, 10)).get("held_out") == score) is taken


@pytest.mark.parametrize("factor", [1.0, 100.0])
def test_what_only_repeats_the_reward_is_no_evidence(factor: float) -> None:
    reward, every = column(), np.arange(0, ROWS, 10)
    copy = Column(every, factor * reward.value[every])
    assert repeats(copy, reward)
    choices = choose({"reward": reward, "loss": column(seed=5), "accuracy": copy, "eval_acc": copy})
    assert "held_out" not in choices.roles
    assert choices.columns["accuracy"].reason == "only repeats the reward, reward"
    moved = Column(every, copy.value + 0.01)
    assert choose({"reward": reward, "accuracy": moved}).roles["held_out"] == "accuracy"


def test_a_constant_column_and_two_values_repeat_nothing() -> None:
    steps = np.arange(5)
    assert not repeats(Column(steps, np.ones(5)), Column(steps, np.ones(5)))
    assert not differs(Column(steps, np.ones(5)), Column(steps, np.ones(5)))
    assert not repeats(Column(steps[:2], np.array([0.1, 0.2])), Column(steps, np.linspace(0.1, 0.5, 5)))
    assert differs(Column(np.array([1, 9]), np.ones(2)), Column(steps, np.ones(5)))


@pytest.mark.parametrize(
    "keys",
    [
        ("loss", "mean_token_accuracy", "entropy", "num_tokens", ("eval_loss", 10), ("eval_mean_token_accuracy", 10)),
        ("loss", "rewards/chosen", "rewards/rejected", "rewards/accuracies", ("eval_rewards/accuracies", 10)),
        ("loss", "accuracy", "margin", "mean_reward", ("eval_accuracy", 10), ("eval_loss", 10)),
        ("train_loss", "train_acc", "val_loss", "val_acc"),
        ("train/loss", "lr", ("val/bpb", 10), ("chatcore/GSM8K", 20)),
        ("loss", "accuracy", "rewards/margins"),
        ("loss", "accuracy", ("eval_accuracy", 10)),
        ("loss", "grad_norm", "learning_rate", ("eval_rewards/accuracies", 10)),
        (("eval_rewards/accuracies", 10),),
    ],
)
def test_supervised_and_preference_training_have_no_reward_and_no_held_out_score(
    keys: tuple[str | tuple[str, int], ...],
) -> None:
    assert not {"reward", "held_out"} & roles_of(*keys).keys()


@pytest.mark.parametrize(
    ("keys", "held_out"),
    [
        (("reward", "batch_accuracy", "rollout/accuracy", "reward/hard_pass_rate", "passrate/pass@1"), None),
        (("reward", "step_accuracy", ("final_answer_accuracy", 10)), "final_answer_accuracy"),
        (("reward", "best_train_accuracy", ("final_validation_accuracy", 5)), "final_validation_accuracy"),
        (("objective/scores", "val/clipfrac_avg", "val/ratio", "val/good_outputs_rate"), None),
        (("reward", "public_pass_rate", "hidden_pass_rate"), "hidden_pass_rate"),
        (("reward", ("eval_loss", 10)), None),
        (("reward", ("eval_ppl", 10)), "eval_ppl"),
        (("reward", ("val/time", 10), ("val/num_samples", 10), ("val/format_reward", 10)), None),
        (("reward", ("eval_format_rate", 10), ("eval_answer_rate", 10)), "eval_answer_rate"),
        (
            ("critic/score/mean", ("val-core/a/acc/mean@8", 100), ("val-aux/a/reward/mean@8", 10)),
            "val-aux/a/reward/mean@8",
        ),
        (("reward", ("eval/accuracy", 50), ("eval/f1", 5)), "eval/f1"),
        (("reward", ("eval/accuracy", 20), ("eval/f1", 5)), "eval/accuracy"),
        (("reward", ("eval_reward", 10), ("eval/accuracy", 10)), "eval/accuracy"),
        (("rollout_scores/mean", ("reward/mean", 20)), "reward/mean"),
        (("losses/loss_cql", "losses/loss", ("reward/mean", 20)), "reward/mean"),
        (("reward", ("eval/tool_call_success", 10), ("eval/task_success", 10)), "eval/task_success"),
    ],
)
def test_the_held_out_score_is_never_of_the_training(
    keys: tuple[str | tuple[str, int], ...], held_out: str | None
) -> None:
    assert roles_of(*keys).get("held_out") == held_out


@pytest.mark.parametrize(
    ("keys", "reward"),
    [
        (("critic/rewards/mean", "critic/score/mean"), "critic/score/mean"),
        (("train/return", "train/reward", "values"), "train/reward"),
        (("rollout/rewards", "rollout/raw_reward", "rollout/returns"), "rollout/raw_reward"),
        (("ppo/actor/final_reward/avg", "rollout/reward"), "rollout/reward"),
        (("final_reward", "hard_reward", "compile_score"), "final_reward"),
        (("reward/total", "reward/correct", "reward/format"), "reward/total"),
        (("mean_accuracy_reward", "mean_format_reward"), "mean_accuracy_reward"),
        (("reward/solver/mean", "reward/solver/std"), "reward/solver/mean"),
        (("reward/a", "reward/b"), None),
        (("reward_s", "reward_lo", "best_reward", "kl_reward"), None),
        (("gold_reward", "proxy_reward"), "proxy_reward"),
    ],
)
def test_the_reward_is_the_whole_and_the_raw_one(keys: tuple[str, ...], reward: str | None) -> None:
    assert roles_of(*keys, "loss").get("reward") == reward


@pytest.mark.parametrize("prefix", ["", "ray/tune/", "train/", "trainer/", "charts/"])
def test_a_prefix_changes_no_role(prefix: str) -> None:
    keys = ("episode_reward_mean", "episode_len_mean", "evaluation/episode_reward_mean")
    roles = roles_of(prefix + keys[0], prefix + keys[1], (prefix + keys[2], 5))
    assert [roles[role].removeprefix(prefix) for role in ("reward", "length", "held_out")] == list(keys)


def test_samples_of_one_problem_set_are_one_measurement() -> None:
    sets = ("aime", "math500")
    of = ("acc/mean@8", "acc/maj@8/mean", "acc/best@8/mean", "acc/worst@8/mean", "acc/std@8")
    keys = [f"val-{part}/{name}/{what}" for name in sets for part in ("core", "aux") for what in of]
    made = {"critic/score/mean": column()} | {key: column(10, seed=at) for at, key in enumerate(keys)}
    assert choose(made).held_out == ("val-core/aime/acc/mean@8", "val-core/math500/acc/mean@8")


def test_passes_of_more_samples_spreads_and_equal_columns_are_no_further_scores() -> None:
    made = columns(reward=1, eval__em=10, eval__f1=10) | {f"test_pass@{k}": column(10, seed=40 + k) for k in (1, 4, 16)}
    made |= {"eval/em__MIN": column(10, seed=31), "eval/em__MAX": column(10, seed=32), "eval/copy": made["eval/em"]}
    assert set(choose(made).held_out) == {"eval/em", "eval/f1", "test_pass@1"}


def test_a_reward_function_that_is_the_whole_reward_counts_once() -> None:
    evaluated = column(10, seed=3)
    made = {"reward": column(), "eval_reward": evaluated, "eval_rewards/check/mean": evaluated}
    choices = choose(made)
    assert (choices.roles["held_out"], choices.held_out) == ("eval_reward", ("eval_reward",))


def test_a_guessed_score_that_is_no_share_is_not_among_others() -> None:
    made = columns(reward=1, eval__accuracy=10, eval__novel=10) | {"eval/other": column(10, 300.0, 900.0)}
    assert choose(made).held_out == ("eval/accuracy", "eval/novel")


def test_a_file_of_evaluations_holds_held_out_scores() -> None:
    made = columns(episode_return=1, episode_length=1)
    assert "held_out" not in choose(made).roles
    choices = choose(made, evaluation=True)
    assert choices.roles["held_out"] == "episode_return"
    assert not {"reward", "length"} & choices.roles.keys()
    assert is_of_evaluations(PurePath("out/evaluator.csv"))
    assert not is_of_evaluations(PurePath("out/test.csv"))
    assert not is_of_evaluations(PurePath("evals"))


@pytest.mark.parametrize("key", ["eval/accuracy", "eval/acc_std", "eval_on_train_set/accuracy", "policy_loss"])
def test_what_columns_say_of_themselves_counts_more_than_the_name_of_the_file(key: str) -> None:
    steps = np.arange(20)
    made = {"reward": Column(steps, np.sqrt(steps)), key: Column(steps[::5], np.cos(steps[::5]))}
    choices = choose(made, evaluation=True)
    assert choices.roles["reward"] == "reward"
    assert "reward" not in choices.held_out


@pytest.mark.parametrize("key", ["eval_reward", "test/reward", "evaluation/episode_return_mean", "val/avg_reward"])
def test_the_reward_on_other_prompts_is_known_as_such(key: str) -> None:
    assert is_reward_elsewhere(key)


@pytest.mark.parametrize(
    "key", ["gold_reward", "eval/accuracy", "val/accuracy_reward", "reward", "val-core/a/reward/mean@1"]
)
def test_another_judge_is_not_the_reward(key: str) -> None:
    assert not is_reward_elsewhere(key)


@given(st.dictionaries(st.text(max_size=12), st.integers(0, 30), max_size=12))
def test_every_role_is_played_by_a_column_that_has_values(points: dict[str, int]) -> None:
    roles = choose_roles(points, lambda one, other: False)
    assert all(points[key] for key in roles.values())


@pytest.mark.parametrize(
    ("key", "low", "high", "unit"),
    [
        ("eval/accuracy", 0.2, 0.7, Unit.SHARE),
        ("eval/accuracy", 12, 61, Unit.PERCENT),
        ("eval/accuracy", 0.2, 1.2, Unit.SCORE),
        ("val-aux/a/reward/mean@16", -0.8, -0.4, Unit.SCORE),
        ("val-core/a/reward/mean@1", 0.3, 0.4, Unit.SHARE),
        ("eval_reward", 0.1, 0.9, Unit.SCORE),
        ("gold_reward", 0.1, 0.9, Unit.SCORE),
        ("val_error_rate", 0.1, 0.9, Unit.SHARE),
        ("dev_wer", 12, 30, Unit.PERCENT),
        ("eval_ppl", 0.2, 0.9, Unit.SCORE),
        ("elo", 0.2, 0.9, Unit.SCORE),
        ("true_score", 0.2, 0.9, Unit.SHARE),
        ("true_score", 2, 9, Unit.SCORE),
        ("eval_correct", 60, 95, Unit.SCORE),
        ("eval_correct", 0.1, 0.7, Unit.SHARE),
        ("humaneval", 0.1, 0.7, Unit.SHARE),
        ("Pass Rate (%)", 0.0, 1.0, Unit.PERCENT),
    ],
)
def test_a_share_says_so_and_stays_within_its_limits(key: str, low: float, high: float, unit: Unit) -> None:
    series = Series(key, np.arange(2), np.array([low, high]))
    assert Run("r", "r", "made", {key: series}).unit(key) is unit


def test_a_metric_without_values_is_a_plain_score() -> None:
    run = Run("r", "r", "made", {"eval_acc": Series("eval_acc", NO_STEPS, np.empty(0))})
    assert run.unit("eval_acc") is run.unit("none") is Unit.SCORE


def test_a_score_that_says_only_whose_it_is_is_taken_as_a_guess() -> None:
    choices = choose(columns(reward=1, eval__novel=10))
    assert choices.roles["held_out"] == "eval/novel"
    assert not choices.columns["eval/novel"].sure
    assert choose(columns(reward=1, eval__accuracy=10)).columns["eval/accuracy"].sure


@pytest.mark.parametrize(("largest", "role"), [(2.0, ""), (2.5, "length")])
def test_a_letter_is_no_length_where_it_may_be_a_temperature(largest: float, role: str) -> None:
    held = Column(np.arange(3), np.array([0.5, 1.0, largest]))
    assert choose({"T": held, "reward": column()}).columns["T"].role == role


def test_a_bare_accuracy_beside_a_rate_of_harm_is_named() -> None:
    choices = choose(columns(reward=1, loss=1, accuracy=1, heldout_violation_rate=1))
    assert choices.roles["held_out"] == "heldout_violation_rate"
    assert choices.near["held_out"] == ("accuracy",)
    assert "held_out" not in choose(columns(reward=1, loss=1, accuracy=1, eval_accuracy=1)).near
    assert "held_out" not in choose(columns(reward=1, loss=1, accuracy=1, heldout_violation_rate=2)).near


@pytest.mark.parametrize("key", ["mean 100 episode reward", "eprewmean", "eprew", "epret", "avg_reward_100"])
def test_rewards_of_the_last_episodes_are_rewards(key: str) -> None:
    assert roles_of(key, "entropy")["reward"] == key


@pytest.mark.parametrize("key", ["avg_queue_length", "route_length", "pole_length", "context_length"])
def test_lengths_of_other_things_are_no_length_of_responses(key: str) -> None:
    assert "length" not in roles_of("reward", key)


def test_a_loss_of_a_policy_is_no_supervised_training() -> None:
    assert (
        roles_of("pg_loss", "v_loss", ("eval/v_loss", 10), ("eval_success_mean", 10))["held_out"] == "eval_success_mean"
    )
    assert "held_out" not in roles_of("loss", ("eval/loss", 10), ("eval_accuracy", 10))


def test_supervised_training_has_no_near_reward() -> None:
    assert choose(columns(loss=1, eval_loss=10, mean_token_accuracy=1)).near["reward"] == ()


@pytest.mark.parametrize("factor", [1.0, 100.0, 0.01])
def test_a_copy_of_the_reward_in_percent_or_as_a_share_is_a_copy(factor: float) -> None:
    reward = column()
    assert repeats(Column(reward.step[::3], factor * reward.value[::3]), reward)
    assert differs(Column(reward.step[::3], 2 * factor * reward.value[::3]), reward)


def test_the_mean_of_samples_comes_before_their_vote() -> None:
    verl = [f"val-aux/aime_2024/reward/{what}" for what in ("maj@16/mean", "best@16/mean", "mean@16")]
    assert roles_of("critic/score/mean", *((key, 10) for key in verl))["held_out"] == verl[-1]


def test_a_smoothed_copy_is_no_score() -> None:
    assert roles_of("reward", ("val/score_moving_avg", 5), ("val/score", 5))["held_out"] == "val/score"


def test_reinforcement_with_pairs_of_preferences_has_a_reward() -> None:
    pairs = ("loss", "rewards/margins", "objective/scores")
    assert roles_of(*pairs, "objective/kl")["reward"] == "objective/scores"
    assert "reward" not in roles_of("loss", "rewards/margins", "mean_reward")


def test_statistics_of_a_value_function_are_no_evaluation() -> None:
    assert "held_out" not in roles_of("objective/kl", "env/reward_mean", "ppo/val/error", "ppo/val/vpred")


def test_lengths_of_the_rollouts_under_val_are_lengths() -> None:
    assert roles_of("objective/kl_avg", "scores", "val/sequence_lengths")["length"] == "val/sequence_lengths"


@pytest.mark.parametrize(("key", "unit"), [("eval_correct_pct", Unit.PERCENT), ("eval_correct", Unit.SCORE)])
def test_how_many_are_right_is_no_share_unless_it_says_percent(key: str, unit: Unit) -> None:
    assert unit_of(key, 10.0, 80.0) is unit


def test_of_what_verl_logs_neither_spreads_nor_turns_are_taken_for_more() -> None:
    turns = [f"val-aux/num_turns/{what}" for what in ("min", "max", "mean")]
    roles = roles_of(
        "critic/score/mean", "critic/score/max", ("val-core/gsm8k/acc/mean@1", 5), *((k, 5) for k in turns)
    )
    assert roles["held_out"] == "val-core/gsm8k/acc/mean@1"
    assert "spread_of_another" not in roles
    assert {unit_of(key, 2.0, 2.0) for key in turns} == {Unit.SCORE}
    assert unit_of("val-aux/gsm8k/reward/mean@1", 0.2, 0.7) is Unit.SHARE


def test_a_private_score_beside_a_public_one_is_held_out() -> None:
    assert roles_of("reward", "public_score", ("private_score", 5))["held_out"] == "private_score"


@pytest.mark.parametrize(
    "keys", [("loss", ("pass_rate", 10), ("eval_accuracy", 10)), ("train_acc", "loss", "test_acc")]
)
def test_a_loss_beside_other_accuracies_is_no_sign_of_labels(keys: tuple[str | tuple[str, int], ...]) -> None:
    assert "held_out" in roles_of(*keys)


@pytest.mark.parametrize(("factor", "decimals", "copy"), [(1, 2, True), (100, 0, True), (0.01, 4, True), (1, 0, False)])
def test_a_rounded_copy_is_a_copy_where_the_rounding_is_small(factor: float, decimals: int, copy: bool) -> None:
    reward = column()
    rounded = Column(reward.step[::3], np.round(factor * reward.value[::3], decimals))
    assert repeats(rounded, reward) is copy
    shaken = Column(rounded.step, np.round(rounded.value + factor * 0.02 * np.cos(rounded.step), decimals))
    assert not repeats(shaken, reward)


def test_a_score_is_a_copy_of_a_reward_that_was_rounded_itself() -> None:
    score = column()
    reward = Column(score.step, np.round(score.value, 2))
    assert repeats(Column(score.step[::3], score.value[::3]), reward)


def test_what_differs_goes_on_to_differ_whatever_comes_later() -> None:
    """A score with few decimals comes near a reward by chance; once it is further away than they allow, it is told."""
    rng, told = np.random.default_rng(4), 0
    for decimals in (0, 1, 2, 3):
        for _ in range(40):
            reward = Column(np.arange(30), rng.random(30))
            near = reward.value + rng.normal(0.0, 0.3 * 10.0**-decimals, 30)
            score = Column(reward.step, np.where(np.arange(30) < 20, near.round(decimals), near))
            apart = [differs(Column(score.step[:n], score.value[:n]), reward) for n in range(1, 31)]
            assert apart == sorted(apart)
            told += apart[-1]
    assert told == 160


def test_few_agreements_within_the_rounding_are_chance() -> None:
    reward = column()
    assert not repeats(Column(reward.step[:5], reward.value[:5].round(2)), reward)


def test_proxy_and_gold_say_what_they_are_beside_each_other() -> None:
    chosen = choose(columns(proxy=1, gold=1, kl=1))
    assert (chosen.roles["reward"], chosen.roles["held_out"]) == ("proxy", "gold")
    assert not chosen.columns["gold"].sure
    for alone in ("proxy", "gold"):  # of a game, or of a network
        chosen = choose(columns(**{alone: 1, "kl": 1}))
        assert not chosen.roles.keys() & {"reward", "held_out"}


def test_a_bare_length_that_never_moves_is_of_something_else() -> None:
    step = np.arange(9)
    still, moving = Column(step, np.full(9, 256.0)), Column(step, np.linspace(200, 300, 9))
    reward = column()
    assert "length" not in choose({"reward": reward, "length": still}).roles
    assert choose({"reward": reward, "length": moving}).roles["length"] == "length"
    assert choose({"reward": reward, "completion_length": still}).roles["length"] == "completion_length"


def test_what_counts_evaluations_is_no_score_of_theirs() -> None:
    step = np.arange(1, 11)
    counting, measured = Column(step, np.arange(10.0)), Column(step, np.linspace(0.7, 0.8, 10))
    assert "held_out" not in choose({"eval_iter": counting}).roles
    assert choose({"eval_iter": counting, "agreement_heldout": measured}).roles["held_out"] == "agreement_heldout"
    assert choose({"eval_zebra": Column(step, np.arange(10.0) ** 2)}).roles["held_out"] == "eval_zebra"
    assert choose({"eval_solved": counting}).roles["held_out"] == "eval_solved"  # its name says what it is


def test_the_name_of_a_file_alone_makes_no_score_of_what_nobody_knows() -> None:
    assert "held_out" not in choose(columns(dz=1, p_holm=1), evaluation=True).roles
    assert choose(columns(dz=1, accuracy=1), evaluation=True).roles["held_out"] == "accuracy"


def test_a_score_on_the_rows_of_a_loss_of_the_training_is_of_its_batches() -> None:
    kept = columns(kl=1, entropy=1, avg_loss=10, acc=10)
    chosen = choose(kept)
    assert "held_out" not in chosen.roles
    assert "avg_loss" in chosen.columns["acc"].reason
    assert "acc" in chosen.near["held_out"]
    assert choose(columns(kl=1, entropy=1, avg_loss=1, acc=10)).roles["held_out"] == "acc"
    assert choose(columns(kl=1, entropy=1, loss=10, acc=10)).roles["held_out"] == "acc"  # of whatever the loss is
