"""Two columns of one measurement, and two that only take the same course."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from heldout.stats.arrays import FloatArray
from heldout.stats.copies import near_copy

RNG = np.random.default_rng(5)
RISE = np.linspace(0.3, 0.7, 20)
RATES = RNG.binomial(300, RISE) / 300


@pytest.mark.parametrize(
    "copied",
    [
        lambda x: x,
        lambda x: 100.0 * x,
        lambda x: 2.0 * x - 1.0,
        lambda x: np.round(x, 2),
        lambda x: x + np.random.default_rng(1).normal(0.0, 0.002, len(x)),
    ],
)
def test_a_copy_in_another_unit_or_rounded_is_one_measurement(copied: Callable[[FloatArray], FloatArray]) -> None:
    assert near_copy(RATES, copied(RATES))
    assert near_copy(copied(RATES), RATES)


def test_benchmarks_that_a_run_improves_alike_are_two() -> None:
    steep = np.linspace(0.02, 0.98, 20)  # so steep that the levels of any two correlate above 0.95
    one, other = (steep + RNG.normal(0.0, 0.01, 20) for _ in range(2))
    assert np.corrcoef(one, other)[0, 1] > 0.95
    assert not near_copy(one, other)


def test_an_error_rate_is_no_copy_of_its_accuracy() -> None:
    assert not near_copy(RATES, 1.0 - RATES)


def test_few_values_and_constant_ones_are_no_copies() -> None:
    assert not near_copy(RATES[:5], RATES[:5])
    assert near_copy(RATES[:6], RATES[:6])
    assert not near_copy(np.zeros(20), np.zeros(20))
    assert not near_copy(RATES, np.zeros(20))


def test_independent_noise_is_hardly_ever_a_copy() -> None:
    pairs = RNG.normal(size=(2000, 2, 6))
    assert sum(near_copy(one, other) for one, other in pairs) <= 6
