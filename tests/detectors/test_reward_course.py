"""What the reward did while the held-out score fell."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.detectors.base import Points
from heldout.detectors.reward_course import RewardCourse
from heldout.stats.local_level import smoother

STEPS = np.arange(1.0, 21.0)


def course(rise: float) -> RewardCourse:
    """A reward that is 1 and -1 by turns, and rises besides by so much an evaluation."""
    reward = RewardCourse()
    value = np.where(np.arange(20) % 2, -1.0, 1.0) + rise * np.arange(20)
    reward.add(Points(np.arange(1, 21), value))
    return reward


def test_the_noise_is_taken_half_as_large_again_as_neighbouring_means_show() -> None:
    # The second differences of 1, -1, 1, … are 4 and show a variance of 16 / 6; half as much again is 4, its root 2.
    smooth, _ = smoother(20, 0.3)
    contrast = smooth[-1] - smooth[9]
    gain = float(contrast @ np.arange(20)) / math.sqrt(contrast @ contrast) / 2.0
    assert course(1.0).moved(10.0, STEPS)[0] - course(0.0).moved(10.0, STEPS)[0] == pytest.approx(gain)


@pytest.mark.parametrize(("z", "said"), [(1.64, "flat"), (1.66, "rising"), (-1.64, "flat"), (-1.66, "falling")])
def test_a_course_is_clear_beyond_1_645_standard_errors(z: float, said: str) -> None:
    flat, steep = (course(rise).moved(10.0, STEPS)[0] for rise in (0.0, 1.0))
    reward = course((z - flat) / (steep - flat))
    assert reward.moved(10.0, STEPS)[0] == pytest.approx(z)
    assert reward.since(10.0, STEPS) == said


def test_too_few_rewards_and_none_since_the_last_evaluation_are_unknown() -> None:
    assert RewardCourse().since(10.0, STEPS) == "unknown"
    few = RewardCourse()
    few.add(Points(np.arange(1, 5), np.arange(4.0)))
    assert few.since(2.0, STEPS[:4]) == "unknown"
    assert course(1.0).since(10.0, np.append(STEPS, 21.0)) == "unknown"


@pytest.mark.parametrize("count", [20, 40])
@pytest.mark.parametrize(("way", "said"), [(1.0, "rising"), (-1.0, "falling")])
def test_a_reward_that_came_back_steeply_to_where_it_was_at_the_peak_has_not_moved_that_way(
    count: int, way: float, said: str
) -> None:
    time = np.linspace(0.0, 1.0, 10 * count)
    value = np.interp(time, [0.0, 0.5, 0.75, 1.0], [0.2, 0.5, 0.9, 0.5])
    reward = RewardCourse()
    noise = 0.03 * np.random.default_rng(count).standard_normal(time.size)
    reward.add(Points(np.arange(1, time.size + 1), way * (value + noise)))
    assert reward.since(5.0 * count, np.arange(10.0, 10.0 * count + 1.0, 10.0)) != said


@given(
    rewards=st.lists(st.sampled_from([-0.1, 0.0, 0.25, 0.5, 1.0, 1.5, math.nan]), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    asked=st.lists(st.integers(0, 45), min_size=1, max_size=8, unique=True),
)
def test_what_is_looked_up_of_a_course_is_what_its_values_say(
    rewards: list[float], cuts: list[int], asked: list[int]
) -> None:
    reward, steps = RewardCourse(), np.array(sorted(asked), dtype=float)
    ends = [0, *sorted(min(cut, len(rewards)) for cut in cuts), len(rewards)]
    for start, end in itertools.pairwise(ends):
        reward.add(Points(np.arange(start, end), np.array(rewards[start:end])))
        reward.before(steps)  # what is kept of this does not outlive what it was kept for
        known = [(step, value) for step, value in enumerate(rewards[:end]) if not math.isnan(value)]
        for here, after in itertools.pairwise([-1.0, *steps]):
            inside = [value for step, value in known if max(here, 0.0) <= step < after]
            mean = reward.before(steps)[list(steps).index(after)]
            assert mean == (pytest.approx(np.mean(inside)) if inside else pytest.approx(math.nan, nan_ok=True))
            earlier = [value for step, value in known if step < after]
            assert reward.within_unit(after) == (bool(earlier) and all(0.0 <= value <= 1.0 for value in earlier))
            assert reward.last(after) == pytest.approx(np.mean(earlier[-20:]) if earlier else math.nan, nan_ok=True)
