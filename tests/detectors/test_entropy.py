"""Entropy: collapse, the way to it, and what is only learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from heldout.detectors.base import Block, Points
from heldout.detectors.entropy import EntropyCollapse
from heldout.findings import Severity


def falling(to: Any, steps: Any = 300, tau: Any = 60.0, sign: Any = 1.0, reward: Any = None) -> Any:
    rng = np.random.default_rng(0)
    step = np.arange(steps)
    value = (to + (1.0 - to) * np.exp(-np.maximum(step - 50, 0) / tau)) * np.exp(0.1 * rng.normal(size=steps))
    metrics = {"entropy": Points(step, sign * value)}
    if reward is not None:
        metrics["reward"] = Points(step, reward * step + 0.02 * rng.normal(size=steps))
    return Block(metrics)


def kinds(block: Any, **parameters: Any) -> Any:
    return [finding.kind for finding in EntropyCollapse(**parameters).update(block)]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_fall_is_announced_found_once_and_again_when_nothing_is_left(sign: Any) -> None:
    assert kinds(falling(0.01, sign=sign)) == ["entropy_falling", "entropy_collapse", "entropy_exhausted"]


def test_the_projected_step_is_near_the_real_one() -> None:
    falls, arrives = EntropyCollapse().update(falling(0.01))[:2]
    assert falls.step < falls.evidence["arrival"]
    assert falls.evidence["arrival"] == pytest.approx(arrives.steps[0], rel=0.1)


def test_a_fall_to_half_is_quiet() -> None:
    assert kinds(falling(0.5)) == []


def test_a_fall_while_the_reward_rises_is_only_a_notice() -> None:
    assert {f.severity for f in EntropyCollapse().update(falling(0.15, reward=0.01))} == {Severity.NOTICE}
    assert Severity.WARNING in {f.severity for f in EntropyCollapse().update(falling(0.15, reward=0.0))}


def test_another_collapse_is_found_after_a_recovery() -> None:
    value = np.concatenate([np.full(40, 1.0), np.full(40, 0.1), np.full(40, 1.0), np.full(40, 0.1)])
    found = kinds(Block({"entropy": Points(np.arange(160), value)}))
    assert found == ["entropy_collapse", "entropy_collapse"]


def test_one_low_point_is_nothing() -> None:
    value = np.ones(100)
    value[[50, 70]] = 0.0
    assert kinds(Block({"entropy": Points(np.arange(100), value)})) == []


def test_a_trend_that_is_not_sure_announces_nothing() -> None:
    def found(swing: float) -> list[str]:
        bins = np.arange(20)
        value = np.concatenate([np.ones(20), 0.5 * np.exp(-0.02 * bins + swing * np.where(bins % 2, -1.0, 1.0))])
        return kinds(Block({"entropy": Points(np.arange(40), value)}), width=1, horizon=1.0)

    # The standard error of the slope of 18 bins is 0.048 times the swing, that of 20 is 0.041 times it: four of them
    # are less than the fall of 0.02 a bin up to a swing of 0.104, and more than it from 0.122 on.
    assert found(0.10) == ["entropy_falling"]
    assert found(0.13) == []
