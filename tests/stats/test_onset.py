"""When a fall began, against simulated runs whose truth is known and cases that need no simulation."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.rivals import ALARM, FIRST
from heldout.datasets.simulated import simulate
from heldout.stats.gp import fall_onset, gp_posterior
from heldout.stats.gram import Gram


def test_a_cliff_is_found_within_an_evaluation() -> None:
    rate = np.concatenate([np.full(15, 0.5), np.full(10, 0.3)])
    found = fall_onset(gp_posterior(rate, 0.01**2))
    assert 14 <= found.low <= found.at <= found.high <= 15


def test_a_rising_run_has_its_onset_at_the_end() -> None:
    found = fall_onset(gp_posterior(np.linspace(0.2, 0.6, 20), 0.01**2))
    assert found.at == 19


def test_less_noise_gives_a_narrower_interval() -> None:
    rng = np.random.default_rng(3)
    truth = np.concatenate([np.full(15, 0.5), np.linspace(0.5, 0.4, 15)])

    def width(sd: float) -> int:
        found = fall_onset(gp_posterior(truth + rng.normal(0, sd, 30), sd**2))
        return found.high - found.low

    assert width(0.003) < width(0.02)


@pytest.mark.parametrize("family", ["sharp_collapse", "slow_overopt"])
def test_the_interval_holds_the_true_onset_as_often_as_it_says(family: str) -> None:
    held, errors = [], []
    for seed in range(40):
        run = simulate(family, 500, 40, 1, seed=3_300_000 + seed)
        if run.onset is None or not (ALARM.statistic(run)[FIRST:] >= 1).any():
            continue
        found = fall_onset(gp_posterior(run.rates, Gram.of(run.outcomes).s2(40)))
        held.append(found.low <= run.onset <= found.high)
        errors.append(abs(found.at - run.onset))
    assert len(held) > 25
    assert np.mean(held) > 0.75  # 0.9 promised; below 0.75 of 30 is seen in less than one of a hundred such tests
    assert np.mean(errors) < 4
