"""Since when two recipes differ in what was logged while training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recipes_made import recipe
from scipy.signal import lfilter

from heldout.compare import compare, words
from heldout.compare.parting import first_apart
from heldout.run import Run, Series


@pytest.mark.parametrize("phi", [0.0, 0.9])
@pytest.mark.parametrize("count", [30, 200])
def test_slow_noise_is_no_difference(phi: float, count: int) -> None:
    rng = np.random.default_rng(count)
    found = [
        first_apart(np.arange(float(count)), lfilter([1], [1, -phi], rng.normal(size=count + 300))[300:])
        for _ in range(120)
    ]
    assert sum(one is not None for one in found) <= 12  # 5 % are expected at most, and 14 have a chance of 0.3 %


@pytest.mark.parametrize(("begins", "count"), [(80, 200), (500, 1000), (12, 40)])
def test_a_difference_is_found_about_where_it_begins(begins: int, count: int) -> None:
    step = np.arange(float(count))
    noise = np.random.default_rng(3).normal(0.0, 0.5, count)
    found = first_apart(step, np.clip((step - begins) / (0.1 * count), 0.0, 1.0) * 12.0 + noise)
    assert found is not None
    assert begins - 0.05 * count <= found[0] <= begins + 0.1 * count
    assert found[1] == pytest.approx(12.0, abs=1.0)


def test_no_difference_at_all_is_none() -> None:
    assert first_apart(np.arange(50.0), np.zeros(50)) is None


def with_length(run: Run, value: np.ndarray) -> Run:
    length = Series("length", np.arange(len(value)), value)
    return replace(run, metrics={**run.metrics, "length": length}, roles={**run.roles, "length": "length"})


def test_signals_are_asked_where_all_runs_have_them_and_rewards_only_where_they_are_one() -> None:
    rng = np.random.default_rng(0)
    a = [with_length(run, rng.normal(20.0, 1.0, 100)) for run in recipe("a", 0.6)]
    b = [with_length(run, rng.normal(20.0, 1.0, 100) + np.arange(100) * 0.2) for run in recipe("b", 0.5, first=9)]
    found = compare([*a, *b])
    told = {one.signal: one for one in found.parting}
    assert set(told) == {"held-out score", "reward", "length"}
    assert "not the same quantity" in told["reward"].why
    assert told["length"].step is not None
    assert told["length"].difference < -10.0
    assert any(text.startswith("length: from about step") for text in words.parting(found))
    assert "length" not in {one.signal for one in compare([*a, *recipe("b", 0.5, first=9)]).parting}
