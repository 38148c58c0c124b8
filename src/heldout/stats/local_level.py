"""The local-level smoother: the level wanders like a random walk, and noise lies on top of it."""

from __future__ import annotations

import math

import numpy as np

from heldout.stats.arrays import FloatArray, floats

DEFAULT_Q = 0.1  # variance of the level's increment between two evals, in units of the noise variance


def laplacian(step: FloatArray) -> FloatArray:
    """Which neighbours hold each other back, and how strongly?

    Returns the Laplacian of the path graph, shape (k, k), each edge weighted by median spacing over its own spacing;
    `step` has shape (k,) and is strictly increasing.
    """
    step = floats(step)
    matrix = np.zeros((step.size, step.size))
    if step.size < 2:
        return matrix
    gap = np.diff(step)
    weight = np.median(gap) / gap
    left = np.arange(step.size - 1)
    matrix[left, left] += weight
    matrix[left + 1, left + 1] += weight
    matrix[left, left + 1] = matrix[left + 1, left] = -weight
    return matrix


def smoother(
    k: int, q: float = DEFAULT_Q, step: FloatArray | None = None, variance: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Which weighted mean of the evals is the level at each eval, and how well is it known?

    ``P = (W + L / q)^-1`` and ``S = P W``, with L the Laplacian and W the noise precisions relative to the mean noise.

    `k`: number of evals. The matrices are dense, so a few hundred at most. `q`: variance of the level's increment per
    median spacing, in units of the noise variance; above 0. `step`: shape (k,), strictly increasing; evenly spaced if
    not given. `variance`: shape (k,), noise variance of each eval; equal if not given.
    Returns S, shape (k, k), whose rows are positive and sum to one (smoothed values are ``S @ value``, and
    non-decreasing vectors stay so), and P, shape (k, k), the posterior covariance of the level in units of the mean
    noise variance.
    Raises ValueError if q is not positive, or `step` or `variance` does not have k entries.

    What it cannot see: how smooth this run really is; q is fixed. A sharp step of the level is drawn as a ramp.

    Source: Rauch, Tung, Striebel 1965, AIAA Journal 3; Durbin, Koopman 2012, "Time series analysis by state space
    methods", chapter 2 (local level model).
    """
    if not q > 0.0:
        raise ValueError(f"q is {q}; it must be above 0.")
    for name, given in (("step", step), ("variance", variance)):
        if given is not None and np.size(given) != k:
            raise ValueError(f"{name} has {np.size(given)} entries; it must have k = {k}.")
    if k > 1 and step is None and variance is None:
        posterior = _even(k, q)
        return posterior, posterior
    chain = laplacian(np.arange(k, dtype=np.float64) if step is None else step)
    weight = np.ones(k) if variance is None or k == 0 else floats(np.mean(variance) / floats(variance))
    posterior = floats(np.linalg.inv(np.diag(weight) + chain / q))
    return posterior * weight, posterior


def smoothed(value: FloatArray, q: float = DEFAULT_Q, step: FloatArray | None = None) -> FloatArray:
    """What is the level at each eval? ``S @ value``, shape (k,), of `smoother`, whose arguments these are."""
    chain = laplacian(np.arange(value.size, dtype=np.float64) if step is None else step)
    return floats(np.linalg.solve(np.eye(value.size) + chain / q, value))


def _even(k: int, q: float) -> FloatArray:
    """``(I + L / q)^-1`` of k evals that are evenly spaced and equally noisy, shape (k, k).

    It is made of two waves, one from either end, so that nothing has to be inverted:
    ``q cosh((i + 1/2) t) cosh((k - j - 1/2) t) / (sinh t sinh k t)`` for i up to j, with ``2 cosh t = 2 + q``. Written
    with ``exp(-t)`` alone, so that nothing overflows.
    """
    t, place = 2.0 * math.asinh(0.5 * math.sqrt(q)), np.arange(k)
    near_end = 1.0 + np.exp(-(2.0 * place + 1.0) * t)
    first, last = np.minimum.outer(place, place), np.maximum.outer(place, place)
    apart = np.exp(-t * place)[last - first]
    scale = q / (2.0 * math.sinh(t) * -math.expm1(-2.0 * k * t))
    return floats(scale * apart * near_end[first] * near_end[k - 1 - last])
