from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.charts.curve import envelope, reduce


def test_a_short_series_comes_back() -> None:
    step, value = reduce([1, 2, 3], [4, 5, 6], 100)
    assert step.tolist() == [1, 2, 3]
    assert value.tolist() == [4, 5, 6]


@given(st.integers(1000, 5000), st.integers(10, 200), st.integers(0, 5), st.booleans())
def test_what_is_kept(count: int, pixels: Any, seed: int, even: Any) -> None:
    random = np.random.default_rng(seed)
    step = np.arange(count) if even else np.cumsum(random.integers(1, 50, count))
    value = random.normal(size=count)
    kept_step, kept_value = reduce(step, value, pixels)
    assert len(kept_step) <= 2 * pixels + 2
    assert (np.diff(kept_step) > 0).all()
    assert kept_step[0] == step[0]
    assert kept_step[-1] == step[-1]
    assert kept_value.min() == value.min()
    assert kept_value.max() == value.max()
    assert (value[np.searchsorted(step, kept_step)] == kept_value).all()


def test_a_spike_survives_a_gap_in_the_steps() -> None:
    step = np.concatenate([np.arange(10_000), 1_000_000 + np.arange(10_000)])
    value = np.zeros(20_000)
    value[17_123] = 9.0
    assert reduce(step, value, 100)[1].max() == 9.0


def test_envelope_holds_nine_tenths() -> None:
    random = np.random.default_rng(1)
    step, value = np.arange(100_000), random.normal(size=100_000)
    at, low, high = envelope(step, value, 50)
    assert at.shape == low.shape == high.shape == (50,)
    assert np.allclose(low, -1.645, atol=0.15)
    assert np.allclose(high, 1.645, atol=0.15)


def test_envelope_of_everything() -> None:
    _, low, high = envelope([0, 1, 2, 3], [5.0, 1.0, 2.0, 8.0], 2, (0, 100))
    assert low.tolist() == [1.0, 2.0]
    assert high.tolist() == [5.0, 8.0]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_envelope_of_little(count: int) -> None:
    at, low, high = envelope(np.arange(count), np.ones(count), 10)
    assert at.size == low.size == high.size == count


def test_envelope_leaves_gaps_out() -> None:
    at, _, _ = envelope([0, 1, 1000], [1.0, 2.0, 3.0], 10)
    assert at.tolist() == [0.5, 1000]
