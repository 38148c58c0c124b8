"""A gap that widens is found, one that learning explains is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from heldout.stats.gap import widening

K = 24


def apart(start: float, end: float, held: float, held_end: float, sd: float = 0.01, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return np.linspace(start, end, K) + rng.normal(0.0, 0.01, K), np.linspace(held, held_end, K) + rng.normal(
        0.0, sd, K
    )


def test_a_reward_that_leaves_the_score_behind_widens_the_gap() -> None:
    reward, rate = apart(0.3, 0.95, 0.3, 0.3)
    found = widening(reward, rate, 1e-4)
    assert found is not None
    assert found.start == 0  # over the whole run it grew more than over its last half
    assert found.reward == pytest.approx(0.65, abs=0.03)
    assert abs(found.held_out) < 3 * found.held_out_sd
    assert found.gap == pytest.approx(0.62, abs=0.05)


@pytest.mark.parametrize(
    ("start", "end", "held", "held_end"),
    [
        (0.3, 0.95, 0.3, 0.6),  # both rise
        (0.33, 0.63, 0.4, 0.4),  # a gap of 23 points
        (0.9, 0.95, 0.3, 0.3),  # it was there from the start
        (0.3, 0.6, 0.95, 0.95),  # the reward is the lower one
        (0.95, 0.3, 0.5, 0.3),  # both fall
    ],
)
def test_a_gap_that_is_small_old_or_followed_does_not_widen(
    start: float, end: float, held: float, held_end: float
) -> None:
    reward, rate = apart(start, end, held, held_end)
    assert widening(reward, rate, 1e-4) is None


def test_a_reward_that_goes_on_alone_is_found_over_the_last_half() -> None:
    reward = np.concatenate([np.linspace(0.1, 0.4, 12), np.linspace(0.4, 0.98, 12)])
    rate = np.concatenate([np.linspace(0.1, 0.4, 12), np.full(12, 0.4)])
    found = widening(reward, rate, 1e-4)
    assert found is not None
    assert found.start == 12


@pytest.mark.parametrize(("variance", "wider"), [(1e-4, 1.0), (1e-2, None), (1e-4, 100.0)])
def test_noise_hides_a_gap(variance: float, wider: float | None) -> None:
    reward, rate = apart(0.3, 0.95, 0.3, 0.3)
    inflation = None if wider is None else lambda d: np.full(d.shape[:-1], wider)
    assert (widening(reward, rate, variance, inflation) is None) is (variance * (wider or 1.0) > 1e-3)


def test_few_evals_and_gaps_in_the_reward_say_nothing() -> None:
    reward, rate = apart(0.3, 0.95, 0.3, 0.3)
    assert widening(reward[:4], rate[:4], 1e-4) is None
    assert widening(reward, rate, np.nan) is None
    first = np.concatenate([[np.nan], reward[1:]])
    found = widening(first, rate, 1e-4)
    assert found is not None
    assert found.start == 1
    holed = reward.copy()
    holed[5] = np.nan
    assert widening(holed, rate, 1e-4) is None
