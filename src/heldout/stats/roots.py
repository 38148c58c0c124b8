"""The root of the inverse of a covariance, with which values become independent of each other."""

from __future__ import annotations

import numpy as np

from heldout.stats.arrays import FloatArray, floats

_AT_ONCE = 12  # rows: triangles that are no larger are inverted as they are


def inverse_root(covariance: FloatArray) -> FloatArray:
    """Which lower triangle R gives the inverse of a covariance as ``R' R``?

    It is the inverse of the Cholesky root, of which a general inversion would take four times as long: it does not know
    that half of it is zero.

    `covariance`: symmetric, positive definite, shape (..., K, K). Returns R of this shape; the logarithm of the
    determinant of the covariance is ``-2 sum log diag(R)``.
    Raises numpy.linalg.LinAlgError where one is not positive definite.

    Source: Golub, Van Loan 2013, "Matrix computations", sections 3.1 and 4.2.

    >>> root = inverse_root(np.array([[4.0, 2.0], [2.0, 10.0]]))
    >>> (root.T @ root @ [[4.0, 2.0], [2.0, 10.0]]).round(12).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _inverted(floats(np.linalg.cholesky(covariance)))


def _inverted(triangle: FloatArray) -> FloatArray:
    """The inverse of lower triangles by halves: ``[[A, 0], [B, D]]`` has ``[[A^-1, 0], [-D^-1 B A^-1, D^-1]]``."""
    size = triangle.shape[-1]
    if size <= _AT_ONCE:
        return floats(np.tril(np.linalg.inv(triangle)))
    half = size // 2
    inverse = np.zeros_like(triangle)
    inverse[..., :half, :half] = first = _inverted(triangle[..., :half, :half])
    inverse[..., half:, half:] = last = _inverted(triangle[..., half:, half:])
    inverse[..., half:, :half] = -(last @ triangle[..., half:, :half]) @ first
    return inverse
