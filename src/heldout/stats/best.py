"""Which of several recipes is the best? A set that holds it, never a rank: the highest of many is high by luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from heldout.stats import student
from heldout.stats.arrays import FloatArray, floats
from heldout.stats.crossed import difference
from heldout.stats.levels import FALSE_ALARMS
from heldout.stats.simultaneous import DRAWS, by_group, flips, reach, share_above, z_of


@dataclass(frozen=True, slots=True, eq=False)
class BestSet:
    """Recipes that cannot be told from the best one."""

    highest: int  # index of the recipe that looks best, which is always a member
    members: tuple[int, ...]  # ascending; holds the one that is best in truth with 95 %
    p: FloatArray  # shape (R,), of each being as good as any other, paid for all others
    shrunk: FloatArray  # shape (R,), the level of each without the luck of those that look best; see `shrunk`


def best_set(
    recipes: Sequence[npt.ArrayLike],
    groups: npt.ArrayLike | None = None,
    *,
    shift: npt.ArrayLike = 0.0,
    alpha: float = FALSE_ALARMS,
    draws: int = DRAWS,
    seed: int = 0,
) -> BestSet:
    """Which recipes may be the best, for other seeds and other problems of the kind?

    A recipe is left out if some other is better than it: ``max_s t(s, r) > q_r`` where t is of their difference
    (`crossed.difference`) and q_r the 95 % quantile of that maximum under turned signs of whole problems. What is best
    in truth is better than nothing else, so that it is left out in no more than 5 of 100 cases.

    `recipes` are R arrays of shape (k_r, n): shares of solved samples, one row a seed, in the same order of problems.
    `groups`, shape (n,), are problems that stand or fall together. With one run each it is about these checkpoints.
    `shift`, a number or of shape (R,), is added to the level of each: minus the luck of a step that was chosen because
    it looked best. Raises ValueError as `crossed.difference` does.

    What it cannot see: the luck of such a choice, unless `shift` takes it away.

    Source: Hsu 1981, "Simultaneous confidence intervals for all distances from the best", Annals of Statistics 9;
    Hansen, Lunde, Nason 2011, "The model confidence set", Econometrica 79.
    """
    means = np.stack([floats(recipe).mean(axis=0) for recipe in recipes])
    by = np.broadcast_to(floats(shift), len(means))
    z, error = _pairs(recipes, groups, by)
    null = _largest(by_group(means, groups), draws, seed)
    worst = z.max(axis=0, initial=-np.inf)
    p = np.array([share_above(row, one) for row, one in zip(null, worst, strict=True)])
    level = means.mean(axis=1) + by
    highest = int(level.argmax())
    inside = [r for r in range(len(means)) if r == highest or not worst[r] > reach(null[r], alpha)]
    return BestSet(highest, tuple(inside), p, shrunk(level, error))


def _pairs(
    recipes: Sequence[npt.ArrayLike], groups: npt.ArrayLike | None, shift: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """How far recipe s is above recipe r, in deviations of a normal value, at [s, r]; and the error of each by itself.

    The first has -inf on its diagonal. The variance of a difference is that of two recipes, half of it that of one.
    """
    count = len(recipes)
    z, variance = np.full((count, count), -np.inf), np.zeros(count)
    for r, s in combinations(range(count), 2):
        found = difference(recipes[r], recipes[s], groups)
        z[s, r] = _deviations(found.value + float(shift[s] - shift[r]), found.se, found.df)
        z[r, s] = -z[s, r]
        variance[[r, s]] += found.se**2 / (2.0 * (count - 1))
    return z, np.sqrt(variance)


def _deviations(value: float, se: float, df: float) -> float:
    if value == 0.0 or se == 0.0:
        return 0.0 if value == 0.0 else np.inf if value > 0.0 else -np.inf
    above = z_of(student.tail(abs(value) / se, df))
    return above if value > 0.0 else -above


def _largest(rest: FloatArray, draws: int, seed: int) -> FloatArray:
    """By how much the best of the others is above recipe r by noise, sorted, shape (R, draws)."""
    turned = flips(rest, draws=draws, seed=seed)
    product = rest @ rest.T
    square = product.diagonal()[:, None] + product.diagonal() - 2.0 * product
    null = np.empty((len(rest), draws))
    for r, row in enumerate(square):
        others = row > 1e-12 * max(float(row.max()), 1e-300)
        size = np.sqrt(np.where(others, row, 1.0))
        null[r] = np.where(others, (turned - turned[:, r : r + 1]) / size, -np.inf).max(axis=1)
    return np.sort(np.where(np.isfinite(null), null, 0.0), axis=1)


def shrunk(values: npt.ArrayLike, se: npt.ArrayLike) -> FloatArray:
    """How good is each of several recipes, once the luck of those that look best is taken from them?

    ``mean + T / (T + se_r^2) (value_r - mean)`` with T = max(0, variance of the values - mean of se_r^2): the empirical
    Bayes estimate of a normal population. All are drawn to their mean where they differ by no more than noise.

    `values` has shape (R,), `se` broadcasts to it: the error of each *beside the others*. What they share, as the
    difficulty of the same problems, is no part of it. Returns shape (R,); a single value is returned as it is.

    What it cannot see: which of them is better: it is for numbers that are quoted, and keeps the order of equal errors.

    Source: Efron, Morris 1975, "Data analysis using Stein's estimator and its generalizations", JASA 70.
    """
    value = floats(values)
    own = np.broadcast_to(floats(se), value.shape) ** 2
    between = max(0.0, float(value.var(ddof=1)) - float(own.mean())) if value.size > 1 else np.inf
    if between == np.inf:
        return value
    total = between + own
    weight = np.divide(between, total, out=np.ones_like(total), where=total > 0.0)
    return floats(value.mean() + weight * (value - value.mean()))
