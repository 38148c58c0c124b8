"""Simulated recipes of several seeds whose true difference is known.

The logit of solving a problem is the problem's own ease, what a recipe makes of that problem, how far a seed is above
its recipe, and the recipe's level; each a normal number. Answers are drawn from it, one a problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from heldout.stats.arrays import FloatArray

EASE = 2.0  # deviation of the problems' logits; then a seed that is 0.15 off solves two points more or less
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(120)


@dataclass(frozen=True)
class Recipes:
    """Two recipes or more; `truth` is how much the second solves more than the first, over all seeds and problems."""

    n: int  # problems
    k: int  # seeds of each
    seed: float = 0.0  # deviation of the seeds' logits
    problem: float = 0.0  # of what a recipe makes of a problem
    truth: float = 0.0
    wilder: float = 1.0  # times as far are the seeds of the second off

    @cached_property
    def shift(self) -> float:
        """The logits between the recipes, which make `truth`, a fraction."""
        low, high = -8.0, 8.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            more = self._level(middle, self.wilder) - self._level(0.0)
            low, high = (low, middle) if more > self.truth else (middle, high)
        return 0.5 * (low + high)

    def _level(self, shift: float, wilder: float = 1.0) -> float:
        deviation = np.sqrt(EASE**2 + (wilder * self.seed) ** 2 + self.problem**2)
        return float(_WEIGHTS @ solved(_NODES * deviation + shift) / _WEIGHTS.sum())

    def draw(self, rng: np.random.Generator, shifts: FloatArray | None = None) -> FloatArray:
        """Answers of shape (recipes, k, n), 0 or 1; of two recipes if no shifts are given."""
        level = np.array([0.0, self.shift]) if shifts is None else shifts
        logit = EASE * rng.standard_normal(self.n) + self.problem * rng.standard_normal((len(level), 1, self.n))
        scatter = self.seed * np.where(np.arange(len(level)) == 1, self.wilder, 1.0)[:, None, None]
        logit = logit + level[:, None, None] + scatter * rng.standard_normal((len(level), self.k, 1))
        return (rng.random(logit.shape) < solved(logit)).astype(np.float64)

    def curves(self, rng: np.random.Generator, steps: int, anew: bool) -> FloatArray:
        """Answers of two recipes at several steps, shape (2, steps, k, n); seeds are as far off at all, or anew."""
        logit = EASE * rng.standard_normal(self.n) + self.problem * rng.standard_normal((2, 1, 1, self.n))
        logit = logit + self.seed * rng.standard_normal((2, steps if anew else 1, self.k, 1))
        return (rng.random((2, steps, self.k, self.n)) < solved(logit)).astype(np.float64)

    def __str__(self) -> str:
        """Problems, seeds and by how many points they scatter, whether problems do, and the points between recipes."""
        scatter = 100.0 * self.seed * (self._level(0.01) - self._level(-0.01)) / 0.02
        other = f" and ±{self.wilder * scatter:.1f}" if self.wilder != 1.0 else ""
        size = f"{self.n} problems, {self.k} + {self.k}, ±{scatter:.1f}{other}"
        own = f", problems ±{self.problem:g}" if self.problem else ""
        return f"{size}{own}, {100.0 * self.truth:g} apart" if self.truth else f"{size}{own}"


def solved(logit: FloatArray) -> FloatArray:
    """The chance of solving a problem."""
    return np.asarray(1.0 / (1.0 + np.exp(-logit)), dtype=np.float64)
