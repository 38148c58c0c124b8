"""Simulated training answers of which it is known how many of the rewarded ones fail the hidden tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from heldout.errors import UsageError
from heldout.judged import Judged
from heldout.stats.arrays import BoolArray, FloatArray, IntArray, floats

# Step of every answer, its group, whether it is rewarded and fails → with which chance it is drawn, and whether it was.
Draw = Callable[[IntArray, IntArray, BoolArray, BoolArray, np.random.Generator], tuple[FloatArray, BoolArray]]


def simulate_answers(
    shares: npt.ArrayLike,
    *,
    seed: int,
    prompts: int = 16,
    answers: int = 1,
    rewarded: float = 0.6,
    alike: float = 0.05,
    turned_down: float = 0.0,
    draw: Draw | None = None,
    undrawn: bool = False,
) -> Judged:
    """Make the answers of a run, and keep those that are drawn.

    Parameters
    ----------
    shares
        Shape (T,): which share of the rewarded answers fails at each step from 1, within 0 and 1.
    seed
        The same one makes the same answers.
    prompts, answers
        Prompts of a step, and answers of each.
    rewarded
        Share of the answers that are rewarded, above 0 and below 1.
    alike
        Correlation of failing within a prompt, above 0 and below 1.
    turned_down
        Share of the answers that pass which go unrewarded.
    draw
        Which answers are kept, all of which are judged; all of them if not given.
    undrawn
        Whether the others are there as well, without an outcome.

    Raises
    ------
    UsageError
        When a share is outside what it may be.

    >>> judged = simulate_answers([0.1, 0.9], seed=1, prompts=200)
    >>> [round(float(judged.failed[(judged.step == step) & judged.rewarded].mean()), 1) for step in (1, 2)]
    [0.1, 0.9]
    """
    rng, means = np.random.default_rng(seed), floats(shares)
    for name, value in (("a share", means), ("turned_down", turned_down)):
        if not np.all((np.asarray(value) >= 0.0) & (np.asarray(value) <= 1.0)):
            raise UsageError(f"{name} is {value}; it must be from 0 to 1.")
    if not (0.0 < rewarded < 1.0 and 0.0 < alike < 1.0):
        raise UsageError(f"rewarded is {rewarded} and alike {alike}; both must be above 0 and below 1.")
    each = _failing(means, prompts, alike, rng)  # of every prompt, shape (T, prompts)
    fails_if_paid = np.repeat(each.ravel(), answers)
    group = np.repeat(np.arange(each.size), answers)
    step = group // prompts + 1
    paid = rng.random(group.size) < rewarded
    # so many of the others pass that the wished share of those that pass is unrewarded
    passing = rewarded * (1.0 - fails_if_paid) * turned_down / max(1.0 - turned_down, 1e-12) / (1.0 - rewarded)
    fails = rng.random(group.size) < np.where(paid, fails_if_paid, 1.0 - np.minimum(passing, 1.0))
    of_group = np.bincount(group, paid, minlength=each.size).astype(np.float64)[group]
    ones = np.ones(group.size)
    judged = Judged(step, group, paid, fails.astype(np.float64), ones, of_group)
    if draw is None:
        return judged
    chance, drawn = draw(step, group, paid, fails, rng)
    if undrawn:
        return replace(judged, chance=chance, failed=np.where(drawn, judged.failed, np.nan))
    return replace(judged, chance=chance).where(drawn)


def _failing(means: FloatArray, prompts: int, alike: float, rng: np.random.Generator) -> FloatArray:
    """Draw the share of each prompt, shape (T, prompts): beta distributed, with the mean of its step."""
    size = (means.size, prompts)
    inner = np.clip(means, 1e-9, 1.0 - 1e-9)[:, None]
    times = 1.0 / alike - 1.0
    drawn = rng.beta(inner * times, (1.0 - inner) * times, size)
    edge = (means[:, None] == 0.0) | (means[:, None] == 1.0)
    return floats(np.where(edge, np.broadcast_to(means[:, None], size), drawn))
