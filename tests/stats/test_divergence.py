"""Divergence windows and opposite turns."""

import numpy as np
import pytest

from heldout.stats.correlation import align
from heldout.stats.divergence import divergence_windows, opposite_turns

STEP = np.arange(0.0, 400.0, 10.0)


def hacked(seed=0, fall_from=250.0):
    """Reward that keeps rising, and a rate that rises with it until it falls."""
    rng = np.random.default_rng(seed)
    reward = STEP / 100.0 + rng.normal(0.0, 0.1, 40)
    rate = np.interp(STEP, [0.0, fall_from, 390.0], [0.30, 0.40, 0.28]) + rng.normal(0.0, 0.005, 40)
    return reward, rate


def test_a_rate_that_turns_down_under_a_rising_reward_is_found():
    (window,) = divergence_windows(STEP, *hacked(), x_variance=0.01, y_variance=25e-6)
    assert window.start == pytest.approx(250.0, abs=40.0)
    assert window.end == 390.0
    assert window.x_slope_z > 1.28
    assert window.y_slope_z < -1.28


def test_noise_is_estimated_if_not_given():
    assert len(divergence_windows(STEP, *hacked())) >= 1


def test_it_matters_which_of_the_two_rises():
    reward, rate = hacked()
    assert divergence_windows(STEP, rate, reward) == ()


def test_a_pair_that_never_moved_together_does_not_part():
    rng = np.random.default_rng(0)
    x = STEP / 100.0 + rng.normal(0.0, 0.05, 40)
    y = -STEP / 100.0 + rng.normal(0.0, 0.05, 40)
    assert divergence_windows(STEP, x, y, 0.0025, 0.0025) == ()


def test_a_pair_that_moves_together_does_not_part():
    rng = np.random.default_rng(1)
    level = np.cumsum(rng.normal(size=40))
    x, y = (level + rng.normal(0.0, 0.1, 40) for _ in range(2))
    assert divergence_windows(STEP, x, y) == ()


def test_correlated_changes_count_as_moving_together():
    rng = np.random.default_rng(3)
    wiggle = np.where(np.arange(40) < 25, rng.normal(0.0, 0.3, 40), 0.0)
    after = np.maximum(np.arange(40) - 25.0, 0.0)
    before = 0.5 * np.minimum(np.arange(40), 25)  # both fall at first, so that they never rise together
    x = wiggle + after - before + rng.normal(0.0, 0.05, 40)
    y = wiggle - after - before + rng.normal(0.0, 0.05, 40)
    found = divergence_windows(STEP, x, y, 0.25, 0.25)
    assert [window.end for window in found] == [390.0]
    assert found[0].start >= 150.0  # the smoother hears the turn at 250 in the windows before it


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7])
def test_short_series_have_no_windows_and_few_turns(n):
    assert divergence_windows(STEP[:n], STEP[:n], -STEP[:n]) == ()
    assert opposite_turns(STEP[: min(n, 3)], np.ones(min(n, 3)), np.ones(min(n, 3))) == ()


def test_constant_and_straight_series_are_empty():
    noise = np.random.default_rng(0).normal(size=40)
    for still in (np.ones(40), 0.1 + 0.3 * STEP):
        assert opposite_turns(STEP, still, noise) == ()
        assert opposite_turns(STEP, noise, still) == ()
    assert divergence_windows(STEP, np.ones(40), noise) == ()


def test_long_series_are_averaged():
    step = np.arange(20_000.0)
    rng = np.random.default_rng(0)
    x = step / 20_000.0 + rng.normal(size=20_000)
    y = np.interp(step, [0.0, 12_000.0, 19_999.0], [0.0, 2.0, 0.0]) + rng.normal(size=20_000)
    found = divergence_windows(step, x, y)
    assert found
    assert max(window.end for window in found) > 13_000.0
    assert min(window.start for window in found) > 9_000.0


def test_step_100_of_a_real_run_is_the_clearest_opposite_turn(kimi):
    first, *rest = opposite_turns(kimi.step, kimi.rate, kimi.tokens)
    assert (first.step, first.x_value, first.y_value) == (100.0, 31.2, 6850.0)
    assert first.x_deviation == pytest.approx(31.2 - (29.5 + 28.2) / 2.0)
    assert all(turn.score < 0.5 * first.score for turn in rest)


def test_turns_in_step_do_not_count_and_opposite_ones_are_ranked():
    x = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 5.0, 0.0, 1.0, 0.0])
    y = np.array([0.0, 1.0, 0.0, -1.0, 0.0, -2.0, 0.0, 1.0, 0.0])
    got = opposite_turns(np.arange(9.0), x, y)
    assert [turn.step for turn in got] == [5.0, 4.0, 3.0]
    assert got[0].score > got[1].score > got[2].score > 0.0
    assert [turn.step for turn in opposite_turns(np.arange(9.0), y, x)] == [5.0, 4.0, 3.0]
    assert len(opposite_turns(np.arange(9.0), x, y, most=1)) == 1


def test_flat_tops_are_no_turns():
    x = np.array([0.0, 1.0, 0.0, 3.0, 3.0, 0.0, 1.0, 0.0])
    y = np.array([0.0, -1.0, 0.0, -3.0, -3.0, 0.0, -1.0, 0.0])
    assert sorted(turn.step for turn in opposite_turns(np.arange(8.0), x, y)) == [1.0, 2.0, 5.0, 6.0]


def test_deviations_are_from_the_line_between_uneven_neighbours():
    step = np.array([0.0, 1.0, 4.0, 5.0, 6.0])
    (turn,) = opposite_turns(step, np.array([0.0, 5.0, 3.0, 3.5, 4.5]), np.array([4.0, -2.0, 1.0, 1.5, 3.0]))
    assert turn.x_deviation == pytest.approx(5.0 - 0.75)


def test_a_sparse_real_run_gives_empties(deepseek):
    pair = align(deepseek.reward_step, deepseek.reward, deepseek.rate_step, deepseek.rate)
    assert divergence_windows(pair.step, pair.a, pair.b) == ()
    assert opposite_turns(pair.step, pair.a, pair.b) == ()
