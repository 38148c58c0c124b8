"""What the description says, on the two published runs and on made ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import heldout
from heldout.diagnosis.description import Description, Observation, Point
from heldout.findings import State, Verdict
from heldout.run import Run, Series
from heldout.stats.noise_posterior import noise_of_rates


def made(**columns: np.ndarray) -> Run:
    """A run of dense columns by key, over steps from 0."""
    metrics = {key: Series(key, np.arange(len(value)), value.astype(float)) for key, value in columns.items()}
    roles = {
        role: key
        for role, key in (("reward", "reward"), ("held_out", "pass@1"), ("length", "length"))
        if key in metrics
    }
    return Run("made", "memory", "test", metrics, roles)


def seen(about: Description, kind: str) -> list[Observation]:
    return [observation for observation in about.observations if observation.kind == kind]


@pytest.fixture(scope="module")
def deepseek() -> Description:
    return heldout.describe(heldout.read("example:deepseek-r1"))


@pytest.fixture(scope="module")
def kimi() -> Description:
    return heldout.describe(heldout.read("example:kimi-dev"))


def test_of_nine_rewards_of_deepseek_no_course_can_be_told(deepseek: Description) -> None:
    reward = deepseek.series[0]
    assert (reward.start.value, reward.peak.step, reward.peak.value, reward.end.value) == (3.52, 650, 4.65, 4.30)
    assert reward.trend.startswith("No course that can be told from slow noise: ")
    assert "Highest value 4.65 at step 650, lowest 3.52 at step 0." in reward.trend


def test_deepseek_pass_at_1_is_given_by_its_points(deepseek: Description) -> None:
    score = deepseek.series[1]
    assert (score.peak.step, score.peak.value) == (350, 0.348)
    assert (score.end.step, score.end.value) == (700, 0.290)
    assert any(point.step == 600 and point.value == 0.338 for point in score.key_points)
    assert score.course is None


def test_deepseek_is_given_at_the_peak_of_the_verdict_and_at_the_end() -> None:
    """On 500 problems; of a size that nobody knows, nothing is said of a peak of eight evaluations."""
    first = heldout.describe(heldout.read("example:deepseek-r1", problems=500)).observations[0]
    assert first.kind == "peak_and_end"
    assert first.steps[1] == 700
    assert first.text.endswith("at step 700, the last evaluation, held-out pass@1 is 29.0 % and reward 4.30.")


def test_deepseek_is_not_called_hacking_on_eight_evaluations_of_unknown_size(deepseek: Description) -> None:
    text = deepseek.interpretation[0]
    assert "What the held-out score does cannot be told from these evaluations" in text
    assert "hacking" not in text
    assert "To tell:" in text


def test_the_length_of_kimi_rises(kimi: Description) -> None:
    score, length = kimi.series
    assert (length.start.value, length.end.value, length.peak.step, length.peak.value) == (6480, 8400, 180, 8550)
    assert (score.start.value, score.end.value, score.peak.step, score.peak.value) == (24.5, 32.5, 180, 34.0)
    assert length.course is not None
    assert length.course.way == "rises"


def test_kimi_correlates_with_an_interval_for_levels_and_differences(kimi: Description) -> None:
    movement = kimi.pairs[0].movement
    assert movement.levels.r == pytest.approx(0.858, abs=0.001)
    assert movement.differences.r == pytest.approx(0.553, abs=0.001)
    assert movement.levels.low < movement.levels.r < movement.levels.high
    (text,) = (observation.text for observation in seen(kimi, "moves_together"))
    assert "have a positive correlation without their trends: r = 0.53 (0.13 to 0.78), over " in text


def test_observations_are_ranked(kimi: Description) -> None:
    weights = [observation.weight for observation in kimi.observations]
    assert weights == sorted(weights, reverse=True)


def test_without_a_held_out_score_nothing_is_called_hacking() -> None:
    rng = np.random.default_rng(0)
    about = heldout.describe(made(reward=np.linspace(0, 1, 300) + rng.normal(0, 0.1, 300)))
    text = " ".join(about.interpretation) + " ".join(o.text for o in about.observations)
    assert "looks the same in an honest run" in text
    assert "hacking" not in text
    assert "over-optim" not in text


def test_two_climbing_curves_are_not_called_over_optimised() -> None:
    rng = np.random.default_rng(1)
    steps = np.linspace(0, 1, 30)
    about = heldout.describe(made(**{"reward": steps + rng.normal(0, 0.03, 30), "pass@1": 0.3 + 0.3 * steps}))
    assert "climb together" in about.interpretation[0]
    assert not seen(about, "peak_and_end")


def test_a_held_out_score_that_is_the_reward_is_not_taken_for_a_judge() -> None:
    values = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    about = heldout.describe(made(**{"reward": values, "pass@1": values}))
    assert about.observations[0].kind == "same_measure"
    assert "no independent judge" in about.interpretation[0]


def test_a_score_that_falls_while_the_reward_rises_is_seen_from_the_start() -> None:
    run = made(**{"reward": np.array([0.4, 0.9, 1, 1, 1, 1.0]), "pass@1": np.array([23, 6, 4, 4, 4, 2.0]) / 100})
    score = replace(run["pass@1"], problems=np.full(6, 200.0))
    about = heldout.describe(replace(run, metrics={**run.metrics, "pass@1": score}))
    text = "held-out pass@1 is 23.0 % and reward 0.40; at step 5, the last evaluation, held-out pass@1 is 2.0 % and rew"
    assert text in about.observations[0].text


def test_a_constant_metric_is_said_to_be_constant() -> None:
    about = heldout.describe(made(reward=np.zeros(20)))
    assert seen(about, "constant")[0].text == "Reward is 0 at all 20 steps."


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_tiny_runs_are_described(count: int) -> None:
    rng = np.random.default_rng(count)
    about = heldout.describe(
        made(**{"reward": rng.random(count), "pass@1": rng.random(count), "length": rng.random(count)})
    )
    assert len(about.series) == 3


def test_a_run_without_known_roles_is_described_by_its_fullest_metrics() -> None:
    about = heldout.describe(made(zebra=np.arange(9.0), gnu=np.arange(5.0)))
    assert [series.key for series in about.series] == ["zebra", "gnu"]


def test_the_size_of_the_evaluation_gives_the_smallest_visible_difference(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(
        "".join(json.dumps({"step": s, "pass@1": 0.5}) + "\n" for s in range(4)) + '{"step": 4, "pass@1": 0.51}\n'
    )
    about = heldout.describe(heldout.read(path, problems=200))
    (resolution,) = seen(about, "resolution")
    noise = noise_of_rates(np.array([0.5, 0.5, 0.5, 0.5, 0.51]), 200).variance
    assert resolution.evidence["smallest_difference"] == pytest.approx(1.959964 * (2 * noise) ** 0.5)


def test_every_real_run_is_described(real_runs: Path) -> None:
    for path in sorted((real_runs / "tiny-rl").glob("*.csv")):
        run = heldout.read(path, problems=256)
        verdict = heldout.diagnose(run)
        fell = ("exit-status" in path.name and "not-yet" not in path.name) or "reward-model" in path.name
        assert verdict.fell == fell, path.name
        assert bool(seen(heldout.describe(run, verdict), "peak_and_end")) == fell, path.name


FELL = Verdict(state=State.OVER_OPTIMISED, label="given", sentence="", peak_step=10)
NEAR = Verdict(state=State.CANNOT_TELL, label="given", sentence="", peak_step=10)
NOISE = Verdict(state=State.CANNOT_TELL, label="given", sentence="")


@pytest.mark.parametrize(("verdict", "weight"), [(FELL, 1.0), (NEAR, 0.75), (NOISE, None)])
def test_peak_and_end_are_given_as_surely_as_the_verdict_is(verdict: Verdict, weight: float | None) -> None:
    score = np.concatenate([np.linspace(0.3, 0.5, 11), np.linspace(0.48, 0.2, 10)])
    about = heldout.describe(made(**{"reward": np.linspace(0.0, 1.0, 21), "pass@1": score}), verdict)
    assert [o.weight for o in seen(about, "peak_and_end")] == ([] if weight is None else [weight])


def test_the_overview_and_the_axes_are_told_in_full() -> None:
    score = Series("pass@1", np.array([0, 10, 30]), np.array([0.3, 0.5, 0.4]), spread=np.full(3, 0.02))
    metrics = {
        "reward": Series("reward", np.arange(60), np.linspace(0.0, 1.0, 60)),
        "pass@1": score,
        "length": Series("length", np.array([7]), np.array([120.0])),
    }
    roles = {"reward": "reward", "held_out": "pass@1", "length": "length"}
    about = heldout.describe(Run("made", "memory", "a table", metrics, roles), NOISE)
    assert about.overview == (
        "made: reward, held-out pass@1 and response length over training steps 0 to 59, read from a table "
        "(3 metrics, 60 steps with any value)."
    )
    assert about.components == (
        "Reward (key 'reward'): 60 values at steps 0 to 59, at every step, from 0 to 1.00; drawn as a local-linear "
        f"line over {about.series[0].window:g} steps.",
        "Held-out pass@1 (key 'pass@1'): 3 values at steps 0 to 30, one every 15 steps, from 30.0 % to 50.0 %; drawn "
        "as logged, with standard errors.",
        "Response length (key 'length', in tokens): one value at step 7.",
    )


def test_a_further_metric_of_known_meaning_is_told_by_its_ends_and_extremes() -> None:
    run = made(reward=np.arange(4.0), entropy=np.array([2.0, 3.0, 0.5, 1.0]), step_time=np.arange(4.0))
    roles = {"reward": "reward", "entropy": "entropy", "time": "step_time"}
    (signal,) = heldout.describe(replace(run, roles=roles), NOISE).signals
    assert (signal.key, signal.start, signal.end, signal.low, signal.high) == ("entropy", 2.0, 1.0, 0.5, 3.0)
    assert signal.name == "policy entropy"
    empty = Series("entropy", np.array([], dtype=int), np.array([]))
    run = replace(run, roles=roles, metrics={**run.metrics, "entropy": empty})
    assert heldout.describe(run, NOISE).signals == ()


def test_the_ends_and_the_peak_of_a_held_out_score_are_measurements() -> None:
    value = 0.5 + 0.1 * np.random.default_rng(3).normal(size=120)
    steps = np.arange(120)
    metrics = {key: Series(key, steps, value) for key in ("reward", "eval_accuracy")}
    run = Run("r", "memory", "test", metrics, {"reward": "reward", "held_out": "eval_accuracy"})
    told = {one.role: one for one in heldout.describe(run, NOISE).series}
    reward, score = told["reward"], told["held_out"]
    assert (score.start.value, score.end.value) == (value[0], value[-1])
    assert (score.peak.value, score.trough.value) == (value.max(), value.min())
    assert score.peak.step == int(np.argmax(value))
    assert (reward.peak, reward.trough) == (score.peak, score.trough)  # also where a smoothed line is drawn
    assert reward.window is not None
    assert "Highest value logged" in reward.trend
    assert {reward.peak, reward.trough} <= set(reward.key_points)


def test_an_extreme_at_the_last_step_is_told_as_logged() -> None:
    value = 0.5 + 0.1 * np.random.default_rng(3).normal(size=120)
    value[-1] = 3.0
    run = made(reward=value, held_out=np.linspace(0.4, 0.5, 120))
    reward = heldout.describe(run, NOISE).series[0]
    assert reward.end.value < 3.0
    assert reward.key_points[-1] == reward.peak == Point(119, 3.0)
