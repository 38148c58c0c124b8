"""The root of the inverse of a covariance, with which values become independent of each other."""

from __future__ import annotations

import numpy as np

from heldout.stats.arrays import FloatArray, floats

AT_ONCE = 64  # evals: what is the beginning of the same for more is made for so many more at once
_SMALL = 12  # rows: triangles that are no larger are inverted as they are


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


def toeplitz_root(row: FloatArray) -> FloatArray:
    """Which R is that of a covariance that depends on the distance alone, `row` being its first row?

    The rows of R are the errors of predicting each value from those before it, which Durbin's recursion finds one after
    the other, in a time that grows with the square of K. The first k rows and columns are the R of k values.

    `row`: shape (..., K), of positive definite matrices. Returns R as `inverse_root` does, shape (..., K, K).

    Source: Durbin 1960, "The fitting of time-series models", Review of the International Statistical Institute 28.

    >>> root = toeplitz_root(np.array([4.0, 2.0, 1.0]))
    >>> bool(np.allclose(root, inverse_root(np.array([[4.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 4.0]]))))
    True
    """
    size, error = row.shape[-1], row[..., :1]
    root, filters = np.zeros((*row.shape, size)), np.ones((*row.shape[:-1], 1))
    for last in range(size):
        if last:
            reflected = -np.sum(filters * row[..., 1 : last + 1], axis=-1, keepdims=True) / error
            error = error * (1.0 - reflected**2)
            longer = np.zeros((*row.shape[:-1], last + 1))
            longer[..., 1:] = filters
            longer[..., :-1] += reflected * filters[..., ::-1]
            filters = longer
        root[..., last, : last + 1] = filters / np.sqrt(error)
    return root


def _inverted(triangle: FloatArray) -> FloatArray:
    """The inverse of lower triangles by halves: ``[[A, 0], [B, D]]`` has ``[[A^-1, 0], [-D^-1 B A^-1, D^-1]]``."""
    size = triangle.shape[-1]
    if size <= _SMALL:
        return floats(np.tril(np.linalg.inv(triangle)))
    half = size // 2
    inverse = np.zeros_like(triangle)
    inverse[..., :half, :half] = first = _inverted(triangle[..., :half, :half])
    inverse[..., half:, half:] = last = _inverted(triangle[..., half:, half:])
    inverse[..., half:, :half] = -(last @ triangle[..., half:, :half]) @ first
    return inverse
