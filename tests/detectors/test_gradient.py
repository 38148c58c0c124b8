"""The gradient norm: spikes, and values that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from heldout.detectors.base import Block, Points
from heldout.detectors.gradient import GradientSpikes
from heldout.findings import Severity


def found(changes: Any, steps: Any = 200) -> Any:
    value = 0.3 * np.exp(0.2 * np.random.default_rng(0).normal(size=steps))
    for step, factor in changes.items():
        value[step] = 0.3 * factor
    return [(f.kind, f.step) for f in GradientSpikes().update(Block({"grad_norm": Points(np.arange(steps), value)}))]


def test_three_spikes_are_found_two_are_not() -> None:
    assert found({100: 20, 105: 20}) == []
    assert found({100: 20, 105: 20, 112: 20, 118: 20}) == [("gradient_spikes", 112)]
    assert found({50: 20, 105: 20, 150: 20}) == []


def test_one_huge_value_is_enough() -> None:
    assert found({100: 300}) == [("gradient_outlier", 100)]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_none_is_found_at_once_and_once(value: float) -> None:
    assert found({0: value, 1: value, 150: value}) == [("gradient_not_finite", 0), ("gradient_not_finite", 150)]
    (finding,) = GradientSpikes().update(Block({"grad_norm": Points(np.array([7]), np.array([value]))}))
    assert (finding.severity, finding.step) == (Severity.WARNING, 7)


def test_doubling_of_a_steady_norm_is_no_spike() -> None:
    value = np.full(200, 0.3)
    value[[100, 103, 106, 109]] = 0.6
    assert GradientSpikes().update(Block({"grad_norm": Points(np.arange(200), value)})) == []
