"""The course that never falls and fits best."""

from __future__ import annotations

import numpy as np

from heldout.stats.arrays import FloatArray, floats


def rising(value: FloatArray, weight: FloatArray | None = None) -> tuple[FloatArray, list[float]]:
    """Return the best course that never falls, and the squared misfit through each value (pool adjacent violators).

    `value`: shape (N,). `weight`: shape (N,), above 0; all alike if not given.

    Source: Robertson, Wright, Dykstra 1988, Order Restricted Statistical Inference.

    >>> rising(np.array([1.0, 3.0, 2.0, 4.0]))[0].tolist()
    [1.0, 2.5, 2.5, 4.0]
    """
    means: list[float] = []
    weights: list[float] = []
    lengths: list[int] = []
    misfits: list[float] = []  # of each stretch
    through: list[float] = []
    for score, counts in zip(value.tolist(), [1] * len(value) if weight is None else weight.tolist(), strict=True):
        means.append(score)
        weights.append(counts)
        lengths.append(1)
        misfits.append(0.0)
        while len(means) > 1 and means[-2] >= means[-1]:
            mean, count, length, misfit = means.pop(), weights.pop(), lengths.pop(), misfits.pop()
            both = weights[-1] + count
            misfits[-1] += misfit + weights[-1] * count / both * (means[-1] - mean) ** 2
            means[-1] = (means[-1] * weights[-1] + mean * count) / both
            weights[-1] = both
            lengths[-1] += length
        through.append(sum(misfits))
    return np.repeat(floats(means), lengths), through
