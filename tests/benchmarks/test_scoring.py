"""Scores of alarms whose score is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from benchmarks.rivals import Pick
from benchmarks.score import (
    Estimate,
    Truth,
    average,
    censored_delay,
    detection_rate,
    false_alarm_rate,
    first_alarms,
    matched_threshold,
    picked,
    points_lost,
    premature_rate,
    score,
    selection,
    selection_of_all,
)
from heldout.datasets.simulated import simulate

K = 10


@pytest.fixture
def truth() -> Any:
    """Two runs of ten evals, ten steps apart, that rise by 2 points to eval 4 and fall by 1 point per eval after."""
    one = 0.3 + 0.01 * np.array([0.0, 0.5, 1.0, 1.5, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0])
    return Truth(np.stack([one, one]), np.arange(10, 110, 10), np.array([60.0, 60.0]), np.array([4, 4]))


def test_the_first_alarm_is_not_among_the_first_three_evals() -> None:
    statistics = np.array([[9.0, 9.0, 9.0, 0.0, 1.0, 2.0], [0.0] * 6, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]])
    assert first_alarms(statistics=statistics, threshold=1.0).tolist() == [4, 6, 3]
    assert statistics[0, 0] == 9.0


def test_never_alarming_is_never_wrong_and_misses_everything(truth: Any) -> None:
    alarms = first_alarms(statistics=np.zeros((2, K)), threshold=0.5)
    assert false_alarm_rate(alarms=alarms, evals=K) == Estimate(0.0, 0.0)
    assert detection_rate(alarms=alarms, truth=truth) == Estimate(0.0, 0.0)
    assert premature_rate(alarms=alarms, truth=truth) == Estimate(0.0, 0.0)
    assert censored_delay(alarms=alarms, truth=truth).value == pytest.approx(4.0)
    assert points_lost(alarms=alarms, truth=truth).value == pytest.approx(5.0)


def test_always_alarming_is_always_wrong_and_premature(truth: Any) -> None:
    alarms = first_alarms(statistics=np.ones((2, K)), threshold=0.5)
    assert false_alarm_rate(alarms=alarms, evals=K) == Estimate(1.0, 0.0)
    assert detection_rate(alarms=alarms, truth=truth).value == 0.0
    assert premature_rate(alarms=alarms, truth=truth).value == 1.0
    assert censored_delay(alarms=alarms, truth=truth).value == pytest.approx(4.0)
    assert points_lost(alarms=alarms, truth=truth).value == pytest.approx(0.5)


def test_knowing_the_truth_costs_one_point(truth: Any) -> None:
    alarms = np.array([5, 5])
    assert detection_rate(alarms=alarms, truth=truth).value == 1.0
    assert censored_delay(alarms=alarms, truth=truth) == Estimate(0.0, 0.0)
    assert points_lost(alarms=alarms, truth=truth).value == pytest.approx(1.0)


def test_the_delay_counts_evals_from_the_onset_and_is_not_below_zero(truth: Any) -> None:
    assert censored_delay(alarms=np.array([7, 8]), truth=truth).value == pytest.approx(2.5)
    assert censored_delay(alarms=np.array([4, 4]), truth=truth).value == 0.0


def test_the_delay_leaves_out_runs_without_an_onset(truth: Any) -> None:
    partly = Truth(truth.trend, truth.steps, np.array([60.0, math.nan]), truth.peak)
    assert censored_delay(alarms=np.array([7, 10]), truth=partly).value == pytest.approx(2.0)
    nowhere = Truth(truth.trend, truth.steps, np.full(2, math.nan), truth.peak)
    assert math.isnan(censored_delay(alarms=np.array([7, 10]), truth=nowhere).value)


def test_nothing_gives_nan() -> None:
    none = np.empty(0, dtype=np.int64)
    empty = Truth(np.empty((0, K)), np.arange(10, 110, 10), np.empty(0), none)
    assert math.isnan(false_alarm_rate(alarms=none, evals=K).value)
    for measure in (detection_rate, premature_rate, censored_delay, points_lost):
        assert math.isnan(measure(alarms=none, truth=empty).value)
    assert math.isnan(average([]).value)
    assert math.isnan(matched_threshold(statistics=[]))


def test_standard_errors() -> None:
    assert false_alarm_rate(alarms=np.array([1, 1, K, K]), evals=K) == Estimate(0.5, 0.25)
    assert average([Estimate(1.0, 3.0), Estimate(3.0, 4.0)]) == Estimate(2.0, 2.5)


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5])
def test_the_matched_threshold_is_the_smallest_that_keeps_the_rate(rate: float) -> None:
    drawn = [np.random.default_rng(seed).standard_normal((100, K)) for seed in range(3)]
    threshold = matched_threshold(statistics=drawn, rate=rate)

    def share(at: float) -> Any:
        return np.mean([first_alarms(statistics=path, threshold=at) < K for path in drawn])

    assert share(threshold) == pytest.approx(rate)
    assert share(math.nextafter(threshold, -math.inf)) > rate


def test_the_matched_threshold_of_a_coarse_statistic_keeps_below_the_rate() -> None:
    coarse = [np.repeat(np.arange(10.0)[:, None], K, axis=1)]  # each value once
    assert matched_threshold(statistics=coarse, rate=0.15) > 8.0
    tied = [np.ones((10, K))]
    assert matched_threshold(statistics=tied, rate=0.5) > 1.0


def test_a_score_tells_nulls_from_declines(truth: Any) -> None:
    statistics = {"plateau": np.zeros((2, K)), "crash": np.ones((2, K))}
    found = score(
        detector="x", threshold=0.5, statistics=statistics, truths=dict.fromkeys(statistics, truth), declines=("crash",)
    )
    assert set(found.false_alarms) == {"plateau"}
    assert set(found.detection) == set(found.premature) == set(found.delay) == set(found.lost) == {"crash"}
    assert found.mean("premature", ("crash",)).value == 1.0


def test_truths_are_put_together(truth: Any) -> None:
    both = Truth.together([truth, truth])
    assert both.trend.shape == (4, K)
    assert both.peak.tolist() == [4, 4, 4, 4]
    runs = [simulate("r1_like", 2, K, seed=seed) for seed in range(3)]
    assert Truth.of(runs).onset.tolist() == [runs[0].onset_step] * 3


def test_the_true_best_checkpoint_has_no_regret() -> None:
    run = simulate("slow_overopt", 50, 12, seed=1)
    best = int(np.argmax(run.truth))
    rate = float(run.truth[best])
    ideal = picked(run=run, pick=Pick(best, rate, rate - 0.01, rate + 0.01, (best,)))
    assert ideal[:5].tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert np.isnan(ideal[5:]).all()  # it says nothing of a fall
    assert run.onset is not None
    since, after = int(run.steps[run.onset - 1]), int(run.steps[run.onset])
    last = picked(run=run, pick=Pick(11, 1.0, 0.9, 1.0, (11, 10), fell=True, onset=(since, after)))
    assert last[0] == pytest.approx(100.0 * (rate - run.truth[11]))
    assert last[2:].tolist() == [0.0, 0.0, 2.0, 1.0, 1.0]
    late = picked(run=run, pick=Pick(11, 1.0, 0.9, 1.0, (11, 10), fell=False, onset=(after, 800)))
    assert late[5:].tolist() == [0.0, 0.0]
    mean = selection(np.stack([ideal, last, late, late]))
    assert (mean.tied.value, mean.size.value) == (0.25, 1.75)
    assert mean.onset.value == mean.fell.value == pytest.approx(1.0 / 3.0)


def test_the_mean_over_families_is_of_those_that_a_field_applies_to() -> None:
    fallen, level = (selection(np.array([[1.0, 0.0, 1.0, 1.0, 2.0, onset, 0.0]] * 2)) for onset in (1.0, math.nan))
    assert selection_of_all([fallen, level]).onset.value == 1.0
    assert math.isnan(selection_of_all([level]).onset.value)
    assert math.isnan(selection_of_all([]).regret.value)
