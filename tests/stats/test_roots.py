"""The root of an inverse gives the inverse and the determinant, however little noise there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.gp import matern32
from heldout.stats.roots import inverse_root, toeplitz_root


@given(size=st.integers(1, 70), several=st.booleans(), seed=st.integers(0, 99))
def test_it_is_the_triangle_that_gives_the_inverse(size: int, several: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(3, size, size + 2))
    covariance = factor @ factor.swapaxes(1, 2) / size + 0.1 * np.eye(size)
    covariance = covariance if several else covariance[0]
    root = inverse_root(covariance)
    assert not np.triu(root, 1).any()
    np.testing.assert_allclose(root.swapaxes(-1, -2) @ root, np.linalg.inv(covariance), atol=1e-9)
    log_determinant = -2.0 * np.log(root.diagonal(axis1=-2, axis2=-1)).sum(axis=-1)
    np.testing.assert_allclose(log_determinant, np.linalg.slogdet(covariance)[1], atol=1e-9)


@pytest.mark.parametrize("size", [12, 13, 120])
def test_smooth_covariances_with_little_noise_lose_no_more_than_rounding(size: int) -> None:
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(float)
    covariance = 40.0 * matern32(apart, 24.0) + 0.05 * np.eye(size)
    root = inverse_root(covariance)
    np.testing.assert_allclose(root.T @ (root @ covariance), np.eye(size), atol=1e-10)


def test_a_matrix_that_is_not_positive_definite_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        inverse_root(np.diag([*np.ones(40), -1.0]))


@given(size=st.integers(1, 70), length=st.sampled_from([3.0, 24.0]), several=st.booleans())
def test_the_root_of_what_depends_on_the_distance_alone_begins_that_of_more(
    size: int, length: float, several: bool
) -> None:
    apart = np.arange(size + 9.0)
    row = np.stack([signal * matern32(apart, length) + (apart == 0.0) for signal in (0.3, 8.0)])
    row = row if several else row[1]
    more, root = toeplitz_root(row), toeplitz_root(row[..., :size])
    np.testing.assert_array_equal(more[..., :size, :size], root)
    place = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    np.testing.assert_allclose(root, inverse_root(row[..., place]), atol=1e-9)
