"""Verdicts: on runs that are known, and on runs that say too little."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import heldout
from heldout.datasets.simulated import simulate
from heldout.detectors import falls_among
from heldout.detectors.base import block_of
from heldout.detectors.grouping import pooled
from heldout.detectors.overoptimisation import Level, OverOptimisation
from heldout.diagnosis.recommendation import checkpoint_to_keep
from heldout.findings import Onset, State, Verdict
from heldout.run import Evaluation, Outcomes, Run, Series
from heldout.stats.checkpoint import choose


def made(rates: np.ndarray, size: int | None = 300, reward: np.ndarray | None = None) -> Run:
    """A run with an evaluation every tenth step."""
    steps = np.arange(len(rates)) * 10
    sizes = None if size is None else np.full(len(rates), float(size))
    metrics = {"pass@1": Series("pass@1", steps, rates, problems=sizes)}
    roles = {"held_out": "pass@1"}
    if reward is not None:
        metrics["reward"] = Series("reward", np.arange(len(reward)), reward)
        roles["reward"] = "reward"
    return Run("made", "memory", "test", metrics, roles)


def judged(path: Path, **known: Any) -> Verdict:
    return heldout.diagnose(heldout.read(path, **known))


def test_without_a_held_out_score_there_is_no_evidence() -> None:
    run = Run("made", "m", "t", {"reward": Series("reward", np.arange(9), np.arange(9.0))}, {"reward": "reward"})
    verdict = heldout.diagnose(run)
    assert verdict.state is State.NO_EVIDENCE
    assert any(item.detector == "over_optimisation" for item in verdict.unchecked)
    assert "over-optim" not in verdict.sentence


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_evaluations_cannot_tell(count: int) -> None:
    verdict = heldout.diagnose(made(np.linspace(0.5, 0.1, count)))
    assert verdict.state is State.CANNOT_TELL
    assert "at least 4" in verdict.sentence


def test_a_fall_under_a_rising_reward_is_over_optimisation() -> None:
    rng = np.random.default_rng(0)
    rates = rng.binomial(300, np.concatenate([np.linspace(0.3, 0.5, 12), np.linspace(0.5, 0.2, 12)])) / 300
    verdict = heldout.diagnose(made(rates, reward=np.linspace(0, 1, 240) + rng.normal(0, 0.02, 240)))
    assert verdict.state is State.OVER_OPTIMISED
    assert verdict.onset is not None
    assert verdict.onset.low <= verdict.onset.step <= verdict.onset.high
    assert verdict.recommended is not None
    assert 80 <= verdict.recommended.step <= 150
    assert verdict.recommended.step in verdict.tied
    assert verdict.recommended.low < verdict.recommended.estimate < verdict.recommended.high


def test_a_score_that_comes_back_has_recovered() -> None:
    rng = np.random.default_rng(1)
    truth = np.concatenate([np.full(8, 0.5), np.linspace(0.5, 0.25, 6), np.linspace(0.25, 0.6, 10), np.full(6, 0.6)])
    verdict = heldout.diagnose(made(rng.binomial(500, truth) / 500, size=500))
    assert verdict.state is State.RECOVERED


def test_what_is_missing_is_said() -> None:
    verdict = heldout.diagnose(made(np.linspace(0.3, 0.5, 12), size=None))
    missing = " ".join(item.missing for item in verdict.unchecked)
    assert "--problems N" in missing
    assert "--reward KEY" in missing


def test_the_examples() -> None:
    kimi = heldout.diagnose(heldout.read("example:kimi-dev"))
    assert kimi.state is State.IMPROVING
    assert kimi.recommended is not None
    assert {180, 200} <= set(kimi.tied)
    assert kimi.recommended.step in kimi.tied
    deepseek = heldout.diagnose(heldout.read("example:deepseek-r1"))
    assert deepseek.recommended is not None
    assert 150 <= deepseek.recommended.step <= 450


@pytest.mark.parametrize(
    "name",
    [
        "exit-status-1.8pct-seed9",
        "exit-status-1pct-rl0",
        "exit-status-3pct-seed7",
        "reward-model-code-only",
        "reward-model-kl",
    ],
)
def test_hacked_runs_are_over_optimised(real_runs: Path, name: str) -> None:
    verdict = judged(real_runs / "tiny-rl" / f"{name}.csv", problems=256)
    assert verdict.state is State.OVER_OPTIMISED
    assert verdict.label == "confirmed, reward rising"


@pytest.mark.parametrize("name", ["honest-seed0", "honest-seed3", "exit-status-1pct-not-yet", "trl-grpo"])
def test_honest_runs_are_improving(real_runs: Path, name: str) -> None:
    verdict = judged(real_runs / "tiny-rl" / f"{name}.csv", problems=256)
    assert verdict.state is State.IMPROVING
    assert not any(finding.severity == "alarm" for finding in verdict.findings)


def test_a_reward_for_format_alone_is_over_optimised(real_runs: Path) -> None:
    verdict = judged(real_runs / "grpo-reward-vs-eval-json" / "format_only.json")
    assert verdict.state is State.OVER_OPTIMISED


@pytest.mark.parametrize(
    ("name", "problems"), [("humaneval-7b-r1", None), ("countdown-3b", 128), ("code-quality-test-only-7b", 100)]
)
def test_healthy_tables_raise_no_alarm(real_runs: Path, name: str, problems: int | None) -> None:
    verdict = judged(real_runs / "tables" / f"{name}.csv", problems=problems)
    assert not any(finding.severity == "alarm" for finding in verdict.findings)


def test_a_fall_just_short_of_proof_says_what_would_have_proved_it() -> None:
    verdict = heldout.diagnose(heldout.read("example:deepseek-r1", problems=500))
    assert verdict.state is State.CANNOT_TELL
    assert verdict.label == "just short of a fall, reward rising"
    assert "run-level p ≤ 0.1," in verdict.sentence
    assert "700 problems with the same rates would have confirmed it" in verdict.sentence


def test_without_a_size_a_suspected_fall_asks_for_it() -> None:
    wander = [0.0]  # slow noise, of which the scan thinks more than it may
    for shock in np.random.default_rng(7).standard_normal(40)[1:]:
        wander.append(0.9 * wander[-1] + 0.01 * float(shock))
    sentence = heldout.diagnose(made(0.5 + np.array(wander), size=None)).sentence
    assert "that would confirm it: give their number (--problems N)." in sentence


def per_problem(shares: np.ndarray, checkpoints: dict[int, str] | None = None) -> Run:
    ids = tuple(f"p{i}" for i in range(shares.shape[1]))
    ones = np.ones(len(ids), dtype=np.int64)
    measured = tuple(Evaluation.of(20 * (k + 1), Outcomes(ids, row, ones)) for k, row in enumerate(shares))
    key = measured[0].key
    step = np.array([evaluation.step for evaluation in measured])
    series = Series(key, step, np.array([evaluation.rate for evaluation in measured]))
    return Run("made", "m", "t", {key: series}, {"held_out": key}, measured=measured, checkpoints=checkpoints or {})


def test_with_every_outcome_error_control_is_exact_and_said_so() -> None:
    verdict = heldout.diagnose(per_problem(simulate("sharp_collapse", 500, 40, 1, seed=3).outcomes))
    assert verdict.label.startswith("confirmed")
    assert not any("error control" in item.detector for item in verdict.unchecked)


def test_only_checkpoints_that_exist_are_recommended() -> None:
    run = per_problem(simulate("sharp_collapse", 500, 40, 1, seed=3).outcomes, {700: "step-700", 800: "step-800"})
    verdict = heldout.diagnose(run)
    assert verdict.recommended is not None
    assert verdict.recommended.step == 700
    assert set(verdict.on_disk) <= {700, 800}
    assert "checkpoints that exist" in verdict.sentence or len(verdict.tied) == 1


def test_several_benchmarks_are_paid_for_together() -> None:
    rng = np.random.default_rng(8)
    step = np.arange(1, 31) * 10
    truths = {
        "val/humaneval_acc": np.full(30, 0.4),
        "val/mbpp_acc": np.concatenate([np.full(15, 0.6), np.linspace(0.6, 0.4, 15)]),
    }
    metrics = {
        key: Series(key, step, rng.binomial(500, truth) / 500, problems=np.full(30, 500.0))
        for key, truth in truths.items()
    }
    verdict = heldout.diagnose(Run("made", "m", "t", metrics, {"held_out": "val/humaneval_acc"}))
    flat, fell = verdict.benchmarks
    assert verdict.state is not State.OVER_OPTIMISED
    assert flat.key == "val/humaneval_acc"
    assert fell.adjusted_p <= 0.05
    assert fell.adjusted_p >= fell.p
    assert flat.adjusted_p > 0.05


def test_rates_that_scatter_more_than_their_problems_allow_are_pointed_out() -> None:
    rng = np.random.default_rng(2)
    wild = heldout.diagnose(made(np.clip(0.5 + rng.normal(0, 0.08, 40), 0, 1), size=400))
    assert any("same problems at every evaluation" in line for line in wild.advice)
    fresh = [heldout.diagnose(made(rng.binomial(400, 0.5, 40) / 400, size=400)) for _ in range(20)]
    assert sum(any("same problems" in line for line in verdict.advice) for verdict in fresh) <= 2


def test_uneven_steps_do_not_raise_the_rate_of_false_alarms() -> None:
    dense_then_sparse = np.concatenate([np.arange(1, 11), 10 + 10 * np.arange(1, 11)])
    alarms = 0
    for seed in range(150):
        rates = np.random.default_rng(seed).binomial(300, np.full(20, 0.4)) / 300
        series = Series("pass@1", dense_then_sparse, rates, problems=np.full(20, 300.0))
        detector = OverOptimisation(horizon=20)
        detector.update(block_of(Run("m", "m", "t", {"pass@1": series}, {"held_out": "pass@1"})))
        alarms += detector.worst.level is Level.CONFIRMED
    assert alarms <= 15  # 5 % promised; more than 10 % of 150 are seen in one of a hundred such tests


@pytest.mark.parametrize(("rate", "other"), [(0.0, "easier"), (1.0, "harder")])
def test_an_evaluation_at_its_bound_shows_nothing(rate: float, other: str) -> None:
    verdict = heldout.diagnose(made(np.full(12, rate)))
    assert (verdict.state, verdict.label) == (State.CANNOT_TELL, "saturated evaluation")
    assert f"Evaluate on {other} problems" in verdict.sentence
    assert verdict.recommended is None


def test_the_interval_of_a_share_is_one_of_shares() -> None:
    verdict = heldout.diagnose(made(np.array([0.0, 0.0, 0.01, 0.0, 0.02, 0.01, 0.0, 0.01]), size=100))
    assert verdict.recommended is not None
    assert verdict.recommended.low >= 0.0


def _sized(tmp_path: Path, problems: int, samples: int, seed: int = 2) -> Verdict:
    rates = (
        np.random.default_rng(seed).binomial(400, np.concatenate([np.linspace(0.3, 0.5, 10), np.full(10, 0.2)])) / 400
    )
    path = tmp_path / "few.csv"
    path.write_text("step,pass_rate\n" + "".join(f"{10 * k},{rate}\n" for k, rate in enumerate(rates)))
    return judged(path, problems=problems, samples=samples)


def test_ten_problems_with_forty_samples_are_not_four_hundred_problems(tmp_path: Path) -> None:
    few, many = _sized(tmp_path, 10, 40), _sized(tmp_path, 400, 1)
    assert many.label.startswith("confirmed")
    assert not few.label.startswith("confirmed")
    assert few.recommended is not None
    assert many.recommended is not None
    assert few.recommended.high - few.recommended.low > 3 * (many.recommended.high - many.recommended.low)
    said = " ".join(few.advice)
    assert "10 problems are few" in said
    assert (
        "10 problems with 40 samples each: samples make the score of these problems precise, not the score of" in said
    )
    assert f"({100 * few.recommended.low:.0f} to {100 * few.recommended.high:.0f} %)" in said
    assert "are few" not in " ".join(many.advice).replace("evaluations are few", "")


@pytest.mark.parametrize(("problems", "confirmed"), [(29, False), (30, True)])
def test_the_floor_counts_problems_whatever_the_samples(tmp_path: Path, problems: int, confirmed: bool) -> None:
    for samples in (8, 64, 1000):
        assert _sized(tmp_path, problems, samples).label.startswith("confirmed") is confirmed


def test_more_samples_never_widen_the_interval_and_never_close_it(tmp_path: Path) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("step,pass_rate\n" + "".join(f"{10 * k},0.4\n" for k in range(20)))
    found = [judged(path, problems=50, samples=samples).recommended for samples in (1, 2, 4, 16, 64, 10**6)]
    width = [one.high - one.low for one in found if one is not None]
    assert len(width) == 6
    assert width == sorted(width, reverse=True)
    assert width[-1] > 0.2


def test_samples_that_are_not_known_count_as_one(tmp_path: Path) -> None:
    rates = np.linspace(0.3, 0.5, 12)
    steps = np.arange(12)
    roles = {"held_out": "pass@1"}
    sizes = np.full(12, 50.0)
    unknown = Run("r", "m", "t", {"pass@1": Series("pass@1", steps, rates, problems=sizes)}, roles)
    one = Run("r", "m", "t", {"pass@1": Series("pass@1", steps, rates, problems=sizes, samples=np.ones(12))}, roles)
    assert heldout.diagnose(unknown) == heldout.diagnose(one)
    assert unknown.evaluations()[0].samples is None


def of_key(key: str, rates: np.ndarray) -> Run:
    steps = np.arange(len(rates)) * 10
    return Run("r", "m", "t", {key: Series(key, steps, rates, problems=np.full(len(rates), 300.0))}, {"held_out": key})


def test_an_error_rate_is_judged_as_the_accuracy_that_it_leaves_and_told_as_it_is_logged() -> None:
    rates = np.concatenate([np.linspace(0.0, 0.8, 15), np.linspace(0.75, 0.1, 15)])
    higher, lower = (heldout.diagnose(of_key(*of)) for of in (("eval_accuracy", rates), ("eval_error", 1.0 - rates)))
    assert (higher.state, higher.label) == (lower.state, lower.label) == (State.REGRESSED, "confirmed, reward unknown")
    assert (higher.tied, higher.onset, higher.peak_step) == (lower.tied, lower.onset, lower.peak_step)
    assert higher.recommended is not None
    assert lower.recommended is not None
    kept = higher.recommended
    assert 100 <= kept.step <= 180
    assert (lower.recommended.step, lower.recommended.estimate) == (kept.step, pytest.approx(1 - kept.estimate))
    assert (lower.recommended.low, lower.recommended.high) == pytest.approx((1 - kept.high, 1 - kept.low))
    assert "has got worse, rising by" in lower.sentence
    assert "above its lowest" in lower.sentence
    assert "has fallen by" in higher.sentence


def test_an_error_rate_that_falls_improves() -> None:
    assert heldout.diagnose(of_key("eval_error", np.linspace(0.9, 0.3, 20))).state is State.IMPROVING


@pytest.mark.parametrize(("rate", "other"), [(0.0, "harder"), (1.0, "easier")])
def test_an_error_rate_at_its_bound_asks_for_other_problems(rate: float, other: str) -> None:
    sentence = heldout.diagnose(of_key("eval_error", np.full(12, rate))).sentence
    assert sentence.startswith(f"Every evaluation is at {'100.0' if rate else '0'} %")
    assert f"Evaluate on {other} problems" in sentence


@pytest.mark.parametrize(("lower", "score"), [(False, 0.4), (True, 0.6)])
def test_evaluations_taken_as_one_keep_their_direction(lower: bool, score: float) -> None:
    assert pooled([Evaluation(step, rate, lower=lower) for step, rate in ((1, 0.3), (2, 0.5))]).score == score


def looked_at(rates: np.ndarray, problems: int | None = 400) -> OverOptimisation:
    falls = falls_among(len(rates))
    falls.update(block_of(made(rates, problems)))
    return falls


HILL = np.array([0.3, 0.4, 0.5, 0.55, 0.5, 0.4, 0.3, 0.2])


@pytest.mark.parametrize(
    ("checkpoints", "step", "among", "existing"),
    [((), 30, 8, False), ((0, 20, 70), 20, 3, True), ((999,), 30, 8, False)],
)
def test_the_best_checkpoint_that_exists_is_kept_or_the_best_of_all(
    checkpoints: tuple[int, ...], step: int, among: int, existing: bool
) -> None:
    kept = checkpoint_to_keep(looked_at(HILL, 4000).evidence, checkpoints)
    assert (kept.recommended.step, kept.among, kept.existing) == (step, among, existing)
    assert step in kept.tied
    assert set(kept.tied) <= set(checkpoints) or not existing


def test_the_interval_of_the_kept_checkpoint_is_wilsons_of_as_many_trials_as_its_deviation_stands_for() -> None:
    falls = looked_at(HILL)
    seen = falls.evidence
    choice = choose(seen.rates, seen.eval_noise(), seen.set_variance())
    kept = checkpoint_to_keep(seen).recommended
    sd = (choice.high - choice.estimate) / 1.959964
    trials = kept.estimate * (1 - kept.estimate) / sd**2
    z = 1.959964
    middle = (kept.estimate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * (kept.estimate * (1 - kept.estimate) / trials + (z / (2 * trials)) ** 2) ** 0.5
    assert (kept.low, kept.high) == pytest.approx((middle - half, middle + half), abs=1e-6)


def test_the_interval_of_an_unsized_score_is_normal_and_cut_to_shares_where_all_are() -> None:
    low = checkpoint_to_keep(
        looked_at(np.array([0.01, 0.3, 0.02, 0.01, 0.0, 0.02, 0.3, 0.01]), None).evidence
    ).recommended
    assert low.low == 0.0
    high = checkpoint_to_keep(
        looked_at(np.array([0.99, 0.7, 0.98, 0.99, 1.0, 0.98, 0.7, 0.99]), None).evidence
    ).recommended
    assert high.high == 1.0
    score = checkpoint_to_keep(looked_at(3 * HILL - 1.2, None).evidence).recommended
    assert score.estimate - score.low == pytest.approx(score.high - score.estimate)


def test_what_is_kept_is_told_with_its_interval_and_how_many_are_tied() -> None:
    alone = heldout.diagnose(made(HILL, 100_000))
    assert alone.recommended is not None
    one = alone.recommended
    interval = f"{100 * one.estimate:.1f} % (95 % interval {100 * one.low:.1f} to {100 * one.high:.1f})"
    assert f"Keep step {one.step}, estimated at {interval}" in alone.sentence
    level = heldout.diagnose(made(np.full(8, 0.5), 400))
    assert level.tied == tuple(range(0, 80, 10))
    assert level.sentence.endswith("; 7 others of 8 cannot be told apart from it.")
    run = replace(made(np.full(8, 0.5), 400), checkpoints={0: "a", 70: "b"})
    assert heldout.diagnose(run).sentence.endswith(
        "; 1 other of 2 checkpoints that exist cannot be told apart from it. It lies in a."
    )
    assert heldout.diagnose(run).on_disk == (0, 70)


def test_an_onset_is_told_as_the_two_evaluations_between_which_the_score_fell() -> None:
    sure = heldout.diagnose(made(np.array([0.2, 0.3, 0.4, 0.5, 0.4, 0.3, 0.2, 0.1]), 4000))
    assert sure.onset == Onset(step=40, low=30, high=40)
    assert "It fell a point or more below its peak between step 30 and step 40 (90 % interval). Keep" in sure.sentence
    slow = heldout.diagnose(made(np.concatenate([np.full(6, 0.5), np.linspace(0.5, 0.3, 14)]), 1000))
    assert slow.onset is not None
    assert slow.onset.low + 10 < slow.onset.high
    between = f"between step {slow.onset.low} and step {slow.onset.high} (90 % interval)"
    told = f"It fell a point or more below its peak {between}."
    assert told in slow.sentence


def test_a_fall_that_is_over_is_told_with_its_end() -> None:
    dip = np.array([0.3, 0.4, 0.5, 0.5, 0.5, 0.2, 0.2, 0.3, 0.5, 0.6, 0.6])
    verdict = heldout.diagnose(made(dip, 5000))
    assert verdict.state is State.RECOVERED
    assert verdict.onset is not None
    assert (verdict.onset.step, verdict.onset.high, verdict.onset.back) == (50, 50, 80)
    between = f"between step {verdict.onset.low} and step 50 (90 % interval)"
    told = f"It fell a point or more below its peak {between}, and was back by"
    assert f"{told} step 80." in verdict.sentence


def test_it_is_said_why_the_highest_value_is_not_kept() -> None:
    lucky = np.array([0.30, 0.34, 0.38, 0.40, 0.41, 0.42, 0.42, 0.41, 0.40, 0.36, 0.32, 0.45, 0.28, 0.25, 0.22, 0.2])
    verdict = heldout.diagnose(made(lucky, 200))
    assert verdict.recommended is not None
    step = verdict.recommended.step
    assert step < 90
    ahead = 45.0 - 100 * lucky[step // 10]
    told = (
        f"Step 110 has the highest value logged, {ahead:.1f} points above that of step {step}, but chance flatters it"
    )
    assert told in verdict.sentence
    saved = heldout.diagnose(replace(made(lucky, 200), checkpoints={step: "a"}))
    assert f"above that of step {step}, but no checkpoint of it exists." in saved.sentence
    top = heldout.diagnose(made(HILL, 4000))
    assert "value logged" not in top.sentence
    assert not top.passed_over


def test_of_equal_values_without_a_size_no_checkpoint_is_better_than_another() -> None:
    verdict = heldout.diagnose(made(np.full(10, 0.5), None))
    assert verdict.recommended is None
    assert verdict.tied == tuple(range(0, 100, 10))
    assert verdict.sentence.endswith("No checkpoint is better than another: every evaluation is at 50.0 %.")


@pytest.mark.parametrize("count", [2, 3])
def test_each_benchmark_pays_for_the_others(count: int) -> None:
    step = np.arange(1, 21) * 10
    keys = ["val/humaneval_acc", "val/mbpp_acc", "val/lcb_acc"][:count]
    truths = [np.full(20, 0.4), np.concatenate([np.linspace(0.5, 0.6, 10), np.full(10, 0.5)]), np.full(20, 0.5)]
    metrics = {
        key: Series(key, step, truth, problems=np.full(20, 500.0)) for key, truth in zip(keys, truths, strict=False)
    }
    unsized = {"val/other_acc": Series("val/other_acc", step, np.full(20, 0.3))}
    few = {"val/few_acc": Series("val/few_acc", step[:3], np.full(3, 0.3), problems=np.full(3, 500.0))}
    run = Run("made", "m", "t", {**metrics, **few, **unsized}, {"held_out": keys[0]})
    falls = heldout.diagnose(run).benchmarks
    assert [fall.key for fall in falls] == [*keys, "val/other_acc"]
    assert [fall.sized for fall in falls] == [True] * count + [False]
    assert falls[1].peak_step in range(80, 101)
    assert falls[1].drop == pytest.approx(0.08, abs=0.02)
    assert falls[1].adjusted_p == pytest.approx(min(1.0, falls[1].p * count))
    assert falls[-1].p == falls[-1].adjusted_p == 1.0
    alone = Run("made", "m", "t", {keys[0]: metrics[keys[0]]}, {"held_out": keys[0]})
    assert heldout.diagnose(alone).benchmarks == ()


@pytest.mark.parametrize(("horizon", "planned"), [(None, 24), (100, 100)])
def test_a_plan_stands_in_for_the_evaluations_of_the_log(horizon: int | None, planned: int) -> None:
    run = made(np.concatenate([np.full(12, 0.5), np.full(12, 0.4)]), 400)
    falls = OverOptimisation(horizon=planned)
    found = falls.update(block_of(run))
    told = heldout.diagnose(run, detectors=[], horizon=horizon).findings
    assert [one.against for one in told] == [one.against for one in found]
    assert found


@pytest.mark.parametrize("count", [8, 20])
def test_a_share_that_is_the_same_throughout_does_not_fall(count: int) -> None:
    verdict = heldout.diagnose(made(np.full(count, 0.35), size=None))
    assert (verdict.state, verdict.label) == (State.CANNOT_TELL, "the same throughout")
    assert "The held-out score is the same at every evaluation" in verdict.sentence
    assert "every evaluation is at 35.0 %" in verdict.sentence


def test_a_rise_whose_last_evaluation_is_far_below_is_not_said_to_improve() -> None:
    rates = np.linspace(0.3, 0.7, 20) + 0.01 * np.random.default_rng(1).standard_normal(20)
    rates[-1] = 0.25
    verdict = heldout.diagnose(made(rates, size=None))
    assert (verdict.state, verdict.label) == (State.CANNOT_TELL, "the last evaluation is low")
    assert "which alone shows no lasting fall" in verdict.sentence
