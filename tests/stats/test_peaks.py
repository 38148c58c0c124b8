"""Peaks: the same ones and the same prominences as scipy, and their significance."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import find_peaks, peak_prominences

from heldout.stats.gp import gp_posterior
from heldout.stats.peaks import local_maxima, peaks, prominence

curves = st.lists(st.integers(-4, 4).map(float), min_size=0, max_size=60).map(np.array)


@given(curves)
def test_peaks_and_prominences_are_those_of_scipy(value: npt.NDArray[np.float64]) -> None:
    value = np.asarray(value, dtype=np.float64)
    top = find_peaks(value)[0] if value.size else np.empty(0)
    assert local_maxima(value).tolist() == top.tolist()
    if top.size:
        expected = peak_prominences(value, top)[0]
        assert [prominence(value, int(i))[0] for i in top] == expected.tolist()


def test_the_foot_is_the_higher_of_both_sides() -> None:
    value = np.array([0.0, 3.0, 1.0, 5.0, 2.0, 4.0])
    assert prominence(value, 1) == (2.0, 2)
    assert prominence(value, 3) == (3.0, 4)


def test_peaks_and_troughs_in_order_of_step() -> None:
    step = np.array([0.0, 10.0, 15.0, 40.0, 60.0])
    got = peaks(step, np.array([0.0, 4.0, 1.0, 6.0, 2.0]), 1.0)
    assert [(p.step, p.value, p.prominence, p.z, p.kind) for p in got] == [
        (10.0, 4.0, 3.0, 3.0, "peak"),
        (15.0, 1.0, 3.0, 3.0, "trough"),
        (40.0, 6.0, 4.0, 4.0, "peak"),
    ]


def test_small_turns_are_left_out() -> None:
    value = np.array([0.0, 1.0, 0.9, 5.0, 0.0])
    assert [p.step for p in peaks(np.arange(5.0), value, 1.0)] == [3.0]
    assert [p.step for p in peaks(np.arange(5.0), value, 1.0, least=0.05)] == [1.0, 2.0, 3.0]


@given(st.integers(3, 50), st.integers(0, 999))
def test_the_mirror_image_swaps_peaks_and_troughs(n: int, seed: int) -> None:
    value = np.random.default_rng(seed).normal(size=n)
    one, other = peaks(np.arange(float(n)), value, 0.5), peaks(np.arange(float(n)), -value, 0.5)
    assert [(p.step, p.prominence) for p in one] == [(p.step, p.prominence) for p in other]
    assert [p.kind for p in one] == ["peak" if p.kind == "trough" else "trough" for p in other]


def test_a_matrix_gives_the_sd_of_the_defining_difference() -> None:
    rng = np.random.default_rng(0)
    step = np.arange(40.0)
    posterior = gp_posterior(5.0 * np.exp(-(((step - 20.0) / 6.0) ** 2)) + rng.normal(0.0, 0.3, 40), 0.09)
    got = max(peaks(step, posterior.mean, posterior.difference_sd(), least=0.0), key=lambda p: p.prominence)
    top = int(got.step)
    height, foot = prominence(posterior.mean, top)
    assert abs(top - 20) <= 2
    assert got.z == pytest.approx(height / posterior.difference(top, foot)[1])
    assert got.z > 5.0


def test_significant_peaks_are_rare_on_the_posterior_of_noise() -> None:
    rng = np.random.default_rng(0)
    step, found = np.arange(40.0), 0
    for _ in range(100):
        posterior = gp_posterior(rng.normal(size=40), 1.0)
        found += bool(peaks(step, posterior.mean, posterior.difference_sd()))
    assert found <= 15


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_short_and_constant_curves_have_none(n: int) -> None:
    assert peaks(np.arange(float(n)), np.ones(n), 1.0) == ()
    assert peaks(np.arange(30.0), np.ones(30), 0.0) == ()


def test_without_uncertainty_every_turn_counts() -> None:
    assert [p.z for p in peaks(np.arange(3.0), np.array([0.0, 1e-6, 0.0]), 0.0)] == [math.inf]


def test_a_long_curve_is_averaged() -> None:
    step = np.arange(100_000.0)
    got = peaks(step, np.sin(step / 100_000.0 * 4.0 * math.pi), 0.1)
    assert [p.kind for p in got] == ["peak", "trough", "peak", "trough"]
    assert got[0].step == pytest.approx(12_500.0, abs=50.0)


def test_a_matrix_of_the_wrong_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"difference_sd has shape \(2, 2\); for 3 points"):
        peaks(np.arange(3.0), np.ones(3), np.ones((2, 2)))
    with pytest.raises(ValueError, match="A matrix for 2001 points is not supported"):
        peaks(np.arange(2001.0), np.ones(2001), np.ones((2001, 2001)))


@pytest.mark.parametrize(("least", "count"), [(2.0, 1), (2.001, 0)])
def test_a_turn_of_exactly_the_least_counts(least: float, count: int) -> None:
    value = np.array([0.0, 4.0, 0.0])
    assert len(peaks(np.arange(3.0), value, 2.0, least)) == count
    assert len(peaks(np.arange(3.0), value, 2.0)) == 1
    assert peaks(np.arange(3.0), value, 2.01) == ()


def test_two_thousand_points_are_looked_at_one_by_one_and_may_have_a_matrix() -> None:
    value = np.zeros(2000)
    value[[700, 1300]] = 3.0, -2.0
    sd = np.ones((2000, 2000))
    assert [(p.step, p.value, p.prominence, p.z) for p in peaks(np.arange(2000.0), value, sd)] == [
        (700.0, 3.0, 3.0, 3.0),
        (1300.0, -2.0, 2.0, 2.0),
    ]
    assert peaks(np.arange(2000.0), value, 1.0) == peaks(np.arange(2000.0), value, sd)
    longer = np.zeros(4000)
    longer[[1400, 1401]] = 3.0
    (top,) = peaks(np.arange(4000.0), longer, 1.0)
    assert (top.step, top.value) == (1400.5, 3.0)


def test_the_deviation_is_that_between_the_top_and_its_foot() -> None:
    value = np.array([0.0, 3.0, 1.0, 5.0, 2.0])
    sd = np.arange(25.0).reshape(5, 5) + 1.0
    got = peaks(np.arange(5.0), value, sd, least=0.0)
    assert [(p.step, p.z) for p in got] == [(1.0, 2.0 / sd[1, 2]), (2.0, 2.0 / sd[2, 1]), (3.0, 3.0 / sd[3, 4])]


@pytest.mark.parametrize(("value", "tops"), [
    ([0, 1, 0], [1]),
    ([0, 1, 1, 0], [1]),
    ([0, 1, 1, 1, 0], [2]),
    ([1, 1, 0], []),
    ([0, 1, 1], []),
    ([0, 2, 1, 1, 2, 0], [1, 4]),
    ([0, 1], []),
])  # fmt: skip
def test_a_flat_top_counts_once_at_its_middle(value: list[int], tops: list[int]) -> None:
    assert local_maxima(np.array(value, dtype=np.float64)).tolist() == tops


@pytest.mark.parametrize(("value", "top", "expected"), [
    ([0, 3, 1], 1, (2.0, 2)),
    ([1, 3, 0], 1, (2.0, 0)),
    ([1, 3, 1], 1, (2.0, 0)),  # of two equal grounds the left one
    ([9, 2, 1, 3, 0, 3, 8], 3, (2.0, 2)),  # an equal height does not end the ground, a higher one does
    ([4, 0, 3, 1, 2, 4], 2, (2.0, 3)),
])  # fmt: skip
def test_the_ground_reaches_to_the_next_higher_value(value: list[int], top: int, expected: tuple[float, int]) -> None:
    assert prominence(np.array(value, dtype=np.float64), top) == expected
