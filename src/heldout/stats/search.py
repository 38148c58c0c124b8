"""Which checkpoint should be evaluated next, to find the best one with the fewest evaluations?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import BoolArray, FloatArray, IntArray, floats
from heldout.stats.gp import FLAT, GRID, LENGTHS, grid_weights, matern32
from heldout.stats.levels import quantile

FIRST = 5  # evaluations of the even grid that everything begins with
WORTH = 0.0005  # a further evaluation is worth it while it promises this much
_SPAN = 40.0  # the lengths of `gp_posterior` are for 40 evaluations from the first checkpoint to the last
_LOOKS = floats([quantile((i + 0.5) / 64) for i in range(64)])  # what a standard normal result may be


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What is known about all checkpoints while only some have been evaluated."""

    mean: FloatArray  # (K,): estimated rate of every checkpoint
    sd: FloatArray  # (K,): how well each is known
    gain: FloatArray  # (K,): expected growth of the kept one's rate if this one is evaluated too; 0 where it cannot be
    best: int | None  # the evaluated checkpoint to keep so far; None while no existing one has been evaluated
    next: int | None  # the checkpoint to evaluate next; None where no evaluation is worth it any more


def search(
    position: npt.ArrayLike,
    evaluated: npt.ArrayLike,
    value: npt.ArrayLike,
    variance: npt.ArrayLike,
    available: npt.ArrayLike | None = None,
    *,
    first: int = FIRST,
    worth: float = WORTH,
) -> Search:
    """Which checkpoint should be evaluated next?

    First an even grid, coarse to fine; then the checkpoint with the largest expected gain (knowledge gradient): how
    much higher is the posterior mean of the checkpoint that one would keep afterwards.

    `position`: shape (K,), increasing: the step of every checkpoint that was evaluated or could be. `evaluated`: shape
    (k,): indices of those that have been, each once. `value`: shape (k,): their rates. `variance`: noise variance of
    those rates, one number or shape (k,), above 0. `available`: shape (K,), booleans: the checkpoints that exist. All
    if not given. Others tell of their neighbours. `first`: size of the even grid. `worth`: the least expected gain that
    pays for an evaluation, in the unit of the values.
    Raises ValueError if there is no checkpoint, an index is outside or there twice, or a variance is not above 0.

    The model is that of `gp_posterior`, on steps that are scaled to 40 evaluations for the whole run, with the jitter
    of single checkpoints as a part of their quality. What it cannot see: a peak narrower than the grid that rises from
    nothing, and the value of two evaluations that only pay off together (the gain looks one evaluation ahead).

    Source: Frazier, Powell, Dayanik 2009, "The knowledge-gradient policy for correlated normal beliefs", INFORMS
    Journal on Computing 21; Rasmussen, Williams 2006, chapter 2.

    >>> found = search(range(0, 400, 10), [3, 10, 16, 23, 30, 36], [0.30, 0.33, 0.36, 0.35, 0.31, 0.28], 0.01**2)
    >>> found.best, 16 < found.next < 23
    (16, True)
    """
    position = floats(position)
    chosen = np.asarray(evaluated, dtype=np.int64)
    value = floats(value)
    noise = floats(np.broadcast_to(floats(variance), value.shape))
    exists = np.ones(position.size, dtype=bool) if available is None else np.asarray(available, dtype=bool)
    _refuse(position, chosen, value, noise, exists)
    open_to = np.setdiff1d(np.flatnonzero(exists), chosen)
    grid = _of_grid(position, chosen, open_to) if chosen.size < first else None
    if not chosen.size:
        unknown = np.full(position.size, np.nan)
        return Search(unknown, unknown, np.zeros(position.size), None, grid)
    mean, covariance = _posterior(position, chosen, value, noise)
    kept = chosen[exists[chosen]]
    gain = _gains(mean, covariance, float(noise.mean()), kept, open_to)
    best = int(kept[int(mean[kept].argmax())]) if kept.size else None
    promising = int(gain.argmax()) if gain.max() >= worth else None
    return Search(mean, np.sqrt(covariance.diagonal()), gain, best, promising if grid is None else grid)


def _refuse(position: FloatArray, chosen: IntArray, value: FloatArray, noise: FloatArray, exists: BoolArray) -> None:
    if not position.size or exists.shape != position.shape or not exists.any():
        raise ValueError("there is no checkpoint to evaluate.")
    if chosen.shape != value.shape or np.unique(chosen).size != chosen.size:
        raise ValueError(f"{chosen.size} checkpoints and {value.size} rates; each checkpoint must have one rate.")
    outside = chosen[(chosen < 0) | (chosen >= position.size)]
    if outside.size:
        raise ValueError(f"evaluated names checkpoint {outside[0]}; there are {position.size}.")
    if not np.all(noise > 0.0):
        raise ValueError("the variance of a rate must be above 0.")


def _of_grid(position: FloatArray, chosen: IntArray, open_to: IntArray) -> int | None:
    """The open checkpoint furthest from all evaluated ones; at the start that in the middle.

    That fills an even grid from coarse to fine, whatever has been evaluated already.
    """
    if not open_to.size:
        return None
    if not chosen.size:
        return int(open_to[np.abs(position[open_to] - 0.5 * (position[0] + position[-1])).argmin()])
    apart = np.abs(position[open_to][:, None] - position[chosen]).min(axis=1)
    return int(open_to[int(apart.argmax())])


def _posterior(
    position: FloatArray, chosen: IntArray, value: FloatArray, noise: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of the rates of all checkpoints, averaged over how smooth the run may be."""
    unit, centre = float(noise.mean()), float(value.mean())
    scaled = (value - centre) / np.sqrt(unit)
    prior = _prior(position)
    known = prior[:, chosen[:, None], chosen] + np.diag(noise / unit)
    precision = floats(np.linalg.inv(known))
    misfit = np.einsum("i,hij,j->h", scaled, precision, scaled)
    weights = grid_weights(misfit, floats(np.linalg.slogdet(known)[1]))
    gain = prior[:, :, chosen] @ precision  # (H, K, k)
    means = gain @ scaled
    mean = weights @ means
    within = np.tensordot(weights, prior - gain @ prior[:, chosen, :], axes=1)
    apart = means - mean
    covariance = unit * (within + (weights[:, None] * apart).T @ apart)
    return centre + np.sqrt(unit) * mean, floats(covariance)


def _prior(position: FloatArray) -> FloatArray:
    """Prior covariance of the rates at each grid point, shape (H, K, K), in units of the noise variance."""
    span = float(position[-1] - position[0])
    apart = np.abs(np.subtract.outer(position, position)) * (_SPAN / span if span > 0.0 else 0.0)
    alike = {length: matern32(apart, length) for length in LENGTHS}
    own = np.eye(position.size)
    return np.stack([s * alike[length] + FLAT + shake * own for length, s, shake in GRID])


def _gains(mean: FloatArray, covariance: FloatArray, noise: float, kept: IntArray, open_to: IntArray) -> FloatArray:
    """How much would evaluating each open checkpoint raise the mean of the best one to keep, on average?"""
    gain = np.zeros(mean.size)
    now = float(mean[kept].max() if kept.size else mean.min())
    for candidate in open_to:
        after = np.append(kept, candidate)
        moved = covariance[after, candidate] / np.sqrt(covariance[candidate, candidate] + noise)
        gain[candidate] = (mean[after] + _LOOKS[:, None] * moved).max(axis=1).mean() - now
    return gain
