"""Groups without signal, and why."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from heldout.detectors.base import Block, Points
from heldout.detectors.groups import GroupsWithoutSignal


def kinds(share: Any, reward: Any = None) -> Any:
    share = np.broadcast_to(share, np.size(share) if np.ndim(share) else 100).astype(float)
    step = np.arange(len(share))
    metrics = {"zero_variance_groups": Points(step, share)}
    if reward is not None:
        metrics["reward"] = Points(step, np.broadcast_to(reward, len(step)).astype(float))
    return [finding.kind for finding in GroupsWithoutSignal().update(Block(metrics))]


@pytest.mark.parametrize(
    ("reward", "kind"),
    [
        (0.97, "groups_saturated"),
        (0.02, "groups_too_hard"),
        (0.5, "groups_without_signal"),
        (None, "groups_without_signal"),
    ],
)
def test_the_reward_tells_the_case(reward: Any, kind: str) -> None:
    assert kinds(0.9, reward) == [kind]


def test_some_groups_without_signal_are_usual() -> None:
    assert kinds(0.6, 0.5) == []
    assert kinds(np.where(np.arange(100) % 10 < 4, 1.0, 0.5)) == []


def test_a_reward_with_other_bounds_leaves_the_case_open() -> None:
    rising = np.linspace(-2.0, 2.0, 100)
    step = np.arange(100)
    block = Block({"zero_variance_groups": Points(step, np.full(100, 0.9)), "reward": Points(step, rising)})
    (finding,) = GroupsWithoutSignal().update(block)
    assert finding.kind == "groups_without_signal"
    assert finding.seen == "In 90 % of the groups all rewards are equal."


def test_a_run_that_goes_from_one_case_to_another_is_told_of_both() -> None:
    assert kinds(0.95, np.repeat([0.5, 0.95], 50)) == ["groups_without_signal", "groups_saturated"]


def test_rewarded_is_not_called_right() -> None:
    step = np.arange(60)
    for reward in (0.99, 0.5, 0.01):
        block = {"zero_variance_groups": Points(step, np.ones(60)), "reward": Points(step, np.full(60, reward))}
        (finding,) = GroupsWithoutSignal().update(Block(block))
        said = " ".join((finding.seen, finding.means, finding.advice))
        assert not re.search(r"\b(right|wrong|solved|correct)\b", said)


def test_bins_that_scatter_say_less_than_their_groups() -> None:
    """Both have a mean of 0.89; the second jumps between bins as no 25 independent groups would."""
    assert kinds(np.resize([0.85, 0.9, 0.9, 0.9, 0.9], 25), 0.5) == ["groups_without_signal"]
    assert kinds(np.repeat([0.7, 1.0, 0.95, 1.0, 0.8], 5), 0.5) == []
