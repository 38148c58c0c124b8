"""Groups without signal, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from heldout.detectors.base import Block, Points
from heldout.detectors.groups import GroupsWithoutSignal


def kinds(share: Any, reward: Any = None) -> Any:
    step = np.arange(100)
    metrics = {"zero_variance_groups": Points(step, np.broadcast_to(share, 100).astype(float))}
    if reward is not None:
        metrics["reward"] = Points(step, np.broadcast_to(reward, 100).astype(float))
    return [finding.kind for finding in GroupsWithoutSignal().update(Block(metrics))]


@pytest.mark.parametrize(
    ("reward", "kind"),
    [
        (0.97, "groups_saturated"),
        (0.02, "groups_too_hard"),
        (0.5, "groups_without_signal"),
        (None, "groups_without_signal"),
        (np.linspace(-4.0, 3.0, 100) * (np.arange(100) > 10) - 4.0, "groups_without_signal"),
    ],
)
def test_the_reward_tells_the_case(reward: Any, kind: str) -> None:
    assert kinds(0.9, reward) == [kind]


def test_some_groups_without_signal_are_usual() -> None:
    assert kinds(0.6, 0.5) == []
    assert kinds(np.where(np.arange(100) % 10 < 4, 1.0, 0.5)) == []
