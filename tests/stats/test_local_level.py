"""The local-level smoother: its algebra, golden numbers, and a Kalman smoother as a second opinion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.local_level import laplacian, smoothed, smoother

GOLDEN = np.array([0.300, 0.322, 0.331, 0.350, 0.356, 0.352, 0.360, 0.349, 0.333, 0.327, 0.310, 0.305])
SCAN = [-0.2797, -0.4884, -0.4415, -0.2488, -0.3152, -0.0415, 0.2780, 0.6346, 1.3254, 1.9485]

spacings = st.lists(st.floats(0.1, 50.0), min_size=1, max_size=25)


def largest_contrast(value: Any, sd: Any, q: Any = 0.1) -> Any:
    """The largest z of "an earlier smoothed value is above the last one", and where."""
    s, p = smoother(value.size, q)
    drop = (s[:-1] - s[-1]) @ value
    factor = np.sqrt(p.diagonal()[:-1] + p[-1, -1] - 2.0 * p[:-1, -1])
    z = drop / (sd * factor)
    return float(z.max()), int(z.argmax())


def kalman_smoother(value: Any, noise: Any, walk: Any) -> Any:
    """Level of a random walk with a diffuse start, by the Rauch-Tung-Striebel recursions."""
    level, variance, seen = 0.0, 1e9, []
    for k, v in enumerate(value):
        variance += walk[k - 1] if k else 0.0
        gain = variance / (variance + noise[k])
        level, variance = level + gain * (v - level), (1.0 - gain) * variance
        seen.append((level, variance))
    out = [seen[-1]]
    for k in range(len(value) - 2, -1, -1):
        gain = seen[k][1] / (seen[k][1] + walk[k])
        ahead = seen[k][1] + walk[k]
        out.append((seen[k][0] + gain * (out[-1][0] - seen[k][0]), seen[k][1] + gain**2 * (out[-1][1] - ahead)))
    return np.array(out[::-1]).T


def test_golden_contrasts() -> None:
    got = [largest_contrast(GOLDEN[:k], 0.014) for k in range(3, 13)]
    np.testing.assert_allclose([z for z, _ in got], SCAN, atol=6e-5)
    assert got[-1][1] == 6


def test_laplacian_of_even_and_uneven_steps() -> None:
    assert laplacian(np.array([0.0, 5.0, 10.0])).tolist() == [[1, -1, 0], [-1, 2, -1], [0, -1, 1]]
    # spacings 1, 2 and 4: the median is 2
    assert laplacian(np.array([0.0, 1.0, 3.0, 7.0])).diagonal().tolist() == [2.0, 3.0, 1.5, 0.5]
    assert laplacian(np.array([3.0])).tolist() == [[0.0]]


def test_smoother_is_the_kalman_smoother() -> None:
    rng = np.random.default_rng(0)
    step = np.cumsum(rng.uniform(1.0, 9.0, 15))
    noise = rng.uniform(0.5, 3.0, 15)
    value = rng.normal(size=15)
    gap = np.diff(step)
    s, p = smoother(15, 0.3, step, noise)
    walk = 0.3 * noise.mean() * gap / np.median(gap)
    level, variance = kalman_smoother(value, noise, walk)
    np.testing.assert_allclose(s @ value, level, atol=1e-6)
    np.testing.assert_allclose(p.diagonal() * noise.mean(), variance, rtol=1e-5)


@given(spacings, st.floats(0.01, 10.0), st.integers(0, 10_000))
def test_smoother_keeps_constants_and_order(gaps: Any, q: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    step = np.cumsum([0.0, *gaps])
    s, _ = smoother(step.size, q, step, rng.uniform(0.05, 20.0, step.size))
    assert np.all(s > -1e-12)
    np.testing.assert_allclose(s.sum(axis=1), 1.0, atol=1e-9)
    rising = np.cumsum(rng.exponential(1.0, step.size) * rng.integers(0, 2, step.size))
    assert np.min(np.diff(s @ rising)) >= -1e-9 * (1.0 + rising[-1])


@given(spacings)
def test_no_contrast_with_the_last_eval_sees_a_drop_in_a_rising_truth(gaps: Any) -> None:
    step = np.cumsum([0.0, *gaps])
    s, _ = smoother(step.size, 0.1, step)
    partial = np.cumsum(s[:-1] - s[-1], axis=1)
    assert np.min(partial) >= -1e-9


def test_equal_variances_are_the_homoscedastic_case() -> None:
    one, other = smoother(8), smoother(8, step=np.arange(8.0) * 25.0, variance=np.full(8, 0.7))
    np.testing.assert_allclose(one[0], other[0])
    np.testing.assert_allclose(one[1], other[1])


def test_a_noisy_eval_counts_less() -> None:
    s, _ = smoother(5, variance=np.array([1.0, 1.0, 50.0, 1.0, 1.0]))
    assert s[2, 2] < smoother(5)[0][2, 2] / 3.0


@pytest.mark.parametrize("k", [0, 1])
def test_smoother_of_none_and_one(k: int) -> None:
    s, p = smoother(k)
    assert s.tolist() == p.tolist() == ([[1.0]] if k else [])


def test_smoother_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"q is 0.0; it must be above 0"):
        smoother(3, 0.0)
    with pytest.raises(ValueError, match="variance has 2 entries; it must have k = 3"):
        smoother(3, variance=np.ones(2))


def test_three_evals_by_hand() -> None:
    # P is the inverse of I + L / q with q = 1: [[2, -1, 0], [-1, 3, -1], [0, -1, 2]]
    s, p = smoother(3, 1.0)
    expected = np.array([[5.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 5.0]]) / 8.0
    np.testing.assert_allclose(p, expected)
    np.testing.assert_allclose(s, expected)
    weighted, posterior = smoother(2, 2.0, np.array([0.0, 3.0]), np.array([1.0, 3.0]))
    # the mean noise is 2: the first counts 2, the second 2 / 3, and the only edge 1 / 2
    by_hand = np.linalg.inv(np.array([[2.5, -0.5], [-0.5, 2.0 / 3.0 + 0.5]]))
    np.testing.assert_allclose(posterior, by_hand)
    np.testing.assert_allclose(weighted, by_hand * np.array([2.0, 2.0 / 3.0]))


@pytest.mark.parametrize("q", [0.0, -0.1, float("nan")])
def test_a_level_must_move(q: float) -> None:
    with pytest.raises(ValueError, match=f"q is {q}; it must be above 0"):
        smoother(3, q)


@given(k=st.integers(2, 90), q=st.sampled_from([1e-3, 0.1, 0.3, 7.0]))
def test_evals_that_are_evenly_spaced_need_no_inversion(k: int, q: float) -> None:
    even, of_any = smoother(k, q), np.linalg.inv(np.eye(k) + laplacian(np.arange(float(k))) / q)
    np.testing.assert_allclose(even[0], of_any, rtol=1e-9, atol=1e-13)
    assert even[1] is even[0]


@given(gaps=spacings, q=st.floats(0.01, 5.0), seed=st.integers(0, 99))
def test_smoothed_values_are_the_smoother_s(gaps: list[float], q: float, seed: int) -> None:
    step = np.cumsum([0.0, *gaps])
    value = np.random.default_rng(seed).normal(size=step.size)
    np.testing.assert_allclose(smoothed(value, q, step), smoother(step.size, q, step)[0] @ value, atol=1e-9)
    np.testing.assert_allclose(smoothed(value, q), smoother(step.size, q)[0] @ value, atol=1e-9)
