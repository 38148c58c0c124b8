"""From a run to curves: which are described, how they are smoothed, and how noisy they are."""

from __future__ import annotations

import numpy as np
import pytest

import heldout
from heldout.diagnosis.curves import blocks, curves_of, linked, pairs_of, written_level, written_r
from heldout.diagnosis.model import Curve
from heldout.errors import NoMetrics
from heldout.metrics import Unit
from heldout.run import Run, Series
from heldout.stats.correlation import Correlation
from heldout.stats.course import Around
from heldout.stats.noise import difference_noise
from heldout.stats.noise_posterior import noise_of_rates

KEYS = {"reward": "reward", "held_out": "pass@1", "length": "length"}


def run_of(roles: dict[str, str], **columns: np.ndarray) -> Run:
    metrics = {key: Series(key, np.arange(len(value)), value.astype(float)) for key, value in columns.items()}
    return Run("made", "memory", "test", metrics, roles)


def curve_of(value: np.ndarray, key: str = "reward") -> Curve:
    return curves_of(run_of({"reward": key}, **{key: value}))[0]


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=count)


def test_reward_score_and_length_are_described_in_this_order() -> None:
    columns = {"length": noise(3), "pass@1": noise(3), "reward": noise(3), "other": noise(9)}
    run = run_of(dict(reversed(KEYS.items())), **columns)
    assert [curve.role for curve in curves_of(run)] == ["reward", "held_out", "length"]
    assert [curve.unit for curve in curves_of(run)] == ["", "", "tokens"]


def test_without_them_the_two_fullest_metrics_are_which_are_no_clocks() -> None:
    columns = {"step_time": noise(9), "zebra": noise(5), "gnu": noise(7), "epoch": noise(9), "emu": noise(3)}
    assert [curve.role for curve in curves_of(run_of({}, **columns))] == ["gnu", "zebra"]
    assert [curve.role for curve in curves_of(run_of({}, step_time=noise(4)))] == ["step_time"]


def test_a_run_without_any_value_has_nothing_to_describe() -> None:
    for columns in ({}, {"zebra": np.array([])}, {"step_time": np.array([])}):
        with pytest.raises(NoMetrics, match="made has no metric with a value; there is nothing to describe"):
            heldout.describe(run_of({}, **columns))


@pytest.mark.parametrize(("count", "smoothed"), [(49, False), (50, True)])
def test_fifty_values_and_more_are_smoothed(count: int, smoothed: bool) -> None:
    curve = curve_of(noise(count))
    assert (curve.window is not None) is smoothed
    if not smoothed:
        assert np.array_equal(curve.value, curve.series.value)
        assert curve.variance == difference_noise(curve.value)


@pytest.mark.parametrize(("count", "points"), [(400, 400), (401, 400), (1000, 400)])
def test_a_line_has_at_most_400_points_from_the_first_to_the_last(count: int, points: int) -> None:
    step = curve_of(noise(count)).step
    assert len(step) == points
    assert (step[0], step[-1]) == (0, count - 1)


def test_a_line_never_leaves_the_range_of_the_values() -> None:
    rate = np.concatenate([np.linspace(0.4, 0.0, 20), np.zeros(60)])
    curve = curve_of(rate, "train_accuracy")
    assert curve.window is not None
    assert curve.value.min() >= 0.0


def test_the_variance_of_the_held_out_score_is_that_of_its_evaluations() -> None:
    rates = np.array([0.5, 0.6, 0.5, 0.6, 0.5])
    for whole in (1.0, 100.0):
        series = Series("pass@1", np.arange(5), whole * rates, problems=np.full(5, 100.0), samples=np.full(5, 4.0))
        (curve,) = curves_of(Run("made", "memory", "test", {"pass@1": series}, {"held_out": "pass@1"}))
        assert curve.variance == pytest.approx(whole**2 * noise_of_rates(rates, 100, 4).variance)


@pytest.mark.parametrize(("count", "known"), [(2, False), (3, True)])
def test_the_scatter_of_three_values_is_their_noise(count: int, known: bool) -> None:
    assert np.isfinite(curve_of(noise(count)).variance) == known


@pytest.mark.parametrize(
    ("count", "most", "points"), [(60, 60, 60), (61, 60, 8), (99, 60, 9), (590, 60, 59), (610, 60, 60), (121, 120, 12)]
)
def test_blocks_are_means_of_ten_values_and_more_but_at_least_eight(count: int, most: int, points: int) -> None:
    curve = curve_of(noise(count))
    step, value, variance = blocks(curve, most)
    assert len(step) == len(value) == points
    assert value.mean() == pytest.approx(curve.series.value.mean(), abs=0.1)
    assert variance == (curve.variance if points == count else difference_noise(value))


@pytest.mark.parametrize(("count", "pairs"), [(3, 0), (4, 1)])
def test_two_curves_are_a_pair_from_four_common_steps_on(count: int, pairs: int) -> None:
    curves = curves_of(run_of({"reward": "reward", "length": "length"}, reward=noise(count), length=noise(count, 1)))
    found = pairs_of(curves)
    assert [(pair.left, pair.right, pair.count) for pair in found] == [("reward", "length", 4)] * pairs


@pytest.mark.parametrize(("count", "common"), [(2000, 2000), (2001, 2000)])
def test_a_pair_is_brought_to_at_most_2000_points(count: int, common: int) -> None:
    columns = {"reward": noise(count), "length": noise(count, 1)}
    (pair,) = pairs_of(curves_of(run_of({"reward": "reward", "length": "length"}, **columns)))
    assert pair.count == common


def test_a_correlation_is_written_with_its_interval() -> None:
    assert written_r(Correlation(0.856, 0.552, 0.958, 9, 9.0)) == "0.86 (0.55 to 0.96)"
    assert written_r(Correlation(float("nan"), -1.0, 1.0, 3, 3.0)) == "not defined"


def test_a_mean_level_is_written_with_its_interval_and_a_share_stays_one() -> None:
    assert written_level(Unit.SHARE, Around(0.0, 0.312, 0.03), 0.5) == "31 % (28 to 34)"
    assert written_level(Unit.SHARE, Around(0.0, 0.02, 0.05), 0.05) == "2.0 % (0 to 7.0)"
    assert written_level(Unit.PERCENT, Around(0.0, 99.0, 3.0), 5.0) == "99.0 % (96.0 to 100.0)"
    assert written_level(Unit.SCORE, Around(0.0, 0.02, 0.05), 1.0) == "0.02 (-0.03 to 0.07)"
    assert written_level(Unit.SCORE, Around(0.0, 0.02, float("nan")), 1.0) == "0.02"


def test_unrelated_curves_are_seldom_linked_and_related_ones_are() -> None:
    roles = {"reward": "reward", "held_out": "pass@1", "length": "length"}
    wrong = 0
    for seed in range(100):
        columns = {key: noise(40, 1000 * seed + at) for at, key in enumerate(("reward", "pass@1", "length"))}
        wrong += bool(linked(pairs_of(curves_of(run_of(roles, **columns)))))
    assert wrong <= 12  # 5 % for the three pairs together, and three standard errors
    shared = noise(40)
    alike = {"reward": shared + 0.3 * noise(40, 1), "length": shared + 0.3 * noise(40, 2), "pass@1": noise(40, 3)}
    ((pair, surest),) = linked(pairs_of(curves_of(run_of(roles, **alike))))
    assert (pair.left, pair.right) == ("reward", "length")
    assert surest.low > 0.0


@pytest.mark.parametrize(("points", "pairs"), [(7, 0), (8, 1)])
def test_of_fewer_points_than_a_course_needs_nothing_is_linked(points: int, pairs: int) -> None:
    shared = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])[:points]
    alike = {"r": shared, "s": shared + 0.01 * np.arange(points) % 3}
    found = linked(pairs_of(curves_of(run_of({"reward": "r", "held_out": "s"}, **alike))))
    assert len(found) == pairs
