"""Simulated answers have the shares that they are made with."""

from __future__ import annotations

import numpy as np
import pytest

from heldout.datasets.simulated_answers import simulate_answers
from heldout.errors import UsageError


@pytest.mark.parametrize(("share", "alike", "turned_down"), [(0.05, 0.05, 0.1), (0.3, 0.4, 0.0), (0.0, 0.4, 0.2)])
def test_shares_are_those_asked_for(share: float, alike: float, turned_down: float) -> None:
    judged = simulate_answers(np.full(200, share), seed=1, prompts=20, answers=4, alike=alike, turned_down=turned_down)
    right = judged.failed == 0.0
    assert judged.rewarded.mean() == pytest.approx(0.6, abs=0.02)
    assert judged.failed[judged.rewarded].mean() == pytest.approx(share, abs=0.02)
    assert (~judged.rewarded[right]).mean() == pytest.approx(turned_down, abs=0.02)
    groups = judged.failed.reshape(-1, 4)[judged.rewarded.reshape(-1, 4).all(axis=1)]
    if share:
        between = groups.mean(axis=1).var() - share * (1.0 - share) / 4
        assert between / (share * (1.0 - share)) == pytest.approx(0.75 * alike, abs=0.06)  # (1 - 1 / 4) icc


def test_every_group_is_of_one_step_and_knows_its_rewarded_answers() -> None:
    judged = simulate_answers([0.1, 0.2], seed=2, prompts=3, answers=5)
    assert judged.step.tolist() == [1] * 15 + [2] * 15
    for group in range(6):
        inside = judged.where(judged.group == group)
        assert set(inside.group_rewarded.tolist()) == {float(inside.rewarded.sum())}


@pytest.mark.parametrize("wrong", [{"rewarded": 1.0}, {"alike": 0.0}, {"turned_down": 1.5}])
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="must be"):
        simulate_answers([0.1], seed=1, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="from 0 to 1"):
        simulate_answers([1.1], seed=1)
